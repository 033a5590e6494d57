/** Memory of a follower's process that holds a large copy, beside that of armdb's own follower. */
import { join } from "node:path";
import type { Bench, Contender, Figures, Prepared, Ratio, RuntimeName, Setup } from "./bench.ts";
import { catchUp, type Contestant, eachStorage, slotcaskName } from "./followers.ts";
import { armdbFollower, BenchLeader, SMALL_GROW_STEP } from "./real_leader.ts";
import { withDirectory } from "./rounds.ts";

const SLOTS = 4_000_000;
const QUICK_SLOTS = 50_000;
const SHAPE = "8x16";
/** Of a slot of 8 + 16, with its head of 8. */
const SLOT_BYTES = 32;
/** armdb's own follower takes several seconds to get there, and its memory does not vary. */
const ARMDB_ROUNDS = 2;

/** The bench. Memory is looked at half a second after `caughtUp()`, as it then is: nobody asks for a collection. */
export const MEMORY_BENCH: Bench = {
  name: "memory",
  title: `memory of the process at ${SLOTS / 1e6} M slots of ${SHAPE} in 2 shards, caught up`,
  prepare,
};

async function prepare({ dir, runtimes, quick }: Setup): Promise<Prepared> {
  const leader = await BenchLeader.start(dir, {
    shape: SHAPE,
    shards: 2,
    slots: quick ? QUICK_SLOTS : SLOTS,
  });
  await using quarter = await BenchLeader.start(dir, {
    shape: SHAPE,
    shards: 2,
    slots: leader.filling.slots / 4,
  });
  const contenders: Contender[] = [];
  for (const which of eachStorage(runtimes)) {
    const { anonMb } = await memoryOf(which, quarter, dir);
    contenders.push(follower(leader, { ...which, dir, quarterMb: anonMb }));
  }
  return {
    contenders: [...contenders, armdbMemory(leader, dir)],
    ratios: ratiosOf(runtimes),
    [Symbol.asyncDispose]: () => leader[Symbol.asyncDispose](),
  };
}

/**
 * A follower in a fresh directory. `quarterMb` is what the same program has with a quarter of the slots: what the
 * other three quarters add is memory per slot, and the rest is the program's, the code that it compiled included.
 */
function follower(
  leader: BenchLeader,
  { runtime, storage, dir, quarterMb }: Contestant & { dir: string; quarterMb: number },
): Contender {
  const added = leader.filling.slots * 3 / 4;
  const imageMb = storage === "resident" ? added * SLOT_BYTES / 1e6 : 0;
  const measure = async (): Promise<Figures> => {
    const { rssMb, peakMb, anonMb } = await memoryOf({ runtime, storage }, leader, dir);
    return {
      "rss MB": rssMb,
      "peak MB": peakMb,
      "anon MB": anonMb,
      "quarter MB": quarterMb,
      "beside B/slot": (anonMb - quarterMb - imageMb) * 1e6 / added,
    };
  };
  return { name: slotcaskName(runtime, storage), measure };
}

function memoryOf({ runtime, storage }: Contestant, leader: BenchLeader, dir: string) {
  const path = join(dir, "replica");
  return leader.measure(() => withDirectory(path, (dir) => catchUp(runtime, leader, { dir, storage })));
}

/**
 * armdb's own follower, without its speed: that is another bench's. Its files grow in small steps, since it holds
 * 4 bytes for each slot that it has, used or not: 4 MB too many at 1 M slots with its default.
 */
function armdbMemory(leader: BenchLeader, dir: string): Contender {
  const armdb = armdbFollower(dir, leader, { rounds: ARMDB_ROUNDS, growStep: SMALL_GROW_STEP });
  const measure = async (round: number): Promise<Figures> => {
    const { "rss MB": rss, "peak MB": peak } = await armdb.measure(round);
    return { "rss MB": rss, "peak MB": peak };
  };
  return { ...armdb, measure };
}

function ratiosOf(runtimes: readonly RuntimeName[]): Ratio[] {
  const rss = { figure: "rss MB", against: "armdb", atMost: true };
  const beside = { figure: "beside B/slot", atMost: true, must: 16, reach: 10 };
  return [
    ...runtimes.map((runtime): Ratio => ({ ...rss, of: slotcaskName(runtime), must: 0.9, reach: 0.8 })),
    ...runtimes.map((runtime): Ratio => ({
      ...rss,
      of: slotcaskName(runtime, "positional"),
      must: 0.5,
      reach: 0.3,
    })),
    ...eachStorage(runtimes).map(({ runtime, storage }): Ratio => ({
      ...beside,
      of: slotcaskName(runtime, storage),
    })),
  ];
}
