/** What a session asks its connection to do. */

import type { SlotEvents } from "../slot_events.ts";
import type { ShardInfo } from "./protocol.ts";
import type { EventSource } from "./target.ts";

/** Why a session ended; the link decides by it when to come back. */
export type EndReason =
  | "closed"
  | "silent"
  | "partial-scan"
  | "dropped"
  | "already-streaming"
  | "version-mismatch"
  | "rescan"
  | "paused"
  | "retarget"
  | "scanned"
  | "error";

/** What the link is to do. */
export type Effect =
  /** Write these bytes in one write, before the next input. */
  | { type: "send"; frame: Uint8Array }
  /** Prepare the store for the leader's shape, then `greeted` (waits). */
  | { type: "greet"; info: ShardInfo }
  /** Apply the events, then `applied` (waits). */
  | { type: "apply"; events: SlotEvents; highestSlot: number; source: EventSource }
  /** Write what was applied to the file. */
  | { type: "flush" }
  /** The same, once more of the whole scan has gathered. */
  | { type: "flush-later" }
  /** Make durable what was flushed, then `synced` (waits). */
  | { type: "sync" }
  /** The whole scan came: judge it, then `judged` (waits). */
  | { type: "judge" }
  /** A run of full batches may have hidden dropped events: a scan is due. */
  | { type: "suspect-drops" }
  /** Close the connection. */
  | { type: "end"; reason: EndReason; error?: Error };
