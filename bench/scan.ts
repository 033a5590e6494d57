/** A whole scan where nothing changed: the leader sends all, the follower compares all, and writes nothing. */
import { join } from "node:path";
import type { Bench, Contender, Prepared, Ratio, RuntimeName, Setup } from "./bench.ts";
import { ackOnly, catchUp, catchUpFigures, type Contestant, eachStorage, slotcaskName } from "./followers.ts";
import { BenchLeader } from "./real_leader.ts";

const SLOTS = 4_000_000;
const QUICK_SLOTS = 50_000;

/** The bench. The time of the scan counts, from ShardInfo on: not what opening the directory takes. */
export const SCAN_BENCH: Bench = {
  name: "scan",
  title: `whole scan of ${SLOTS / 1e6} M slots of 8x16 in 2 shards, where nothing changed`,
  prepare,
};

async function prepare({ dir, runtimes, quick }: Setup): Promise<Prepared> {
  const filling = { shape: "8x16", shards: 2, slots: quick ? QUICK_SLOTS : SLOTS } as const;
  const leader = await BenchLeader.start(dir, filling);
  const replica = join(dir, "replica");
  await leader.measure(() => catchUp(runtimes[0], leader, { dir: replica, keep: true }));
  return {
    contenders: [
      ...eachStorage(runtimes).map(({ runtime, storage }) =>
        again(leader, { runtime, storage, dir: replica })
      ),
      ...runtimes.map((runtime) => ackOnly(leader, runtime)),
    ],
    ratios: runtimes.map(ratioOf),
    [Symbol.asyncDispose]: () => leader[Symbol.asyncDispose](),
  };
}

/** Opens the directory that is there and lets the leader send all of it again. */
function again(
  leader: BenchLeader,
  { runtime, storage, dir }: Contestant & { dir: string },
): Contender {
  const measure = async () => {
    const report = await leader.measure(() => catchUp(runtime, leader, { dir, storage, keep: true }));
    if (report.applied > 0) {
      throw new Error(`${report.applied} slots were changed by a scan that finds the same`);
    }
    return catchUpFigures(report, leader.filling.slots);
  };
  return { name: slotcaskName(runtime, storage), measure };
}

function ratioOf(runtime: RuntimeName): Ratio {
  return {
    figure: "scan M/s",
    of: slotcaskName(runtime),
    against: `ack-only ${runtime}`,
    must: 0.75,
    reach: 0.9,
  };
}
