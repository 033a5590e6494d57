/** What a seed makes of a simulation: shape, sizes, settings, moods, and which faults come how often. */

import type { ResolvedFollowOptions } from "../../src/replica/follow_options.ts";
import type { SyncPolicy } from "../../src/replica/replica_target.ts";
import type { Shape } from "../../src/slot_events.ts";
import type { DiskTemper } from "./disk.ts";
import type { LeaderOptions } from "./leader_model.ts";
import type { NetworkTemper } from "./network.ts";
import type { Random } from "./random.ts";

/** The faults, by the names that weights are given to. */
export const FAULTS = [
  "reset",
  "swallow",
  "stall",
  "refuse",
  "hang",
  "slow",
  "leader-stop",
  "leader-kill",
  "leader-loses",
  "leader-wiped",
  "leader-replaced",
  "leader-reshaped",
  "leader-upgraded",
  "leader-torn",
  "burst",
  "flood",
  "disk-full",
  "write-errors",
  "sync-errors",
  "read-errors",
  "kill",
  "kill-in-write",
  "power-cut",
  "power-cut-in-write",
  "reopen",
  "pause",
  "rescan",
  "verify",
  "frozen",
] as const;
/** One of them. */
export type Fault = (typeof FAULTS)[number];

/** Faults after which the leader contradicts what it said before. */
export const CONTRADICTING: readonly Fault[] = [
  "leader-loses",
  "leader-wiped",
  "leader-replaced",
  "leader-torn",
];

/** See the head of this file. */
export interface Plan {
  shape: Shape;
  /** Keys that are put and deleted. */
  keys: number;
  growStep: number;
  firstVersion: number;
  leader: LeaderOptions;
  storage: "resident" | "positional";
  sync: SyncPolicy;
  nudgeMs: number | false;
  onDivergence: ResolvedFollowOptions["onDivergence"];
  rescanMs: number;
  /** Changes that a watcher lets wait. */
  watchQueue: number;
  network: NetworkTemper;
  disk: DiskTemper;
  /** The most that a look at the clock costs, in ms. */
  costMs: number;
  /** How long faults come, in virtual ms. */
  chaosMs: number;
  /** The mean time between two faults, and between two writes of the leader, in ms. */
  faultEveryMs: number;
  writeEveryMs: number;
  /** Deletes among the writes. */
  deletes: number;
  /** The least time between two scans for suspected drops or for damage, in ms. */
  suspectMs: number;
  /** Weights of the faults that are on. */
  weights: Record<Fault, number>;
}

/** Draws the plan of a seed. */
export function drawPlan(random: Random): Plan {
  const protocol = random.pick([1, 2, 2]) as 1 | 2;
  const growStep = random.pick([8, 16, 64]);
  const weights = drawWeights(random);
  return {
    shape: drawShape(random),
    keys: random.between(4, 64),
    growStep,
    firstVersion: random.pick([0, 0, 0, 2 ** 30 - 8, 2 ** 29 - 4]),
    leader: drawLeader(random, protocol),
    storage: random.pick(["resident", "positional"]),
    sync: random.pick<SyncPolicy>([50, 50, 5, "batch", "none"]),
    nudgeMs: random.pick([false, false, false, 100, 2]),
    onDivergence: random.pick(["guard", "accept", "accept", "hold"] as const),
    rescanMs: random.pick([500, 5000, 60_000]),
    network: {
      delayMs: random.pick([0.05, 0.5, 20]),
      jitterMs: random.pick([0.1, 2, 100]),
      pieces: random.pick([1, 2, 8]),
      refuse: 0,
      hang: 0,
    },
    disk: { readError: 0, writeError: 0, isFull: false, syncError: 0, syncMs: random.pick([0.5, 10, 300]) },
    costMs: random.pick([0, 0, 0.02, 1]),
    chaosMs: random.pick([1000, 3000, 12_000]),
    faultEveryMs: random.pick([100, 400, 1500]),
    writeEveryMs: random.pick([10, 40, 300]),
    deletes: random.pick([0.1, 0.3, 0.5]),
    weights,
    watchQueue: random.pick([4, 1024]),
    suspectMs: random.pick([1000, 60_000]),
  };
}

function drawShape(random: Random): Shape {
  const { keyLength, valueLength } = random.pick([
    { keyLength: 8, valueLength: 16 },
    { keyLength: 8, valueLength: 16 },
    { keyLength: 4, valueLength: 33 },
    { keyLength: 3, valueLength: 4 },
    { keyLength: 20, valueLength: 100 },
  ]);
  return {
    shardCount: random.pick([1, 1, 2, 3]),
    keyLength,
    valueLength,
    prefixBits: random.pick([0, 0, 12]),
  };
}

function drawLeader(random: Random, protocol: 1 | 2): LeaderOptions {
  return {
    protocol,
    queueEvents: protocol === 1 ? 8192 : random.pick([8, 64, 8192]),
    chunkSlots: random.pick([1, 8, 2048]),
    scanBatch: random.pick([1, 4, 256]),
    scanMs: random.pick([0.1, 5, 100]),
  };
}

/** About every third fault is on, with a weight of its own; floods are rare, as each is thousands of events. */
function drawWeights(random: Random): Record<Fault, number> {
  const share = random.pick([0.15, 0.35, 0.7]);
  const weights = {} as Record<Fault, number>;
  for (const fault of FAULTS) weights[fault] = random.chance(share) ? random.skewed(0.1, 5) : 0;
  weights.flood = random.chance(0.02) ? 1 : 0;
  weights.burst += 0.2;
  return weights;
}
