/** Where a fault strikes, and how a scene gets there. */
import { FrameType } from "../../../src/replication/wire.ts";
import type { FollowOptions } from "../../../mod.ts";
import type { FaultProxy, Spot } from "./fault_proxy.ts";
import type { Scene } from "./scene.ts";

/**
 * The first three strike a follower with a new directory: before its first connection, and on that. The others strike a
 * copy that was equal: on its next connection or, live, on the one that it has.
 */
export const PHASES = [
  "unconnected",
  "first handshake",
  "first catch-up",
  "handshake",
  "catch-up",
  "caught-up",
  "live",
] as const;

/** See {@linkcode PHASES}. */
export type Phase = (typeof PHASES)[number];

const IN_HANDSHAKE: Spot = { frame: FrameType.ShardInfo, byte: 9 };
const IN_SCAN: Spot = { frame: FrameType.SlotBatch, nth: 2, byte: 1000 };

/** Spots in the middle of a frame. */
const SPOTS: Record<Phase, Spot> = {
  "unconnected": { frame: FrameType.SyncRequest, way: "up" },
  "first handshake": IN_HANDSHAKE,
  "first catch-up": IN_SCAN,
  "handshake": IN_HANDSHAKE,
  "catch-up": IN_SCAN,
  "caught-up": { frame: FrameType.CaughtUp, byte: 7 },
  "live": { frame: FrameType.SlotBatch, byte: 30 },
};

/** Whether a phase is one of a new directory. */
export function isFirst(phase: Phase): boolean {
  return phase === "unconnected" || phase.startsWith("first");
}

/** Arms the proxy for a spot; resolves once it was reached. */
export type Arm = (proxy: FaultProxy, spot: Spot) => Promise<unknown>;

/** What a scene is brought to a phase with. */
export interface Moment {
  phase: Phase;
  /** Options of the follower. */
  options?: FollowOptions;
  /** Writes of a live leader: what reaches the spot. */
  write?: () => Promise<unknown>;
  arm: Arm;
}

/** Brings the scene to the phase, and resolves once its spot was reached. Answers the number of events before. */
export async function reach(scene: Scene, { phase, options, arm, write }: Moment): Promise<number> {
  const { proxy, history } = scene;
  if (!isFirst(phase)) await scene.startLive(options);
  const before = scene.events().length;
  // The connections that there are must not reach a spot of the next one.
  if (phase !== "live") proxy.cut();
  const reached = arm(proxy, SPOTS[phase]);
  if (isFirst(phase)) void scene.start(options).catch(() => {});
  else if (phase === "live" && write !== undefined) await write();
  else await history.burst(100);
  await reached;
  return before;
}
