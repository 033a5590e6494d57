/** How long a put on the leader takes to be seen in `get` on the follower, where nothing else is going on. */
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";

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
/** Before the first put: so long the follower has nothing to do but to keep its link. */
const IDLE_MS = 3000;
const QUICK_IDLE_MS = 100;

/** What a follower is given to do. */
interface Load {
  idleMs: number;
  /** Keys, in hex. */
  puts: readonly string[];
}

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
  const load: Load = {
    idleMs: quick ? QUICK_IDLE_MS : IDLE_MS,
    puts: Array.from(
      { length: quick ? QUICK_PUTS : PUTS },
      (_, i) => fillKey("8x16", 1, i % KEYS).toHex(),
    ),
  };
  return {
    contenders: [
      ...runtimes.map((runtime) => slotcask(leader, join(dir, runtime), { runtime, load })),
      armdb(leader, join(dir, "armdb"), load),
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
  { runtime, load }: { runtime: RuntimeName; load: Load },
): Contender {
  return {
    name: `slotcask ${runtime}`,
    measure: () =>
      leader.measure(() =>
        withDirectory(dir, async (path) => {
          await using follower = await SlotcaskLive.in(runtime)(leader, path);
          return await figures(follower, load, (puts) => putsSeenBySlotcask(leader, follower, puts));
        })
      ),
  };
}

function armdb(leader: BenchLeader, dir: string, load: Load): Contender {
  return {
    name: "armdb",
    measure: () =>
      leader.measure(() =>
        withDirectory(dir, async (path) => {
          await using follower = await ArmdbLive.start(leader, path);
          return await figures(follower, load, (puts) => putsSeenByArmdb(leader, follower, puts));
        })
      ),
  };
}

async function figures(
  follower: LiveFollower,
  { idleMs, puts }: Load,
  put: (puts: readonly string[]) => Promise<number[]>,
): Promise<Figures> {
  await follower.live();
  const before = await follower.cpuMs();
  await wait(idleMs);
  const idleCpuMs = await follower.cpuMs() - before;
  const late = await put(puts);
  return {
    "p50 ms": percentile(late, 0.5),
    "p99 ms": percentile(late, 0.99),
    "max ms": percentile(late, 1),
    "idle cpu %": idleCpuMs * 100 / idleMs,
  };
}
