/** How long a put on the leader takes to be seen in `get` on the follower, where nothing else is going on. */
import { join } from "node:path";

import { fillKey } from "../tests/interop/armdb_keys.ts";
import type { Bench, Contender, Figures, Prepared, Ratio, RuntimeName, Setup } from "./bench.ts";
import { putsSeenByArmdb, putsSeenBySlotcask } from "./latency_puts.ts";
import { ArmdbLive, type LiveFollower, SlotcaskLive } from "./live_followers.ts";
import { BenchLeader } from "./real_leader.ts";
import { withDirectory } from "./rounds.ts";
import { percentile } from "./statistics.ts";

const KEYS = 1000;
const PUTS = 250;
const QUICK_PUTS = 20;

/**
 * Measured from just before the leader is told to put, so the pipe to it is in all figures: about 0.1 ms. Puts come
 * 20 to 60 ms apart, in no phase with the leader's poll of 20 ms nor with any timer of the follower.
 */
export const LATENCY_BENCH: Bench = {
  name: "latency",
  title: "put on the leader to visible in get on the follower, 1 shard, idle link",
  prepare,
};

async function prepare({ dir, runtimes, quick }: Setup): Promise<Prepared> {
  const leader = await BenchLeader.start(dir, { shape: "8x16", shards: 1, slots: KEYS });
  const puts = Array.from(
    { length: quick ? QUICK_PUTS : PUTS },
    (_, i) => fillKey("8x16", 1, i % KEYS).toHex(),
  );
  return {
    contenders: [
      ...runtimes.map((runtime) => slotcask(leader, join(dir, runtime), { runtime, puts })),
      armdb(leader, join(dir, "armdb"), puts),
    ],
    ratios: runtimes.flatMap(ratiosOf),
    [Symbol.asyncDispose]: () => leader[Symbol.asyncDispose](),
  };
}

function ratiosOf(runtime: RuntimeName): Ratio[] {
  const ratio = { of: `slotcask ${runtime}`, against: "armdb", atMost: true };
  return [
    { ...ratio, figure: "p50 ms", must: 1 / 8, reach: 1 / 15 },
    { ...ratio, figure: "p99 ms", must: 1 / 5, reach: 1 / 10 },
  ];
}

function slotcask(
  leader: BenchLeader,
  dir: string,
  { runtime, puts }: { runtime: RuntimeName; puts: readonly string[] },
): Contender {
  return {
    name: `slotcask ${runtime}`,
    measure: () =>
      leader.measure(() =>
        withDirectory(dir, async (path) => {
          await using follower = await SlotcaskLive.in(runtime)(leader, path);
          return await figures(follower, () => putsSeenBySlotcask(leader, follower, puts));
        })
      ),
  };
}

function armdb(leader: BenchLeader, dir: string, puts: readonly string[]): Contender {
  return {
    name: "armdb",
    measure: () =>
      leader.measure(() =>
        withDirectory(dir, async (path) => {
          await using follower = await ArmdbLive.start(leader, path);
          return await figures(follower, () => putsSeenByArmdb(leader, follower, puts));
        })
      ),
  };
}

async function figures(follower: LiveFollower, put: () => Promise<number[]>): Promise<Figures> {
  await follower.live();
  const late = await put();
  return {
    "p50 ms": percentile(late, 0.5),
    "p99 ms": percentile(late, 0.99),
    "max ms": percentile(late, 1),
  };
}
