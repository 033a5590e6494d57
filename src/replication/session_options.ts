import type { Histogram } from "../histogram.ts";
import type { ProtocolVersion } from "./protocol.ts";
import type { SessionTimes } from "./times.ts";

/** Where a session stands. */
export type SessionPhase = "greeting" | "catching-up" | "settling" | "live" | "catch-up-only" | "ended";

/** What a session is started with. */
export interface SessionOptions {
  /** The shard. */
  shard: number;
  /** The protocol version to speak. */
  version: ProtocolVersion;
  /** Whether no slot was ever written here. */
  emptyState: boolean;
  /** A side scan goes beside a stream and ends at CaughtUp. */
  side: boolean;
  /** Whether an Ack waits for the disk while live. */
  syncBatches: boolean;
  /** Idle ms after which a nudge is sent; undefined sends none. */
  nudgeMs: number | undefined;
  /** All other intervals. */
  times: SessionTimes;
  /** Takes how long each Ack of the stream took to leave since its batch was looked at. */
  acks: Histogram;
  /** Applied events and newest version, for the Ack. */
  progress: () => { applied: number; maxVersion: number };
}
