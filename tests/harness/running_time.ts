import { openSync, readSync } from "node:fs";

/** Of Linux alone: ns on a processor, ns spent waiting for one, and how often it got one. */
const SCHEDSTAT = "/proc/thread-self/schedstat";

/**
 * A monotonic clock in ms that stands still while this thread waits for a processor, so that what it measures does not
 * depend on what else the machine does. Where the system does not tell, it is `performance.now`.
 */
export function openRunningTime(): () => number {
  const now = performance.now.bind(performance);
  const waitedMs = openWaitedMs();
  return waitedMs ? () => now() - waitedMs() : now;
}

/** How long this thread has waited for a processor, in ms. */
function openWaitedMs(): (() => number) | undefined {
  let fd: number;
  try {
    fd = openSync(SCHEDSTAT, "r");
  } catch {
    return undefined;
  }
  const bytes = new Uint8Array(64);
  return () => {
    const length = readSync(fd, bytes, 0, bytes.length, 0);
    return Number(new TextDecoder().decode(bytes.subarray(0, length)).split(" ")[1]) / 1e6;
  };
}
