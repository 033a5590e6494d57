import type { Directory } from "../directory/directory.ts";
import { type Remedy, SlotcaskError } from "../errors.ts";
import { countSlots } from "../fixed/store.ts";
import type { SyncTimer } from "../directory/sync_timer.ts";
import { Histogram, type HistogramSnapshot } from "../histogram.ts";
import type { LastError } from "../last_error.ts";
import { LinkCounters } from "../replication/counters.ts";
import type { Link } from "../replication/link.ts";
import type { Phase } from "../replication/phase.ts";
import type { Shape } from "../slot_events.ts";

/** An error, as status prints it. */
export interface ErrorStatus {
  /** What happened. */
  message: string;
  /** What mends it. */
  remedy: Remedy;
  /** When it came first, of those of the same message in a row (Unix ms). */
  sinceMs: number;
}

/** A check of all slots, under way or the last one. */
export interface VerifyStatus {
  /** When it began (Unix ms). */
  startedAtMs: number;
  /** When it ended; null while it goes on. */
  endedAtMs: number | null;
  /** Slots to look at. */
  slots: number;
  /** Slots that were looked at. */
  position: number;
  /** Slots whose CRC did not match: no longer served, until a rescan has brought them again. */
  damaged: number;
  /** Why it did not come to its end. */
  error: string | null;
}

/** A backup, under way or the last one. */
export interface BackupStatus {
  /** When it began (Unix ms). */
  startedAtMs: number;
  /** When it ended; null while it goes on. */
  endedAtMs: number | null;
  /** The folder that holds it. */
  path: string;
  /** Slots to copy. */
  slots: number;
  /** Slots that were copied. */
  position: number;
  /** Bytes that were written. */
  bytes: number;
  /** Why it did not come to its end; nothing of it is left then. */
  error: string | null;
}

/** One shard of a follower. Times are Unix ms; null is "not yet". */
export interface ShardStatus {
  /** The shard. */
  shard: number;
  /** Where its link stands; `connecting` where the leader has not answered, and there is none yet. */
  phase: Phase;
  /** Whether only scans keep it fresh, in whatever phase: a leader of protocol 1 does not stream to it. */
  catchUpOnly: boolean;
  /** Keys that are served. */
  keys: number;
  /** Slots by status; `unverified` ones are among the occupied, and are not served. */
  slots: { total: number; occupied: number; deleted: number; free: number; unverified: number };
  /** Whether a miss proves a key's absence. */
  complete: boolean;
  /**
   * The last moment at which the copy was proven current: when the newest frame came that is in it. Of a scan without a
   * stream (protocol 1, until a frame follows it), when it began.
   */
  freshAtMs: number | null;
  /** When the last whole scan ended, over all processes. */
  wholeScanAtMs: number | null;
  /** The scan that is going on: slots passed, of those that the leader has. */
  scan: { position: number; slots: number } | null;
  /** Events applied, by kind. */
  applied: { occupied: number; deleted: number; reset: number };
  /** Events that changed nothing: the slot had that very version, or a newer one. */
  skipped: { same: number; older: number };
  /** Mappings dropped since another key took their slot. */
  staleCleanups: number;
  /** Slots whose CRC did not match. */
  crcErrors: number;
  /** Slots in which the leader's state was taken against what was held. */
  diverged: number;
  /** Whether it holds a key that routes to another shard: lookups then ask every shard. */
  misrouted: boolean;
  /** The newest version. */
  maxVersion: number;
  /** Connections tried. */
  connections: number;
  /** Connections that ended, by reason. */
  ends: Record<string, number>;
  /** Whole and side scans that came to their end. */
  scans: { whole: number; side: number };
  /** Scans behind the first of a connection's own, by why they were made. */
  rescans: Record<string, number>;
  /** How long batches took to apply, Acks to leave since their batch was there, and the disk to sync. */
  seconds: { apply: HistogramSnapshot; ack: HistogramSnapshot; sync: HistogramSnapshot };
  /** Bytes, batches and events from the leader. */
  received: { bytes: number; batches: number; events: number };
  /** When all that was written was last known to be on disk. */
  syncedAtMs: number | null;
  /** Why the last connection ended, until the shard has caught up again; or what the disk refused. */
  error: ErrorStatus | null;
}

