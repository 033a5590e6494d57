/**
 * What a thread tells its owner of the shards that it has, in the order in which it happened.
 *
 * Memory travels as buffers, never as views of them: Deno looks at every property of what it receives in a message,
 * and a view has one for each of its numbers.
 */

import type { Segment } from "../fixed/index_segment.ts";
import type { SegmentPlace } from "../fixed/slot_index.ts";
import { LOCK_WORDS } from "./turn_lock.ts";

/** Numbers in shared memory. */
export interface SharedPart {
  buffer: SharedArrayBuffer;
  byteOffset: number;
  length: number;
}

/** A segment's place, likewise. */
export interface SharedPlace extends Omit<SegmentPlace, "segment"> {
  segment: Omit<Segment, "entries"> & { entries: SharedPart };
}

/** An update of one shard. */
export type Update =
  /** The shard was opened. */
  | { type: "opened"; shard: number; numbers: SharedArrayBuffer }
  /** It has further memory. */
  | { type: "windows"; shard: number; shift: number; windows: SharedPart[] }
  | { type: "metas"; shard: number; pages: SharedPart[] }
  | { type: "segments"; shard: number; places: SharedPlace[] }
  | { type: "unverified"; shard: number; place: number; page: SharedPart }
  /** What observers hear: see ShardObserver. `record` is the whole slot, as it was written. */
  | {
    type: "written";
    shard: number;
    slot: number;
    keyChanged: boolean;
    previous: number;
    meta: number;
    record: ArrayBuffer;
  }
  | { type: "removed"; shard: number; slot: number; key: ArrayBuffer; servedBy: number }
  | { type: "quarantined"; shard: number; slot: number; key: ArrayBuffer }
  | { type: "forgot"; shard: number }
  /** What the target tells of its scans: see ReplicaTargetOptions. */
  | { type: "scan-begins"; shard: number; isFirst: boolean }
  | { type: "scan-ends"; shard: number; diverged: number }
  | { type: "repaired"; shard: number };

/** Words that a thread and its owner share. The first ones are those of their lock. */
export const WORDS = {
  count: LOCK_WORDS + 4,
  /** How many messages are in the owner's mailbox, or were. */
  mailed: LOCK_WORDS,
  /** Whether the owner wants to hear what observers hear. */
  isObserved: LOCK_WORDS + 1,
  /** The key of a backup whose moment it is; 0: of none. */
  beginsBackup: LOCK_WORDS + 2,
  /** Whether the owner was told, and did not look since, that there is something to hear. */
  isTold: LOCK_WORDS + 3,
} as const;

/** Where the numbers of a shard stand in the memory that a thread shares of it. */
export const NUMBERS = {
  count: 17,
  slotCount: 0,
  occupied: 1,
  deleted: 2,
  written: 3,
  maxVersion: 4,
  misrouted: 5,
  unverified: 6,
  entries: 7,
  duplicates: 8,
  appliedOccupied: 9,
  appliedDeleted: 10,
  appliedReset: 11,
  skippedSame: 12,
  skippedOlder: 13,
  staleCleanups: 14,
  crcErrors: 15,
  diverged: 16,
} as const;

/** Where a view's numbers are, to be sent. */
export function sharedPart(view: Uint8Array | Uint32Array | Int32Array): SharedPart {
  const { buffer, byteOffset, length } = view;
  return { buffer: buffer as SharedArrayBuffer, byteOffset, length };
}
