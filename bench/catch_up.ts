/** Catch-ups into a fresh directory, against armdb's own follower and against the least that a follower can do. */
import type { Bench, Prepared, Ratio, RuntimeName, Setup } from "./bench.ts";
import { ackOnly, eachStorage, slotcaskFollower, slotcaskName } from "./followers.ts";
import { armdbFollower, BenchLeader, type Filling } from "./real_leader.ts";

/** What a ratio must be, and where it should end. */
interface Goal {
  must: number;
  reach: number;
}

interface Shape extends Filling {
  name: string;
  /** Against armdb's own follower. */
  armdb: Goal;
  /** Against the least that a follower can do. */
  ackOnly?: Goal;
  /** Rounds of armdb's own follower, where one takes long. */
  armdbRounds?: number;
}

const SHAPES: readonly Shape[] = [
  {
    name: "catch-up",
    shape: "8x16",
    shards: 2,
    slots: 1_000_000,
    armdb: { must: 5, reach: 8 },
    ackOnly: { must: 0.4, reach: 0.6 },
  },
  {
    name: "catch-up-1x4m",
    shape: "8x16",
    shards: 1,
    slots: 4_000_000,
    armdb: { must: 8, reach: 15 },
    armdbRounds: 3,
  },
  {
    name: "catch-up-16x100",
    shape: "16x100",
    shards: 2,
    slots: 1_000_000,
    armdb: { must: 4, reach: 8 },
    ackOnly: { must: 0.4, reach: 0.7 },
  },
  {
    name: "catch-up-32x256",
    shape: "32x256",
    shards: 2,
    slots: 500_000,
    armdb: { must: 5, reach: 8 },
    ackOnly: { must: 0.4, reach: 0.7 },
  },
];

/** Of a catch-up with `quick`, which then says nothing. */
const QUICK_SLOTS = 50_000;

/** One bench for each shape. */
export const CATCH_UP_BENCHES: readonly Bench[] = SHAPES.map((shape) => ({
  name: shape.name,
  title: titleOf(shape),
  prepare: (setup) => prepare(shape, setup),
}));

function titleOf({ shape, shards, slots }: Shape): string {
  const where = shards === 1 ? "1 shard" : `${shards} shards`;
  return `${slots / 1e6} M slots of ${shape} in ${where}, fresh directory`;
}

async function prepare(shape: Shape, { dir, runtimes, quick }: Setup): Promise<Prepared> {
  const leader = await BenchLeader.start(dir, quick ? { ...shape, slots: QUICK_SLOTS } : shape);
  return {
    contenders: [
      ...eachStorage(runtimes).map((which) => slotcaskFollower(dir, leader, which)),
      armdbFollower(dir, leader, { rounds: shape.armdbRounds }),
      ...runtimes.map((runtime) => ackOnly(leader, runtime)),
    ],
    ratios: runtimes.flatMap((runtime) => ratiosOf(shape, runtime)),
    [Symbol.asyncDispose]: () => leader[Symbol.asyncDispose](),
  };
}

function ratiosOf(shape: Shape, runtime: RuntimeName): Ratio[] {
  const ratio = { figure: "M slots/s", of: slotcaskName(runtime) };
  const againstArmdb = { ...ratio, against: "armdb", ...shape.armdb };
  if (shape.ackOnly === undefined) return [againstArmdb];
  return [againstArmdb, { ...ratio, against: `ack-only ${runtime}`, ...shape.ackOnly }];
}
