/**
 * The store of a replica as replication sees it: creates, grows, applies, syncs and judges, shard by shard.
 */

import { Directory, type DirectoryOptions } from "../directory/directory.ts";
import { CursorFile } from "../directory/cursor_file.ts";
import { SyncTimer } from "../directory/sync_timer.ts";
import { ClosedError, ConnectionError, ProtocolError } from "../errors.ts";
import { applyEvents } from "../fixed/apply.ts";
import { checkShape, FileName, requireSameShape, slotSize } from "../fixed/layout.ts";
import { finishScan, forgetSuspects, settleDuplicates, suspectUnseen } from "../fixed/scan_end.ts";
import type { Shard } from "../fixed/shard.ts";
import type { Store } from "../fixed/store.ts";
import { type DivergencePolicy, WholeScan } from "../fixed/whole_scan.ts";
import type { EventSource, ReplicationTarget, ScanResult } from "../replication/target.ts";
import type { Files } from "../runtime/runtime.ts";
import type { Shape, SlotEvents } from "../slot_events.ts";
import { wrapStorageError } from "../storage/storage_error.ts";
import type { TimeSlice } from "../time_slice.ts";

/** `none` leaves it to the system, `batch` before each Ack, a number every so many ms. */
export type SyncPolicy = "none" | "batch" | number;

/** Slots that a leader can make a shard hold: a count over it is damage, not data. */
export const MOST_SLOTS = 2 ** 28;
/** Bytes of a shard's slots, likewise; a resident shard lies in memory. */
export const MOST_SHARD_BYTES = { resident: 2 ** 34, positional: 2 ** 40 };

/** What a target is made with. */
export interface ReplicaTargetOptions {
  files: Files;
  /** The replica's directory, which the caller has locked. */
  path: string;
  directory: DirectoryOptions;
  sync: SyncPolicy;
  divergence: DivergencePolicy;
  /** The leader, for messages and slotcask.json. */
  leader: string;
  /** The protocol in use. */
  protocol: () => 1 | 2;
  slice: TimeSlice;
  /** A whole scan begins on a shard; `isFirst` if the shard never saw one. */
  onScanBegins?: (shard: number, isFirst: boolean) => void;
  /** The scan of a shard ended; `diverged` slots took the leader's state against what was held. */
  onScanEnds?: (shard: number, diverged: number) => void;
  /** The first ShardInfo has created the directory. */
  onCreated?: (store: Store) => void;
  /** A key came to a shard that it does not route to: told once a shard. */
  onMisrouted?: (shard: number) => void;
}

/** What is kept of a shard beside the shard itself. */
interface ShardState {
  scan: WholeScan | undefined;
  divergedBefore: number;
  cursor: CursorFile;
  sync: SyncTimer;
}

/** See the head of this file. */
export class ReplicaTarget implements ReplicationTarget {
  readonly #options: ReplicaTargetOptions;
  readonly #states: ShardState[] = [];
  #directory: Directory | undefined;
  #creating: Promise<void> | undefined;
  #isClosed = false;

  /** A target over an open directory, or over one that the first ShardInfo creates. */
  constructor(options: ReplicaTargetOptions, directory: Directory | undefined) {
    this.#options = options;
    if (directory !== undefined) this.#adopt(directory);
  }

  /** The directory; undefined before the shape is known. */
  get directory(): Directory | undefined {
    return this.#directory;
  }

  /** When each shard's data was last known to be on disk (Unix ms), and what keeps it from getting there. */
  syncState(shard: number): { syncedAtMs: number | undefined; error: Error | undefined } {
    const state = this.#states[shard];
    return { syncedAtMs: state?.sync.syncedAtMs, error: state?.sync.error };
  }

  isEmpty(shard: number): boolean {
    return this.#directory === undefined || this.#shard(shard).isEmpty;
  }

  slotCount(shard: number): number {
    return this.#directory === undefined ? 0 : this.#shard(shard).slotCount;
  }

  appliedTotal(shard: number): number {
    return this.#states[shard]?.cursor.applied ?? 0;
  }

  maxVersion(shard: number): number {
    return this.#directory === undefined ? 0 : this.#shard(shard).maxVersion;
  }

