/**
 * A copy of one shard as it was at one moment, while events go on changing it.
 *
 * Slots are copied in order, a piece at a time. A slot that is about to change before its turn has come is kept as it
 * still is: in memory, and in the copy's file where too many are. So the copy is the shard of the moment at which it
 * began, whatever the rate of changes; each slot is written twice at most, and memory is bounded, but for a bit a slot.
 *
 * In memory, since it is an event that waits: a write costs it 3 us a slot, and milliseconds while the file is synced.
 */

import { ConflictError } from "../errors.ts";
import { crc32 } from "../fixed/crc32.ts";
import { encodeHeader, HEADER_BYTES, SIDECAR_TRAILER_BYTES } from "../fixed/layout.ts";
import { OCCUPIED, statusOf } from "../fixed/meta.ts";
import type { Shard } from "../fixed/shard.ts";
import { SlotSet } from "../fixed/slot_set.ts";
import type { FileDescriptor, Files } from "../runtime/runtime.ts";
import type { KeptSlots } from "./kept_slots.ts";

/** A piece: 4,096 slots of 32 bytes take a third of a millisecond to copy and check. */
const PIECE_BYTES = 128 << 10;
/** Kept slots that are written in one step, once there are too many: 0.2 ms. */
const SPILLED_SLOTS = 64;

/** The two open files that a shard is copied to. */
export interface ShardCopyFiles {
  /** The runtime's files. */
  files: Files;
  /** fixed.data, empty. */
  data: FileDescriptor;
  /** fixed.versions, empty. */
  sidecar: FileDescriptor;
}

/** See the head of this file. */
export class ShardCopy {
  /** Slots of the shard at the moment. */
  readonly slots: number;
  readonly #shard: Shard;
  readonly #to: ShardCopyFiles;
  readonly #recordBytes: number;
  /** The slots that changed before their turn. */
  readonly #kept = new SlotSet();
  /** Those of them that are in memory, and where. */
  readonly #places = new Map<number, number>();
  readonly #memory: KeptSlots;
  #next = 0;
  #metasCrc = 0;
  #keepError: { error: unknown } | undefined;

  /** Begins the copy: this is the moment. Throws ConflictError where another copy of the shard has begun. */
  constructor(shard: Shard, to: ShardCopyFiles, memory: KeptSlots) {
    if (shard.beforeChange !== undefined) {
      throw new ConflictError(`Cannot copy shard ${shard.id}: another copy of it is under way`);
    }
    this.#shard = shard;
    this.#to = to;
    this.#recordBytes = shard.file.recordBytes;
    this.#memory = memory;
    this.slots = shard.slotCount;
    shard.beforeChange = this.#keep;
  }

  /** Slots that were copied in their turn. */
  get position(): number {
    return this.#next;
  }

  /** Whether all were. */
  get isDone(): boolean {
    return this.#next === this.slots;
  }

