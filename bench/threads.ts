/** What threads that keep groups of shards buy, and cost: a catch-up with none of them and with two. */
import { join } from "node:path";
import type { Bench, Contender, Figures, Prepared, Ratio, RuntimeName, Setup } from "./bench.ts";
import { catchUp, catchUpFigures } from "./followers.ts";
import { Leaders } from "./leaders.ts";
import type { Filling } from "./real_leader.ts";
import { withDirectory } from "./rounds.ts";

const FILLINGS: readonly Filling[] = [1_000_000, 4_000_000, 16_000_000].map((slots) => ({
  shape: "8x16",
  shards: 2,
  slots,
}));
const QUICK_SLOTS = 50_000;
const THREADS = [0, 2];
/** Rounds of each size. */
const ROUNDS = 3;
/** Of two threads on two cores, beside the leader: from there on they are worth having. */
const GOAL = { must: 1.3, reach: 1.5 };

/** The bench. */
export const THREADS_BENCH: Bench = {
  name: "threads",
  title: "catch-up of 2 shards with threads that keep them, fresh directory",
  prepare,
};

function prepare({ dir, runtimes, quick }: Setup): Promise<Prepared> {
  const leaders = new Leaders(dir);
  const fillings = quick ? [{ ...FILLINGS[0], slots: QUICK_SLOTS }] : FILLINGS;
  const contenders = fillings.flatMap((filling) =>
    runtimes.flatMap((runtime) =>
      THREADS.map((threads) => contender(leaders, { filling, runtime, threads, dir }))
    )
  );
  return Promise.resolve({
    contenders,
    ratios: fillings.flatMap((filling) => runtimes.map((runtime) => ratioOf(filling, runtime))),
    [Symbol.asyncDispose]: () => leaders[Symbol.asyncDispose](),
  });
}

function nameOf({ slots }: Filling, runtime: RuntimeName, threads: number): string {
  return `${slots / 1e6} M ${runtime}${threads === 0 ? "" : `, ${threads} threads`}`;
}

function ratioOf(filling: Filling, runtime: RuntimeName): Ratio {
  const of = nameOf(filling, runtime, 2);
  return { figure: "scan M/s", of, against: nameOf(filling, runtime, 0), ...GOAL };
}

function contender(
  leaders: Leaders,
  { filling, runtime, threads, dir }: {
    filling: Filling;
    runtime: RuntimeName;
    threads: number;
    dir: string;
  },
): Contender {
  const measure = async (): Promise<Figures> => {
    const leader = await leaders.get(filling);
    const report = await leader.measure(() =>
      withDirectory(join(dir, "replica"), (path) => catchUp(runtime, leader, { dir: path, threads }))
    );
    return catchUpFigures(report, filling.slots);
  };
  return { name: nameOf(filling, runtime, threads), rounds: ROUNDS, measure };
}
