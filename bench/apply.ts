/** What an event costs between the socket and the file: the apply path alone, without a leader. */
import { join } from "node:path";
import type { Bench, Contender, Figures, Prepared, Setup } from "./bench.ts";
import { runChild } from "./child.ts";
import { type Contestant, eachStorage, slotcaskName } from "./followers.ts";

const SLOTS = 1_000_000;
const QUICK_SLOTS = 25_600;

/** CPU of the process: nothing else runs in it. */
export const APPLY_BENCH: Bench = {
  name: "apply",
  title: `apply and flush ${SLOTS / 1e6} M events of 8+16 of a whole scan, in batches of 256`,
  prepare,
};

function prepare({ dir, runtimes, quick }: Setup): Promise<Prepared> {
  const slots = String(quick ? QUICK_SLOTS : SLOTS);
  const contender = ({ runtime, storage }: Contestant): Contender => ({
    name: slotcaskName(runtime, storage),
    measure: () =>
      runChild(runtime, "apply.ts", [join(dir, "fixed.data"), storage, slots]) as Promise<Figures>,
  });
  return Promise.resolve({
    contenders: eachStorage(runtimes).map(contender),
    ratios: [],
    [Symbol.asyncDispose]: () => Promise.resolve(),
  });
}