/** A snapshot of a follower, safe to print as JSON. */
export interface FollowerStatus {
  /** The leader, as host:port. */
  leader: string;
  /** The replica's directory. */
  dir: string;
  /** The least advanced phase among the shards. */
  phase: Phase;
  /** The leader's protocol version; null before the first ShardInfo. */
  protocol: 1 | 2 | null;
  /** The shape; null before it is known. */
  shape: Shape | null;
  /** Keys that are served. */
  keys: number;
  /** Whether every shard is complete. */
  complete: boolean;
  /** The oldest of the shards' fresh times; null before all have one. */
  freshAtMs: number | null;
  /** Whether it was paused: its links are closed, by an operator's wish. */
  paused: boolean;
  /** Between whole scans of a shard that only scans keep fresh, in ms; null: never. */
  rescanIntervalMs: number | null;
  /** The check of all slots that goes on, or the last one. */
  verify: VerifyStatus | null;
  /** The backup that goes on, or the last one. */
  backup: BackupStatus | null;
  /** When the follower was started. */
  startedAtMs: number;
  /** The longest synchronous step so far, in ms. */
  longestSliceMs: number;
  /** Connections to a leader of protocol 1, each of which costs it a thread stack. */
  v1Connections: number;
  /** What stopped the follower for good. */
  error: ErrorStatus | null;
  /** All shards; before the shape is known, shard 0. */
  shards: ShardStatus[];
}

/** From the least to the most advanced. */
const ORDER: Phase[] = [
  "stopped",
  "diverged",
  "paused",
  "backing-off",
  "connecting",
  "greeting",
  "catching-up",
  "catch-up-only",
  "live",
];

/** The least advanced of some phases; `connecting` of none. */
export function leastPhase(phases: readonly Phase[]): Phase {
  return ORDER.find((phase) => phases.includes(phase)) ?? "connecting";
}

/** An error for status. */
export function errorStatus(last: LastError | undefined): ErrorStatus | null {
  const { error, sinceMs = 0 } = last ?? {};
  if (error === undefined) return null;
  const remedy = error instanceof SlotcaskError ? error.remedy : "reconnect";
  return { message: error.message, remedy, sinceMs };
}

/** What the status of a shard is taken from. */
export interface ShardParts {
  /** The directory; undefined before the shape is known. */
  directory: Directory | undefined;
  /** The shard's link; undefined before the leader has told that there is such a shard. */
  link: Link | undefined;
  /** The phase where there is no link. */
  unlinked: Phase;
  /** How its data gets to the disk; undefined before the shape is known. */
  sync: SyncTimer | undefined;
}

/** Counts of a shard without a link. */
const NO_COUNTERS = new LinkCounters();
const NO_DURATIONS = new Histogram();

/** A shard's status. */
export function shardStatus(id: number, { directory, link, unlinked, sync }: ShardParts): ShardStatus {
  const shard = directory?.store.shards[id];
  const { session, counters = NO_COUNTERS } = link ?? {};
  const isScanning = session?.info !== undefined && link?.phase === "catching-up";
  return {
    shard: id,
    phase: link?.phase ?? unlinked,
    catchUpOnly: link?.isCatchUpOnly ?? false,
    keys: shard?.index.keys ?? 0,
    slots: shard === undefined
      ? { total: 0, occupied: 0, deleted: 0, free: 0, unverified: 0 }
      : { total: shard.slotCount, ...countSlots(shard) },
    complete: directory?.store.isComplete(id) ?? false,
    freshAtMs: link?.freshAtMs ?? null,
    wholeScanAtMs: directory?.completeness.state.shards[id].wholeScanAtMs ?? null,
    scan: isScanning ? { position: session.scanPosition, slots: session.info!.slotCount } : null,
    applied: { ...shard?.counters.applied ?? { occupied: 0, deleted: 0, reset: 0 } },
    skipped: { ...shard?.counters.skipped ?? { same: 0, older: 0 } },
    staleCleanups: shard?.counters.staleCleanups ?? 0,
    crcErrors: shard?.counters.crcErrors ?? 0,
    diverged: shard?.counters.diverged ?? 0,
    misrouted: shard?.misrouted ?? false,
    maxVersion: shard?.maxVersion ?? 0,
    connections: counters.connections,
    ends: { ...counters.ends },
    rescans: { ...counters.rescans },
    seconds: {
      apply: counters.apply.snapshot(),
      ack: counters.ack.snapshot(),
      sync: (sync?.durations ?? NO_DURATIONS).snapshot(),
    },
    scans: { whole: counters.wholeScans, side: counters.sideScans },
    received: { bytes: counters.receivedBytes, batches: counters.batches, events: counters.events },
    syncedAtMs: sync?.syncedAtMs ?? null,
    error: errorStatus(link?.lastError) ?? errorStatus(sync?.lastError),
  };
}
