/**
 * The store of a replica as replication sees it: creates, grows, applies, syncs and judges, shard by shard.
 */

import { Directory, type DirectoryOptions } from "../directory/directory.ts";
import { CursorFile } from "../directory/cursor_file.ts";
import { within } from "../directory/deadline.ts";
import { SyncTimer } from "../directory/sync_timer.ts";
import { ClosedError, ProtocolError } from "../errors.ts";
import { applyEvents } from "../fixed/apply.ts";
import { checkShape, FileName, MOST_SLOTS, requireSameShape, slotSize } from "../fixed/layout.ts";
import {
  finishScan,
  forgetSuspects,
  forgetVacant,
  requireCurrent,
  settleDuplicates,
  type Steps,
  suspectUnseen,
} from "../fixed/scan_end.ts";
import type { Shard } from "../fixed/shard.ts";
import type { Store } from "../fixed/store.ts";
import { type DivergencePolicy, WholeScan } from "../fixed/whole_scan.ts";
import type { EventSource, ReplicationTarget, ScanResult } from "../replication/target.ts";
import type { Files } from "../runtime/runtime.ts";
import type { Shape, SlotEvents } from "../slot_events.ts";
import { wrapStorageError } from "../storage/storage_error.ts";
import type { TimeSlice } from "../time_slice.ts";
import { LostRanges } from "./lost_ranges.ts";
import { ShardWork } from "./shard_work.ts";
import { touchSlots } from "./touch.ts";

/** `none` leaves it to the system, `batch` before each Ack, a number every so many ms. */
export type SyncPolicy = "none" | "batch" | number;

/** Bytes of a shard's slots, likewise; a resident shard lies in memory. */
export const MOST_SHARD_BYTES = { resident: 2 ** 34, positional: 2 ** 40, mapped: 2 ** 40 };

/** What a target is made with. */
export interface ReplicaTargetOptions {
  files: Files;
  /** The replica's directory, which the caller has locked. */
  path: string;
  directory: DirectoryOptions;
  sync: SyncPolicy;
  divergence: DivergencePolicy;
  /** The leader, for messages and slotcask.json. */
  leader: () => string;
  /** Slots that a leader can make a shard hold. Default {@link MOST_SLOTS}. */
  maxSlots?: number;
  /** The protocol in use. */
  protocol: () => 1 | 2;
  slice: TimeSlice;
  /** A whole scan begins on a shard; `isFirst` if the shard never saw one. */
  onScanBegins?: (shard: number, isFirst: boolean) => void;
  /** The scan of a shard ended; `diverged` slots took the leader's state against what was held. */
  onScanEnds?: (shard: number, diverged: number) => void;
  /** A scan of any kind ended, and every slot of the shard can be trusted. */
  onRepaired?: (shard: number) => void;
  /** The first ShardInfo has created the directory. */
  onCreated?: (store: Store) => void;
  /** A read came upon a slot that went bad. */
  onDamaged?: (shard: number) => void;
  /** A key came to a shard that it does not route to: told once a shard. */
  onMisrouted?: (shard: number) => void;
}

/** What is kept of a shard beside the shard itself. */
interface ShardState {
  /** The whole scan that is under way, and how its steps go. */
  scan: { whole: WholeScan; steps: Steps; divergedBefore: number } | undefined;
  /**
   * When a scan ended that was whole but for slots that went bad behind it (Unix ms): it counts once a side scan has
   * brought those again, as a stream of protocol 1 is not given up for a second whole one.
   */
  wholeButDamagedAtMs: number | undefined;
  /** Whether the scan under way marked the shard as being scanned, and so may take the mark away again. */
  mayUnmark: boolean;
  cursor: CursorFile;
  lost: LostRanges;
  sync: SyncTimer;
}

