import { reasonOf } from "../error_code.ts";
import { StorageError } from "../errors.ts";
import type { SlotFile } from "../storage/slot_file.ts";
import type { EventBytes, Shape } from "../slot_events.ts";
import { SLOT_HEADER_BYTES, slotCrc } from "./layout.ts";
import { DELETED, isNewer, OCCUPIED, statusOf, versionOf } from "./meta.ts";
import { MetaTable } from "./meta_table.ts";
import { NewKeys } from "./new_keys.ts";
import { hashKey } from "./routing.ts";
import { type KeySource, SlotIndex } from "./slot_index.ts";
import { SlotSet } from "./slot_set.ts";

/** Is told of every change of a shard, after it happened. */
export interface ShardObserver {
  /** A slot was written: with the key it held before, or with one that `previous` (a slot, or -1) served. */
  written(shard: Shard, slot: number, keyChanged: boolean, previous: number): void;
  /** A slot gave up the key at `bytes[0]`; `servedBy` is another slot that still holds it, or -1. */
  removed(shard: Shard, slot: number, bytes: Uint8Array, servedBy: number): void;
  /** A slot is no longer trusted, and so no longer serves the key. */
  quarantined?(shard: Shard, slot: number, key: Uint8Array): void;
  /** A slot gave up a key that nobody can tell any more: it went bad where it was kept. */
  forgot?(shard: Shard): void;
}

/** What a shard counted since it was opened. */
export interface ShardCounters {
  /** Events applied, by kind. */
  applied: { occupied: number; deleted: number; reset: number };
  /** Events that changed nothing: the slot had that very version, or a newer one. */
  skipped: { same: number; older: number };
  /** Mappings dropped since another key took their slot. */
  staleCleanups: number;
  /** Slots whose CRC did not match, at open or at a read. */
  crcErrors: number;
  /** Slots in which the leader's state was taken against what was held here. */
  diverged: number;
}

/**
 * One shard in memory: metas, index and what is known of each slot, over a slot file.
 *
 * An OCCUPIED slot is either verified (its CRC matched once since open; it has an index entry) or in
 * `unverified` (it has none, and is never served). Changes come through `apply.ts` and `recover.ts`.
 */
export class Shard implements KeySource {
  /** Metas of all slots; their number is the slot count. */
  readonly metas: MetaTable = new MetaTable();
  /** OCCUPIED slots whose bytes cannot be trusted. */
  readonly unverified: SlotSet = new SlotSet();
  /** OCCUPIED slots that the last whole scan did not see: gone, once a second scan does not see them either. */
  readonly suspects: SlotSet = new SlotSet();
  /** Told of each change. */
  readonly observers: Set<ShardObserver> = new Set();
  /** See {@link ShardCounters}. */
  readonly counters: ShardCounters = {
    applied: { occupied: 0, deleted: 0, reset: 0 },
    skipped: { same: 0, older: 0 },
    staleCleanups: 0,
    crcErrors: 0,
    diverged: 0,
  };
  /** Is told that a read came upon a slot that went bad, and so took it out of service. */
  onDamaged: ((shard: number) => void) | undefined = undefined;
  /** Is told of a slot that is about to change, while meta and bytes are still the old ones; must not throw. */
  beforeChange: ((slot: number) => void) | undefined = undefined;
  /** Slots with status OCCUPIED. */
  occupied = 0;
  /** Slots with status DELETED. */
  deleted = 0;
  /** Slots with a meta other than 0: those that were ever written. */
  written = 0;
  /** The newest version applied or found at open. */
  maxVersion = 0;
  #hasVersion = false;
  /** Whether a key was found here that routes to another shard. */
  misrouted = false;
  /** Bytes of a key. */
  readonly keyLength: number;
  /** Bytes of a value. */
  readonly valueLength: number;
  readonly #index: SlotIndex;
  readonly #newKeys: NewKeys;
  readonly #key: Uint8Array;
  /** The slot that the index asked about last, and where its bytes are. */
  #asked = -1;
  #foundAt = 0;
  /** A slot that the index asked about and that is not what it was, or -1. */
  #badSlot = -1;

