/** What a directory holds, in figures: read without opening, locking or changing it. */

import { FileName } from "../fixed/layout.ts";
import { DELETED, FREE, isNewer, OCCUPIED, statusOf, versionOf } from "../fixed/meta.ts";
import { readWord } from "../fixed/shard.ts";
import type { Files } from "../runtime/runtime.ts";
import type { Shape } from "../slot_events.ts";
import { isLocked, LOCK_FILE } from "../storage/dir_lock.ts";
import type { SlotFile } from "../storage/slot_file.ts";
import { wrapStorageError } from "../storage/storage_error.ts";
import { TimeSlice } from "../time_slice.ts";
import { COMPLETENESS_FILE, readCompleteness } from "./completeness.ts";
import { readCursor } from "./cursor_file.ts";
import { eachRange, openSlots, readSidecar, type ShardFile, surveyDirectory } from "./survey.ts";

/** Slots by status. */
export interface SlotCounts {
  /** All of them. */
  total: number;
  occupied: number;
  deleted: number;
  free: number;
  /** Slots with status 3, which does not exist. */
  invalid: number;
}

/** How far a replica's shard can be trusted, from slotcask.json. */
export interface ReplicaShard {
  /** Whether a whole scan has finished, and none was cut off since. */
  complete: boolean;
  /** When the last whole scan ended (Unix ms), or null. */
  wholeScanAtMs: number | null;
  /** When a whole scan began that has not ended (Unix ms), or null. */
  scanningSinceMs: number | null;
}

/** One shard in figures. */
export interface ShardInspection {
  /** The shard. */
  shard: number;
  /** Slots by status: by the sidecar where it counts, else by the slots themselves. */
  slots: SlotCounts;
  /** The newest version of any slot. */
  highestVersion: number;
  /** Whether it was closed cleanly. */
  clean: boolean;
  /** Bytes of fixed.data. */
  bytes: number;
  /** The replication cursor, where there is one. */
  cursor: { applied: number; version: number; lastAckMs: number } | null;
  /** Null in a directory that no follower of ours has filled. */
  replica: ReplicaShard | null;
  /** What is wrong with its files, in words. */
  problems: string[];
}

/** A directory in figures. */
export interface Inspection {
  /** The directory. */
  directory: string;
  /** The shape; null where no shard tells it. */
  shape: Shape | null;
  /** Bytes of a slot; null where no shard tells. */
  slotBytes: number | null;
  /** Whether a process holds it. */
  live: boolean;
  /** That process's id, where it is known. */
  holder: number | null;
  /** Whether all shards were closed cleanly. */
  clean: boolean;
  /** Whether all shards are complete; null in a directory that no follower of ours has filled. */
  complete: boolean | null;
  /** The leader that was followed last, as host:port. */
  leader: string | null;
  /** The protocol version that it spoke. */
  protocol: number | null;
  /** Bytes of all fixed.data. */
  bytes: number;
  /** Slots of all shards. */
  slots: SlotCounts;
  /** The newest version of all shards. */
  highestVersion: number;
  /** The shards. */
  shards: ShardInspection[];
}

/** Looks at a directory. Rejects with ForeignDirectoryError, DamagedDirectoryError (no db.meta) and StorageError. */
export async function inspectDirectory(
  files: Files,
  path: string,
  slice: TimeSlice = new TimeSlice(),
): Promise<Inspection> {
  const survey = surveyDirectory(files, path);
  const live = isLocked(files, path);
  const statePath = `${path}/${COMPLETENESS_FILE}`;
  const isReplica = files.exists(statePath);
  const state = readCompleteness(files, statePath, survey.shards.length);
  const shards: ShardInspection[] = [];
  for (const shard of survey.shards) {
    const { wholeScanAtMs, scanningSinceMs } = state.shards[shard.shard];
    const complete = wholeScanAtMs !== null && scanningSinceMs === null;
    const replica = isReplica ? { complete, wholeScanAtMs, scanningSinceMs } : null;
    shards.push({ ...await inspectShard(files, shard, slice), replica });
  }
  return {
    directory: path,
    shape: survey.shape ?? null,
    slotBytes: survey.shards.find((shard) => shard.header !== undefined)?.header?.slotSize ?? null,
    live,
    holder: live ? holderOf(files, path) : null,
    clean: shards.every((shard) => shard.clean),
    complete: isReplica ? shards.every((shard) => shard.replica!.complete) : null,
    leader: state.leader,
    protocol: state.protocol,
    bytes: shards.reduce((sum, shard) => sum + shard.bytes, 0),
    slots: sumOf(shards),
    highestVersion: shards.map((shard) => shard.highestVersion).reduce(newest, 0),
    shards,
  };
}