/** See the head of this file. */
export class ReplicaTarget implements ReplicationTarget {
  readonly #options: ReplicaTargetOptions;
  readonly #states: ShardState[] = [];
  readonly #works = new Map<number, ShardWork>();
  #directory: Directory | undefined;
  #creating: Promise<void> | undefined;
  #isClosed = false;
  /** Only so that it is used: see {@link touchSlots}. */
  #touched = 0;

  /** A target over an open directory, or over one that the first ShardInfo creates. */
  constructor(options: ReplicaTargetOptions, directory: Directory | undefined) {
    this.#options = options;
    if (directory !== undefined) this.#adopt(directory);
  }

  /** The directory; undefined before the shape is known. */
  get directory(): Directory | undefined {
    return this.#directory;
  }

  /** How a shard's data gets to the disk; undefined before the shape is known. */
  syncOf(shard: number): SyncTimer | undefined {
    return this.#states[shard]?.sync;
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

  beginScan(id: number, source: "scan" | "side", leader: Shape & { slotCount: number }): Promise<void> {
    const work = this.#work(id);
    // A side scan goes beside a stream: it neither ends a whole scan nor is ended by one.
    const isLatest = source === "scan" ? work.beginScan() : () => true;
    const steps = { slice: this.#options.slice, isCurrent: () => !this.#isClosed && isLatest() };
    const ready = this.#makeReady(id, leader, steps);
    return work.during(source === "side" ? ready : ready.then(() => this.#beginWhole(id, steps)));
  }

  async #makeReady(id: number, leader: Shape & { slotCount: number }, steps: Steps): Promise<void> {
    this.#requireRoom(id, leader.slotCount, leader);
    await this.#requireDirectory(leader, steps);
    requireCurrent(steps);
    this.flush(id);
    await this.#directory!.grow(id, leader.slotCount, true);
    requireCurrent(steps);
    const shard = this.#shard(id);
    if (shard.isEmpty) shard.index.expect(leader.slotCount);
  }

  async #beginWhole(id: number, steps: Steps): Promise<void> {
    const { completeness } = this.#directory!;
    const { leader, protocol, divergence } = this.#options;
    const state = this.#states[id];
    requireCurrent(steps);
    completeness.setLeader(leader(), protocol());
    this.#options.onScanBegins?.(id, !completeness.isComplete(id));
    // A mark that is there was left by a scan that changed something.
    state.mayUnmark = !completeness.isMarked(id);
    await completeness.scanBegins(id, Date.now());
    requireCurrent(steps);
    const shard = this.#shard(id);
    const whole = new WholeScan(shard, divergence);
    state.wholeButDamagedAtMs = undefined;
    state.scan = { whole, steps, divergedBefore: shard.counters.diverged };
  }

  grow(shard: number, slotCount: number): Promise<void> {
    return this.#work(shard).during(this.#grow(shard, slotCount));
  }

  async #grow(shard: number, slotCount: number): Promise<void> {
    this.#requireRoom(shard, slotCount, this.#directory!.shape);
    await this.#directory!.grow(shard, slotCount);
  }

  /** The leader says how much there is to hold: it is not believed beyond a limit. */
  #requireRoom(id: number, slotCount: number, shape: Shape): void {
    const bytes = slotCount * slotSize(shape);
    const most = MOST_SHARD_BYTES[this.#options.directory.storage];
    const { maxSlots = MOST_SLOTS } = this.#options;
    const problem = slotCount > maxSlots
      ? `slot_count is ${slotCount}, the limit is ${maxSlots}`
      : bytes > most
      ? `${slotCount} slots are ${bytes} bytes, the limit is ${most}`
      : undefined;
    if (problem !== undefined) throw new ProtocolError(`Cannot make room for shard ${id}: ${problem}`);
  }

  apply(id: number, events: SlotEvents, source: EventSource): number {
    const shard = this.#shard(id);
    const { scan, cursor } = this.#states[id];
    const wasMisrouted = shard.misrouted;
    if (source === "stream" && shard.file.kind !== "positional") this.#touched = touchSlots(shard, events);
    const applied = applyEvents(shard, events, source === "scan" ? scan?.whole : undefined);
    if (shard.misrouted && !wasMisrouted) this.#options.onMisrouted?.(id);
    cursor.advance(events.count, applied, shard.maxVersion);
    return applied;
  }

  flush(id: number): void {
    this.#write(this.#shard(id), { mayWait: false });
  }

  flushLater(id: number): void {
    this.#write(this.#shard(id), { mayWait: true });
  }

  #write(shard: Shard, { mayWait }: { mayWait: boolean }): void {
    const { id, file } = shard;
    try {
      shard.settle();
      if (!mayWait || !file.gathers) file.flush();
    } catch (error) {
      throw wrapStorageError(error, "write", this.#directory!.shardPath(id, FileName.data));
    } finally {
      // Also what waits, or could not be written: the next sync writes it.
      this.#states[id].sync.wrote();
    }
  }

  sync(id: number): Promise<void> {
    return this.#work(id).during(this.#states[id].sync.now());
  }

  async endScan(id: number, source: "scan" | "side"): Promise<ScanResult> {
    // A stream beside a side scan makes an absent slot prove nothing.
    if (source === "side") {
      await this.#work(id).during(this.#endSide(id));
      return { unconfirmed: 0, unverified: 0 };
    }
    return await this.#work(id).during(this.#endWhole(id));
  }

  /** What was whole but for damage is whole now, if this has brought the rest. */
  async #endSide(id: number): Promise<void> {
    const state = this.#states[id];
    const wasWholeAtMs = state.wholeButDamagedAtMs;
    if (this.#isDamaged(id)) return;
    this.#options.onRepaired?.(id);
    if (wasWholeAtMs === undefined) return;
    await state.sync.now();
    if (state.wholeButDamagedAtMs !== wasWholeAtMs || this.#isDamaged(id)) return;
    state.wholeButDamagedAtMs = undefined;
    await this.#directory!.completeness.scanEnded(id, wasWholeAtMs);
  }

  /** Whether slots cannot be trusted, be it that only the disk has lost them. */
  #isDamaged(id: number): boolean {
    const { file, unverified } = this.#shard(id);
    return unverified.size > 0 || file.hasLost;
  }

  async #endWhole(id: number): Promise<ScanResult> {
    const state = this.#states[id];
    const scan = state.scan!;
    const unconfirmed = await this.#judge(id, scan.whole, scan.steps);
    this.flush(id);
    // What is recorded as whole must be on disk before the record is, by any policy.
    await state.sync.now();
    await state.lost.settled();
    requireCurrent(scan.steps);
    state.scan = undefined;
    state.mayUnmark = false;
    // What the disk lost behind the scan is not whole on disk: the mark stays until a scan has brought it again.
    if (this.#isDamaged(id)) state.wholeButDamagedAtMs = Date.now();
    else await this.#directory!.completeness.scanEnded(id, Date.now());
    requireCurrent(scan.steps);
    this.#options.onScanEnds?.(id, this.#shard(id).counters.diverged - scan.divergedBefore);
    if (!this.#isDamaged(id)) this.#options.onRepaired?.(id);
    return { unconfirmed, unverified: this.#shard(id).unverified.size };
  }

  /** Answers how many slots the scan left unconfirmed. */
  async #judge(id: number, scan: WholeScan, steps: Steps): Promise<number> {
    const shard = this.#shard(id);
    await finishScan(scan, steps);
    requireCurrent(steps);
    await forgetVacant(shard, scan, steps);
    requireCurrent(steps);
    if (shard.suspects.size > 0) this.#states[id].mayUnmark = false;
    await forgetSuspects(shard, steps);
    requireCurrent(steps);
    const unconfirmed = suspectUnseen(shard, scan);
    await settleDuplicates(shard, this.#options.protocol() === 2 ? "highest" : "lowest", steps);
    requireCurrent(steps);
    return unconfirmed;
  }

  abortScan(shard: number): void {
    this.#work(shard).abandonScan();
    const state = this.#states[shard];
    if (state === undefined || this.#isClosed) return;
    const { scan, mayUnmark } = state;
    state.scan = undefined;
    state.mayUnmark = false;
    this.#flushCut(shard);
    // What a scan has not touched is still as the last whole one left it.
    const isUntouched = scan === undefined || scan.whole.findings.applied === 0;
    if (mayUnmark && isUntouched) this.#directory!.completeness.scanChangedNothing(shard);
  }

  /** Writes what of a cut scan waits in memory: nobody else might for as long as the leader is away. */
  #flushCut(id: number): void {
    try {
      this.flush(id);
    } catch {
      // It stays staged for the next sync or scan, which tells of it.
    }
  }

  /**
   * Stops the timers, ends the work, saves the cursors, closes the directory. Answers the shards that stay dirty:
   * those whose work or whose sync does not end in time. `others` is work on any shard that is ending by itself.
   */
  async close(limitMs: number, others: Promise<void> = Promise.resolve()): Promise<number[]> {
    const deadline = performance.now() + limitMs;
    this.#isClosed = true;
    await this.#creating?.catch(() => {});
    for (const { cursor, sync } of this.#states) {
      sync.stop();
      cursor.save();
    }
    if (this.#directory === undefined) return [];
    const work = new Map(
      this.#directory.store.shards.map(({ id }) => [id, this.#workEnded(id, others)]),
    );
    const closing = this.#directory.close(deadline - performance.now(), { work });
    const { completeness } = this.#directory;
    await within(deadline, completeness.settled()).catch(() => {});
    completeness.close();
    return await closing;
  }

  async #workEnded(shard: number, others: Promise<void>): Promise<void> {
    await Promise.all([this.#works.get(shard)?.ended(), others]);
  }

  #work(shard: number): ShardWork {
    const work = this.#works.get(shard) ?? new ShardWork();
    this.#works.set(shard, work);
    return work;
  }

  /** The store, made or checked by the leader's shape. Shard 0 comes first, but its connection may be lost midway. */
  async #requireDirectory(leader: Shape, steps: Steps): Promise<void> {
    await this.#creating?.catch(() => {});
    if (this.#isClosed) throw new ClosedError("Cannot scan: the replica is closed");
    requireCurrent(steps);
    if (this.#directory === undefined) {
      this.#creating = this.#create(leader);
      await this.#creating;
    }
    const { path, leader: name } = this.#options;
    requireSameShape(this.#directory!.shape, leader, { ours: path, theirs: name() });
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
    const { files, sync, slice, onDamaged } = this.#options;
    for (const shard of directory.store.shards) {
      shard.onDamaged = onDamaged;
      shard.file.onLost = (first, count) => this.#lose(shard, first, count);
      this.#states.push({
        scan: undefined,
        wholeButDamagedAtMs: undefined,
        mayUnmark: false,
        lost: new LostRanges(shard, {
          slice,
          isClosed: () => this.#isClosed,
          flush: () => this.flush(shard.id),
        }),
        cursor: new CursorFile(files, directory.shardPath(shard.id, FileName.cursor), shard.id),
        sync: new SyncTimer(shard.file, sync === "none" || sync === "batch" ? undefined : sync),
      });
    }
  }

  /** A sync has failed. */
  async #lose({ id }: Shard, first: number, count: number): Promise<void> {
    const { lost } = this.#states[id];
    const losing = lost.add(first, count);
    try {
      await this.#work(id).during(losing);
    } finally {
      if (lost.isLast(losing)) this.#options.onDamaged?.(id);
    }
  }

  #shard(id: number): Shard {
    return this.#directory!.store.shards[id];
  }
}
