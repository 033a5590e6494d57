/** What a thread and its owner ask of each other. */

import type { CompletenessState } from "../directory/completeness.ts";
import type { DivergencePolicy } from "../fixed/whole_scan.ts";
import type { EndReason } from "../replication/effect.ts";
import type { LinkLimits } from "../replication/limits.ts";
import type { ProtocolVersion, ShardInfo } from "../replication/protocol.ts";
import type { ScanResult } from "../replication/target.ts";
import type { SessionTimes } from "../replication/times.ts";
import type { SyncPolicy } from "../replica/replica_target.ts";
import type { Address } from "../runtime/runtime.ts";
import type { Shape } from "../slot_events.ts";
import type { SentError } from "./error_transport.ts";

/** What a thread is started with. */
export interface ThreadData {
  /** See WORDS. */
  words: SharedArrayBuffer;
  /** Its shards are those whose number leaves `index` when divided by `threads`. */
  index: number;
  threads: number;
  /** The replica's directory, which the owner has locked. */
  path: string;
  pid: number;
  sync: SyncPolicy;
  divergence: DivergencePolicy;
  maxSlots: number;
  times: SessionTimes;
  limits: LinkLimits;
  /** ms from the origin of the owner's clock to 1970: a thread's own clock begins with the thread. */
  clockOriginMs: number;
}

/** Which shards of a store a thread has. */
export function shardsOf(
  { index, threads }: Pick<ThreadData, "index" | "threads">,
  shardCount: number,
): number[] {
  return Array.from({ length: shardCount }, (_, shard) => shard).filter((shard) => shard % threads === index);
}

/** What a conversation is made with: see ConversationParts and LeaderShared. */
export interface ConversationOrder {
  /** Tells it from others. */
  key: number;
  shard: number;
  isSide: boolean;
  counters: SharedArrayBuffer;
  address: Address;
  leader: string;
  version: ProtocolVersion;
  nudgeMs: number | undefined;
}

/** How a conversation ended. */
export interface SentEnd {
  reason: EndReason;
  error?: SentError;
}

/** What a conversation's listener hears. */
export type ConversationEvent =
  | { type: "connected" }
  | { type: "progress"; phase: SessionPhase; hasStreamed: boolean }
  | { type: "greeted"; info: ShardInfo }
  | { type: "scanned"; result: ScanResult; cameAtMs: number }
  | { type: "suspect-drops" };

type SessionPhase = import("../replication/session.ts").Session["phase"];

/** How far something is: numbers of its status that add up. */
export type Progress = Record<string, number>;

/** What a thread answers to. */
export interface ThreadService {
  /** Opens its shards in the directory, which is there by now. */
  open(state: { shape: Shape; scans: CompletenessState }): Promise<void>;
  /** Makes a conversation; resolves when it has ended. */
  converse(order: ConversationOrder): Promise<SentEnd>;
  /** Ends a conversation. */
  end(end: { key: number; reason: EndReason }): void;
  /** Checks all slots of its shards: see `scrubStore`. */
  verify(check: { key: number }): Promise<void>;
  /** Gives a check up. */
  giveUp(check: { key: number }): void;
  /** Makes the files of a backup: see BackupPart, as the next two. */
  prepareBackup(backup: { key: number; path: string }): Promise<void>;
  /** Copies what began at the moment that WORDS.beginsBackup told. */
  copyBackup(backup: { key: number }): Promise<void>;
  abandonBackup(backup: { key: number }): Promise<void>;
  /** Closes its shards. Answers those that stay dirty. */
  close(limit: { ms: number }): Promise<number[]>;
}

/** What a thread's owner answers to. */
export interface OwnerService {
  /** Creates the directory, and has all threads open their shards. */
  create(shape: Shape): Promise<void>;
  /** Records what a thread knows of its shards' scans: durable when it resolves. */
  record(known: { shards: number[]; scans: CompletenessState }): Promise<void>;
  /** Something happened in a conversation. */
  heard(news: { key: number; event: ConversationEvent }): void;
  /** There are updates that should not wait. */
  wake(nothing: undefined): void;
  /** A read came upon a slot that went bad, or a check did, whose key it is. */
  damaged(found: { shard: number; check?: number }): void;
  /** A key came to a shard that it does not route to. */
  misrouted(shard: number): void;
  /** A sync took so many ms, or failed. */
  synced(sync: { shard: number; durationMs?: number; syncedAtMs?: number; error?: SentError }): void;
  /** How far a check or a backup is. */
  progress(report: { key: number; progress: Progress }): void;
  /** The longest synchronous step so far. */
  longestSlice(ms: number): void;
}