async function inspectShard(
  files: Files,
  shard: ShardFile,
  slice: TimeSlice,
): Promise<Omit<ShardInspection, "replica">> {
  const tally = new Tally();
  const problems = shard.problems.map((problem) => problem.text);
  let cursor: ShardInspection["cursor"] = null;
  try {
    const sidecar = readSidecar(files, shard);
    if (sidecar.defect !== undefined) problems.push(`fixed.versions: ${sidecar.defect}`);
    if (shard.header !== undefined) await tally.addShard(files, shard, { sidecar: sidecar.bytes, slice });
    cursor = cursorOf(files, shard);
  } catch (error) {
    problems.push(wrapStorageError(error, "read", shard.path).message);
  }
  return {
    shard: shard.shard,
    slots: tally.counts,
    highestVersion: tally.highestVersion,
    clean: shard.header?.clean ?? false,
    bytes: shard.bytes,
    cursor,
    problems,
  };
}

/** Counts metas. */
class Tally {
  readonly counts: SlotCounts = { total: 0, occupied: 0, deleted: 0, free: 0, invalid: 0 };
  highestVersion = 0;

  async addShard(
    files: Files,
    shard: ShardFile,
    { sidecar, slice }: { sidecar: Uint8Array | undefined; slice: TimeSlice },
  ): Promise<void> {
    const file = openSlots(files, shard);
    try {
      await eachRange(file, slice, (first, end) => {
        for (let slot = first; slot < end; slot++) {
          this.#add(sidecar === undefined ? metaAt(file, slot) : readWord(sidecar, slot * 4));
        }
      });
    } finally {
      file.close();
    }
  }

  #add(meta: number): void {
    const { counts } = this;
    counts.total++;
    const status = statusOf(meta);
    if (status === OCCUPIED) counts.occupied++;
    else if (status === DELETED) counts.deleted++;
    else if (status === FREE) counts.free++;
    else counts.invalid++;
    if (meta !== 0) this.highestVersion = newest(this.highestVersion, versionOf(meta));
  }
}

function metaAt(file: SlotFile, slot: number): number {
  const offset = file.at(slot);
  return readWord(file.window, offset);
}

/** On the ring, as the store goes by it. */
function newest(a: number, b: number): number {
  return isNewer(b, a) ? b : a;
}

function sumOf(shards: ShardInspection[]): SlotCounts {
  const sum: SlotCounts = { total: 0, occupied: 0, deleted: 0, free: 0, invalid: 0 };
  for (const { slots } of shards) {
    for (const key of Object.keys(sum) as (keyof SlotCounts)[]) sum[key] += slots[key];
  }
  return sum;
}

function cursorOf(files: Files, { folder }: ShardFile): ShardInspection["cursor"] {
  const cursor = readCursor(files, `${folder}/${FileName.cursor}`);
  if (cursor === undefined) return null;
  return { applied: cursor.applied, version: cursor.maxVersion, lastAckMs: cursor.ackedAtMs };
}

function holderOf(files: Files, path: string): number | null {
  const text = new TextDecoder().decode(files.readFile(`${path}/${LOCK_FILE}`) ?? new Uint8Array());
  const pid = /^\d+/.exec(text)?.[0];
  return pid === undefined ? null : Number(pid);
}