  /**
   * Copies the next piece by way of a buffer; answers how many bytes it wrote. Throws ConflictError where a slot does
   * not match its CRC, and the runtime's errors.
   */
  step(buffer: PieceBuffer): number {
    if (this.#keepError !== undefined) throw this.#keepError.error;
    const first = this.#next;
    const slots = Math.min(buffer.slots, this.slots - first);
    const bytes = slots * this.#recordBytes;
    this.#fill(buffer, first, first + slots);
    this.#check(buffer, first, slots);
    const { files, data, sidecar } = this.#to;
    files.write(data, buffer.bytes, 0, bytes, this.#positionOf(first));
    files.write(sidecar, buffer.metas, 0, slots * 4, first * 4);
    this.#metasCrc = crc32(buffer.metas, 0, slots * 4, this.#metasCrc);
    this.#next += slots;
    if (this.isDone) this.end();
    return bytes + slots * 4;
  }

  /** Writes what makes of the copy a shard that was closed cleanly, once all else is on disk. Answers the bytes. */
  seal(): number {
    const { files, data, sidecar } = this.#to;
    const { id, keyLength, valueLength } = this.#shard;
    const header = encodeHeader({
      slotSize: this.#recordBytes,
      slotCount: this.slots,
      keyLength,
      valueLength,
      shard: id,
      clean: true,
    });
    const trailer = sidecarTrailer(this.slots, this.#metasCrc);
    files.write(sidecar, trailer, 0, trailer.length, this.slots * 4);
    files.write(data, header, 0, header.length, 0);
    return trailer.length + header.length;
  }

  /** Keeps nothing more: the copy is done, or given up. */
  end(): void {
    if (this.#shard.beforeChange === this.#keep) this.#shard.beforeChange = undefined;
  }

  #positionOf(slot: number): number {
    return HEADER_BYTES + slot * this.#recordBytes;
  }

  /** Must not throw: it is called in the middle of an event. */
  #keep = (slot: number): void => {
    if (slot < this.#next || slot >= this.slots || this.#kept.has(slot)) return;
    try {
      const place = this.#memory.take();
      if (place < 0) this.#keepInFile(slot);
      else {
        this.#readSlot(slot, this.#memory.bytes, place);
        this.#places.set(slot, place);
      }
      this.#kept.add(slot);
    } catch (error) {
      this.#keepError = { error };
      this.end();
    }
  };

  #keepInFile(slot: number): void {
    const record = new Uint8Array(this.#recordBytes);
    this.#readSlot(slot, record, 0);
    this.#to.files.write(this.#to.data, record, 0, record.length, this.#positionOf(slot));
  }

  #readSlot(slot: number, to: Uint8Array, at: number): void {
    const { file, metas } = this.#shard;
    const offset = file.at(slot);
    const { window } = file;
    for (let i = 0; i < this.#recordBytes; i++) to[at + i] = window[offset + i];
    writeWord(to, at, metas.get(slot));
  }

  /** Writes some of the slots that are kept in memory to the file, to make room for others. */
  spill(): void {
    if (this.#keepError !== undefined) throw this.#keepError.error;
    let left = SPILLED_SLOTS;
    for (const [slot, place] of this.#places) {
      if (left-- === 0) return;
      const { files, data } = this.#to;
      files.write(data, this.#memory.bytes, place, this.#recordBytes, this.#positionOf(slot));
      this.#release(slot, place);
    }
  }

  #release(slot: number, place: number): void {
    this.#places.delete(slot);
    this.#memory.give(place);
  }

  /** The bytes of a piece: of slots that were kept as they were, of all others as they are. */
  #fill(buffer: PieceBuffer, first: number, end: number): void {
    const { file } = this.#shard;
    const hasKept = this.#hasKept(first, end);
    if (hasKept) {
      const bytes = (end - first) * this.#recordBytes;
      this.#to.files.read(this.#to.data, buffer.bytes, 0, bytes, this.#positionOf(first));
    }
    let loaded = file.inMemory ? end : first;
    for (let slot = first; slot < end;) {
      if (slot >= loaded) loaded += file.load(slot, end - slot);
      const at = (slot - first) * this.#recordBytes;
      if (hasKept && this.#kept.has(slot)) this.#takeKept(slot++, buffer.bytes, at);
      else slot += this.#copyRun(slot, loaded, buffer.bytes, at);
    }
  }

  /** A slot that is not in memory came from the file with the piece. */
  #takeKept(slot: number, to: Uint8Array, at: number): void {
    const place = this.#places.get(slot);
    if (place === undefined) return;
    this.#memory.copyTo(to, at, place);
    this.#release(slot, place);
  }

  #hasKept(first: number, end: number): boolean {
    if (this.#kept.size === 0) return false;
    for (let slot = first; slot < end; slot++) {
      if (this.#kept.has(slot)) return true;
    }
    return false;
  }

  /** Copies slots that stand side by side, since one `set` for each would cost more than its bytes. */
  #copyRun(slot: number, end: number, to: Uint8Array, at: number): number {
    const { file } = this.#shard;
    const start = file.at(slot);
    const { window } = file;
    let bytes = this.#recordBytes;
    let slots = 1;
    while (slot + slots < end && !this.#kept.has(slot + slots)) {
      if (file.at(slot + slots) !== start + bytes || file.window !== window) break;
      bytes += this.#recordBytes;
      slots++;
    }
    to.set(window.subarray(start, start + bytes), at);
    return slots;
  }

  /** Metas come from the table: a staged one may not have reached the file. */
  #check({ view, metasView }: PieceBuffer, first: number, slots: number): void {
    const shard = this.#shard;
    for (let i = 0, at = 0; i < slots; i++, at += this.#recordBytes) {
      const isKept = this.#kept.size > 0 && this.#kept.has(first + i);
      const meta = isKept ? view.getUint32(at, true) : shard.metas.get(first + i);
      view.setUint32(at, meta, true);
      metasView.setUint32(4 * i, meta, true);
      if (statusOf(meta) === OCCUPIED && !shard.hasGoodCrc(view, at)) throw this.#damaged(first + i);
    }
  }

  #damaged(slot: number): ConflictError {
    return new ConflictError(
      `Cannot back up: slot ${slot} of shard ${this.#shard.id} does not match its CRC; verify the replica, ` +
        "and back up once a rescan has repaired it",
    );
  }
}

/** Memory for the pieces of all shards, one after the other. */
export class PieceBuffer {
  /** Slots of a piece. */
  readonly slots: number;
  /** The slots' bytes. */
  readonly bytes: Uint8Array;
  /** The same, for numbers. */
  readonly view: DataView;
  /** Their metas. */
  readonly metas: Uint8Array;
  /** The same, for numbers. */
  readonly metasView: DataView;

  /** A buffer for slots of a size. */
  constructor(recordBytes: number) {
    this.slots = Math.max(1, Math.floor(PIECE_BYTES / recordBytes));
    this.bytes = new Uint8Array(this.slots * recordBytes);
    this.view = new DataView(this.bytes.buffer);
    this.metas = new Uint8Array(this.slots * 4);
    this.metasView = new DataView(this.metas.buffer);
  }
}

/** What stands behind the metas of a sidecar: their number, and the CRC of all before. */
function sidecarTrailer(slots: number, metasCrc: number): Uint8Array {
  const bytes = new Uint8Array(SIDECAR_TRAILER_BYTES);
  writeWord(bytes, 0, slots);
  const view = new DataView(bytes.buffer);
  view.setUint32(4, crc32(bytes, 0, 4, metasCrc), true);
  return bytes;
}

function writeWord(bytes: Uint8Array, at: number, word: number): void {
  for (let i = 0; i < 4; i++) bytes[at + i] = word >>> 8 * i;
}
