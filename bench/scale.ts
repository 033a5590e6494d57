/** What a catch-up costs as the work grows: slots and shards. */
import type { Bench, Contender, Figures, Prepared, RuntimeName, Setup } from "./bench.ts";
import { join } from "node:path";
import { catchUp } from "./followers.ts";
import { BenchLeader, type Filling } from "./real_leader.ts";
import { withDirectory } from "./rounds.ts";

const SHAPE = "8x16";
const SLOTS = [1_000_000, 4_000_000, 16_000_000];
const QUICK_SLOTS = [50_000, 200_000];
const SHARDS = [1, 2, 8];
/** Rounds of each size: cost per slot is what counts here, and the sizes bear each other out. */
const ROUNDS = 3;
/** From this many slots on there is one round. */
const LARGE = 10_000_000;

/** The bench: a table without ratios. */
export const SCALE_BENCH: Bench = {
  name: "scale",
  title: `catch-up of ${SHAPE} as slots and shards grow, fresh directory`,
  prepare,
};

function prepare({ dir, runtimes, quick }: Setup): Promise<Prepared> {
  const leaders = new Leaders(dir);
  const fillings = (quick ? QUICK_SLOTS : SLOTS).flatMap((slots) =>
    SHARDS.map((shards): Filling => ({ shape: SHAPE, shards, slots }))
  );
  const contenders = fillings.flatMap((filling) =>
    runtimes.map((runtime) => contender(leaders, { filling, runtime, dir }))
  );
  return Promise.resolve({
    contenders,
    ratios: [],
    [Symbol.asyncDispose]: () => leaders[Symbol.asyncDispose](),
  });
}

function contender(
  leaders: Leaders,
  { filling, runtime, dir }: { filling: Filling; runtime: RuntimeName; dir: string },
): Contender {
  const { slots, shards } = filling;
  const measure = async (): Promise<Figures> => {
    const leader = await leaders.get(filling);
    const path = join(dir, "replica");
    const report = await leader.measure(() =>
      withDirectory(path, (dir) => catchUp(runtime, leader, { dir }))
    );
    return {
      "M slots/s": slots / report.inPlaceMs / 1000,
      "ns/slot": report.inPlaceMs * 1e6 / slots,
      "rss B/slot": report.rssMb * 1e6 / slots,
      "loop p99 ms": report.delayP99Ms,
      "slice ms": report.longestSliceMs,
    };
  };
  return { name: `${slots / 1e6} M/${shards} ${runtime}`, rounds: slots < LARGE ? ROUNDS : 1, measure };
}

/** One leader for each filling, made when it is first wanted, and kept. */
class Leaders implements AsyncDisposable {
  readonly #leaders = new Map<Filling, Promise<BenchLeader>>();

  constructor(readonly dir: string) {}

  get(filling: Filling): Promise<BenchLeader> {
    let leader = this.#leaders.get(filling);
    if (leader === undefined) this.#leaders.set(filling, leader = BenchLeader.start(this.dir, filling));
    return leader;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const leader of this.#leaders.values()) await (await leader)[Symbol.asyncDispose]();
  }
}
