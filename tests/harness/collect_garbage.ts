/** A full garbage collection, now: what allocates to bring one about waits in vain at times, in a process of many tests. */
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

let collector: (() => void) | undefined;

/** Collects all that nobody can reach. Finalizers run in later turns of the event loop. */
export function collectGarbage(): void {
  collector ??= chooseCollector();
  collector();
}

function chooseCollector(): () => void {
  const { Bun: bun } = globalThis as { Bun?: { gc(isSynchronous: boolean): void } };
  if (bun !== undefined) return () => bun.gc(true);
  // V8 gives the function to contexts that are made while the flag is set.
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc");
  setFlagsFromString("--no-expose-gc");
  return collect;
}