  /** A shard over an open file whose metas and index are still empty: see `recover.ts`. */
  constructor(readonly id: number, readonly shape: Shape, readonly file: SlotFile) {
    this.keyLength = shape.keyLength;
    this.valueLength = shape.valueLength;
    this.#index = new SlotIndex(this);
    // A key that is not in the index is not found, and a miss must not pass for its absence.
    this.#newKeys = new NewKeys(this.#index, shape.keyLength, (slot) => this.unverified.add(slot));
    this.#key = new Uint8Array(shape.keyLength);
  }

  /** Key to slot, for verified OCCUPIED slots: all of them, as whoever looks settles the new ones. */
  get index(): SlotIndex {
    if (!this.#newKeys.isEmpty) this.#newKeys.settle();
    return this.#index;
  }

  /** Adds a key to the index, soon: see {@link NewKeys}. */
  addKey(hash: number, slot: number, bytes: Uint8Array, at: number): void {
    this.#newKeys.add(hash, slot, bytes, at);
  }

  /** Notes that a slot was written with the key that it has: see {@link NewKeys.keep}. */
  keepKey(slot: number, bytes: Uint8Array, at: number): void {
    this.#newKeys.keep(slot, bytes, at);
  }

  /** Ends what {@link addKey} and {@link keepKey} began: the bytes that it was given are no longer needed. */
  settle(): void {
    this.#newKeys.settle();
  }

  /** Slots of the shard. */
  get slotCount(): number {
    return this.metas.length;
  }

  /** Whether no slot was ever written: only then may a leader leave DELETED slots out of a scan. */
  get isEmpty(): boolean {
    return this.written === 0;
  }

  /** See {@link KeySource}. */
  slotHasKey(slot: number, bytes: Uint8Array, at: number): boolean {
    this.#asked = slot;
    const offset = this.#foundAt = this.file.at(slot);
    if (holdsBytes(this.file.view, offset + SLOT_HEADER_BYTES, bytes, at, this.keyLength)) return true;
    // The hash fits and the key does not: two keys of one hash are far rarer than a key that went bad on disk.
    if (!this.file.inMemory && !this.#isIntactAt(slot, offset)) this.#badSlot = slot;
    return false;
  }

  /**
   * The slot that serves a key, or -1. Afterwards, until the next call of any method, the slot's bytes are at
   * `file.window[foundAt]`: those that were checked, as a second read of the disk may bring others.
   *
   * A file that is not in memory is checked at each read; a slot that fails, or cannot be read, is quarantined.
   */
  find(hash: number, key: Uint8Array, at = 0): number {
    if (this.file.inMemory) return this.index.find(hash, key, at);
    // Settles what is new, which may come upon bad slots too.
    const { index } = this;
    for (;;) {
      this.#badSlot = -1;
      const slot = this.#findReadable(index, hash, key, at);
      if (this.#badSlot < 0) {
        if (slot < 0 || this.#crcMatchesAt(slot, this.foundAt)) return slot;
        this.#badSlot = slot;
      }
      this.quarantine(this.#badSlot, hash, key, at);
      this.onDamaged?.(this.id);
    }
  }

  /** Where in `file.window` the slot lies that {@link find} or {@link isIntact} has just looked at. */
  get foundAt(): number {
    return this.#foundAt;
  }

  #findReadable(index: SlotIndex, hash: number, key: Uint8Array, at: number): number {
    try {
      return index.find(hash, key, at);
    } catch {
      this.#badSlot = this.#asked;
      return -1;
    }
  }

  /** Whether the bytes of a slot match its CRC and its meta. */
  crcMatches(slot: number): boolean {
    return this.#crcMatchesAt(slot, this.file.at(slot));
  }

  #crcMatchesAt(slot: number, offset: number): boolean {
    const { view } = this.file;
    return view.getUint32(offset, true) === this.metas.get(slot) && this.hasGoodCrc(view, offset);
  }

  /**
   * Whether a verified OCCUPIED slot is what was written to it: its CRC matches, and its key is the one that it is
   * found by. Of a slot that holds another one's bytes, or those of its own past, only the one or the other tells.
   * What was checked is at `file.window[foundAt]`. Throws what reading it throws.
   */
  isIntact(slot: number): boolean {
    this.settle();
    this.#foundAt = this.file.at(slot);
    return this.#isIntactAt(slot, this.#foundAt);
  }

  /** The same, where one that cannot be read is not intact either. */
  isReadable(slot: number): boolean {
    try {
      return this.isIntact(slot);
    } catch {
      return false;
    }
  }

  /** {@link SlotFile.load}; throws StorageError. */
  load(first: number, count: number): number {
    try {
      return this.file.load(first, count);
    } catch (error) {
      throw unreadable(this, first, error);
    }
  }

  #isIntactAt(slot: number, offset: number): boolean {
    const { window } = this.file;
    return this.#crcMatchesAt(slot, offset) &&
      this.#index.has(hashKey(window, offset + SLOT_HEADER_BYTES, this.keyLength), slot);
  }

  /** Whether the slot at an offset has the CRC of its meta, key and value. */
  hasGoodCrc(view: DataView, offset: number): boolean {
    return view.getInt32(offset + 4, true) === slotCrc(view, offset, this.keyLength + this.valueLength);
  }

  /** Takes a slot whose CRC does not match out of service until the leader sends it again. */
  quarantine(slot: number, hash: number, key: Uint8Array, at: number): void {
    this.counters.crcErrors++;
    this.distrust(slot, hash, key, at);
  }

  /** The same for one that is not {@link isIntact}: the key that it is found by may be another one, and is looked for. */
  quarantineSlot(slot: number): void {
    const key = new Uint8Array(this.keyLength);
    const hash = this.#readKey(slot, key) ? hashKey(key, 0, key.length) : 0;
    if (this.index.has(hash, slot)) this.quarantine(slot, hash, key, 0);
    else {
      this.counters.crcErrors++;
      this.index.removeSlot(slot);
      this.unverified.add(slot);
    }
    this.onDamaged?.(this.id);
  }

  /** Takes a verified slot out of service until the leader sends it again. */
  distrust(slot: number, hash: number, key: Uint8Array, at: number): void {
    try {
      this.index.remove(hash, slot, key, at);
    } catch {
      // Another slot, which may hold the same key, cannot be read.
      this.index.removeSlot(slot);
    }
    this.unverified.add(slot);
    for (const observer of this.observers) {
      observer.quarantined?.(this, slot, key.slice(at, at + this.keyLength));
    }
  }

  /** Adds a slot of this meta to the counts, or with -1 takes it out. */
  count(meta: number, step: 1 | -1): void {
    if (meta !== 0) this.written += step;
    const status = statusOf(meta);
    if (status === OCCUPIED) this.occupied += step;
    else if (status === DELETED) this.deleted += step;
  }

  /** Sets a slot's meta, and what is counted of it. Who also changes its bytes does so afterwards. */
  setMeta(slot: number, meta: number): void {
    if (this.beforeChange !== undefined) this.beforeChange(slot);
    const old = this.metas.get(slot);
    if (old === 0 || meta === 0 || statusOf(old) !== statusOf(meta)) {
      this.count(old, -1);
      this.count(meta, 1);
    }
    this.metas.set(slot, meta);
    this.noteVersion(meta);
  }

  /** Notes the version of a meta that was applied, or found at open. The first one counts, wherever on the ring. */
  noteVersion(meta: number): void {
    if (meta === 0) return;
    const version = versionOf(meta);
    if (this.#hasVersion && !isNewer(version, this.maxVersion)) return;
    this.#hasVersion = true;
    this.maxVersion = version;
  }

  /** Drops the index entry of a verified OCCUPIED slot, whose bytes must still be the old ones. */
  dropKey(slot: number): void {
    const key = this.#key;
    if (!this.#readKey(slot, key)) return this.#dropUnknownKey(slot);
    const hash = hashKey(key, 0, key.length);
    const { index, observers } = this;
    const mayBeShared = observers.size > 0 && index.duplicates > 0;
    // Before anything changes: reading a slot may throw.
    const wasHidden = mayBeShared && index.find(hash, key, 0) !== slot;
    const servedBy = mayBeShared ? index.find(hash, key, 0, slot) : -1;
    // A key that went bad on disk is not the one that the index knows.
    if (!index.remove(hash, slot, key, 0)) return this.#dropUnknownKey(slot);
    for (const observer of observers) {
      observer.removed(this, slot, key, servedBy);
      // What comes to light may be another value.
      if (servedBy >= 0 && !wasHidden) observer.written(this, servedBy, false, servedBy);
    }
  }

  #dropUnknownKey(slot: number): void {
    this.index.removeSlot(slot);
    for (const observer of this.observers) observer.forgot?.(this);
  }

  /** Copies a slot's key; says whether it could be read. */
  #readKey(slot: number, key: Uint8Array): boolean {
    const offset = offsetOf(this, slot) + SLOT_HEADER_BYTES;
    if (offset < SLOT_HEADER_BYTES) return false;
    for (let i = 0; i < key.length; i++) key[i] = this.file.window[offset + i];
    return true;
  }
}

/** The error of a slot that cannot be read. */
export function unreadable({ id }: Shard, slot: number, error: unknown): StorageError {
  return new StorageError(`Cannot read slot ${slot} of shard ${id}: ${reasonOf(error)}`, { cause: error });
}

/** Whether an OCCUPIED slot holds exactly the key and value at `keyAt`, under a good CRC; one that can be read. */
export function slotEquals(shard: Shard, slot: number, events: EventBytes, keyAt: number): boolean {
  const { file } = shard;
  const offset = offsetOf(shard, slot);
  if (offset < 0) return false;
  const body = shard.keyLength + shard.valueLength;
  return equalViews(file.view, offset + SLOT_HEADER_BYTES, events.view, keyAt, body) &&
    (file.inMemory || shard.hasGoodCrc(file.view, offset));
}

/** The same of the slot that {@link Shard.isIntact} has just looked at, without reading it again. */
export function foundEquals(shard: Shard, events: EventBytes, keyAt: number): boolean {
  const { file, keyLength, valueLength, foundAt } = shard;
  return equalViews(file.view, foundAt + SLOT_HEADER_BYTES, events.view, keyAt, keyLength + valueLength);
}

/** Whether a slot can be read, and holds the key at `keyAt`. */
export function slotHoldsKey(shard: Shard, slot: number, events: EventBytes, keyAt: number): boolean {
  const offset = offsetOf(shard, slot);
  return offset >= 0 &&
    equalViews(shard.file.view, offset + SLOT_HEADER_BYTES, events.view, keyAt, shard.keyLength);
}

/** Where in the file's window a slot lies, or -1: what cannot be read is about to be written. */
function offsetOf({ file }: Shard, slot: number): number {
  try {
    return file.at(slot);
  } catch {
    return -1;
  }
}

/** Whether two ranges hold the same bytes, word by word. */
function equalViews(a: DataView, aAt: number, b: DataView, bAt: number, length: number): boolean {
  let i = 0;
  for (const last = length - 4; i <= last; i += 4) {
    if (a.getInt32(aAt + i, true) !== b.getInt32(bAt + i, true)) return false;
  }
  for (; i < length; i++) {
    if (a.getUint8(aAt + i) !== b.getUint8(bAt + i)) return false;
  }
  return true;
}

/** Whether a view holds these bytes: words on the one side, as the other side's alignment is anybody's. */
function holdsBytes(view: DataView, offset: number, bytes: Uint8Array, at: number, length: number): boolean {
  let i = 0;
  for (const last = length - 4; i <= last; i += 4) {
    const word = bytes[at + i] | bytes[at + i + 1] << 8 | bytes[at + i + 2] << 16 | bytes[at + i + 3] << 24;
    if (view.getInt32(offset + i, true) !== word) return false;
  }
  for (; i < length; i++) {
    if (view.getUint8(offset + i) !== bytes[at + i]) return false;
  }
  return true;
}

/** Whether two ranges hold the same bytes. */
export function equalBytes(a: Uint8Array, aAt: number, b: Uint8Array, bAt: number, length: number): boolean {
  for (let i = 0; i < length; i++) {
    if (a[aAt + i] !== b[bAt + i]) return false;
  }
  return true;
}

/** The little-endian u32 at an offset. */
export function readWord(bytes: Uint8Array, at: number): number {
  return (bytes[at] | bytes[at + 1] << 8 | bytes[at + 2] << 16 | bytes[at + 3] << 24) >>> 0;
}