  async beginScan(id: number, source: "scan" | "side", leader: Shape & { slotCount: number }): Promise<void> {
    this.#requireRoom(id, leader.slotCount, leader);
    await this.#requireDirectory(leader);
    const directory = this.#directory!;
    const shard = this.#shard(id);
    const state = this.#states[id];
    this.flush(id);
    await directory.grow(id, leader.slotCount, true);
    if (source === "side") return;
    const { completeness } = directory;
    completeness.setLeader(this.#options.leader, this.#options.protocol());
    this.#options.onScanBegins?.(id, !completeness.isComplete(id));
    await completeness.scanBegins(id, Date.now());
    state.scan = new WholeScan(shard, this.#options.divergence);
    state.divergedBefore = shard.counters.diverged;
  }

  async grow(shard: number, slotCount: number): Promise<void> {
    this.#requireRoom(shard, slotCount, this.#directory!.shape);
    await this.#directory!.grow(shard, slotCount);
  }

  /** The leader says how much there is to hold: it is not believed beyond a limit. */
  #requireRoom(id: number, slotCount: number, shape: Shape): void {
    const bytes = slotCount * slotSize(shape);
    const most = MOST_SHARD_BYTES[this.#options.directory.storage];
    const problem = slotCount > MOST_SLOTS
      ? `slot_count is ${slotCount}, the limit is ${MOST_SLOTS}`
      : bytes > most
      ? `${slotCount} slots are ${bytes} bytes, the limit is ${most}`
      : undefined;
    if (problem !== undefined) throw new ProtocolError(`Cannot make room for shard ${id}: ${problem}`);
  }

  apply(id: number, events: SlotEvents, source: EventSource): number {
    const shard = this.#shard(id);
    const { scan, cursor } = this.#states[id];
    const wasMisrouted = shard.misrouted;
    const applied = applyEvents(shard, events, source === "scan" ? scan : undefined);
    if (shard.misrouted && !wasMisrouted) this.#options.onMisrouted?.(id);
    cursor.advance(events.count, applied, shard.maxVersion);
    return applied;
  }

  flush(id: number): void {
    try {
      this.#shard(id).file.flush();
    } catch (error) {
      throw wrapStorageError(error, "write", this.#directory!.shardPath(id, FileName.data));
    }
    this.#states[id].sync.wrote();
  }

  async sync(id: number): Promise<void> {
    await this.#states[id].sync.now();
  }

  async endScan(id: number, source: "scan" | "side"): Promise<ScanResult> {
    // A stream beside a side scan makes an absent slot prove nothing.
    if (source === "side") return { unconfirmed: 0 };
    const shard = this.#shard(id);
    const state = this.#states[id];
    const scan = state.scan!;
    const { slice, protocol } = this.#options;
    await finishScan(scan, slice);
    requireCurrent(state, scan);
    await forgetSuspects(shard, slice);
    const unconfirmed = suspectUnseen(shard, scan);
    await settleDuplicates(shard, protocol() === 2 ? "highest" : "lowest", slice);
    requireCurrent(state, scan);
    this.flush(id);
    await this.#recordScan(id, state);
    return { unconfirmed };
  }

  abortScan(shard: number): void {
    const scan = this.#states[shard]?.scan;
    if (scan === undefined) return;
    this.#states[shard].scan = undefined;
    // What a scan has not touched is still as the last whole one left it.
    if (scan.findings.applied === 0) this.#directory!.completeness.scanChangedNothing(shard);
  }

  /** Stops the timers, saves the cursors, closes the directory. Answers the shards that stay dirty. */
  async close(limitMs: number): Promise<number[]> {
    this.#isClosed = true;
    await this.#creating?.catch(() => {});
    for (const { cursor, sync } of this.#states) {
      sync.stop();
      cursor.save();
    }
    await this.#directory?.completeness.settled();
    return await this.#directory?.close(limitMs) ?? [];
  }

  async #recordScan(id: number, state: ShardState): Promise<void> {
    const shard = this.#shard(id);
    state.scan = undefined;
    await this.#directory!.completeness.scanEnded(id, Date.now());
    this.#options.onScanEnds?.(id, shard.counters.diverged - state.divergedBefore);
  }

  /** The store, made or checked by the leader's shape. Shard 0 comes first, but its connection may be lost midway. */
  async #requireDirectory(leader: Shape): Promise<void> {
    await this.#creating?.catch(() => {});
    if (this.#isClosed) throw new ClosedError("Cannot scan: the replica is closed");
    if (this.#directory === undefined) {
      this.#creating = this.#create(leader);
      await this.#creating;
    }
    const { path, leader: name } = this.#options;
    requireSameShape(this.#directory!.shape, leader, { ours: path, theirs: name });
  }

  async #create({ shardCount, keyLength, valueLength, prefixBits }: Shape): Promise<void> {
    const { files, path, directory } = this.#options;
    const shape = { shardCount, keyLength, valueLength, prefixBits };
    checkShape(shape);
    this.#adopt(await Directory.create(files, path, shape, directory));
    this.#options.onCreated?.(this.#directory!.store);
  }

  #adopt(directory: Directory): void {
    this.#directory = directory;
    const { files, sync } = this.#options;
    for (const shard of directory.store.shards) {
      this.#states.push({
        scan: undefined,
        divergedBefore: 0,
        cursor: new CursorFile(files, directory.shardPath(shard.id, FileName.cursor), shard.id),
        sync: new SyncTimer(shard.file, sync === "none" || sync === "batch" ? undefined : sync),
      });
    }
  }

  #shard(id: number): Shard {
    return this.#directory!.store.shards[id];
  }
}

/** Throws where the link was ended while its scan was judged: another one may have begun. */
function requireCurrent(state: ShardState, scan: WholeScan): void {
  if (state.scan !== scan) throw new ConnectionError("Cannot judge the scan: it was abandoned");
}
