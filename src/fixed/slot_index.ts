/**
 * The index of a shard: from a key's hash to the slots that hold the key.
 *
 * It keeps one entry per OCCUPIED slot, so two slots with equal keys have two entries: the one that came last
 * stands first and is served, and removing it uncovers the other. Keys themselves stay in the slots.
 *
 * Entries of 8 bytes in segments (extendible hashing): each grows by a fifth and in the end splits, alone, so that
 * no insertion moves more than one segment, and a key takes 9 to 11 bytes.
 */

import {
  copyOf,
  evenSizes,
  FIRST_HOMES,
  firstOfLowerHalf,
  homeOf,
  insertAt,
  MOST_HOMES,
  moveToFront,
  newSegment,
  placeOfSlot,
  placeOfTag,
  removeAt,
  type Segment,
  tagOf,
} from "./index_segment.ts";

/** Tells the index what it does not keep: the keys. */
export interface KeySource {
  /** Whether the slot holds the key at `bytes[at]`. */
  slotHasKey(slot: number, bytes: Uint8Array, at: number): boolean;
}

/** A segment that has filled so many homes takes the expected size. */
const LEAST_SURE_HOMES = 256;
/** A segment that is full grows by this factor. */
const GROWTH = 1.2;
/** How full the halves of a split segment are. */
const SPLIT_LOAD = 0.74;

/**
 * See the head of this file.
 *
 * Measured with a million keys of 8 bytes on two busy cores, ns per key in Deno / Bun: `prefetch` and `insert` of
 * 256 with the number expected 54 / 52, without 114 / 106, `insert` 126 / 127; `find` waits twice for memory,
 * 107 / 110.
 */
export class SlotIndex {
  readonly #keys: KeySource;
  readonly #firstHomes: number;
  readonly #mostHomes: number;
  #directory: Segment[];
  /** A hash's place in the directory is `hash >>> shift`. */
  #shift = 31;
  #entries = 0;
  #duplicates = 0;
  /** What {@link expect} made of the number of keys. */
  #expectedSegments = 1;
  #expectedHomes = 0;
  /** What {@link prefetch} read: kept, so that no compiler finds the reads useless. */
  #touched = 0;

  /** An empty index over the keys of a shard. Only tests choose how large segments may become. */
  constructor(keys: KeySource, mostHomes: number = MOST_HOMES) {
    this.#keys = keys;
    this.#mostHomes = mostHomes;
    this.#firstHomes = Math.min(FIRST_HOMES, mostHomes);
    const segment = newSegment({ homes: this.#firstHomes, depth: 0 });
    this.#directory = [segment, segment];
  }

  /** Number of different keys. */
  get keys(): number {
    return this.#entries - this.#duplicates;
  }

  /** Slots that have an entry. */
  get entries(): number {
    return this.#entries;
  }

  /** Takes what a count of all entries gave for {@link duplicates}. */
  recounted(duplicates: number): void {
    this.#duplicates = duplicates;
  }

  /** Slots whose key another slot holds too, not counting the one that is served. */
  get duplicates(): number {
    return this.#duplicates;
  }

  /** Bytes of all segments. */
  get bytes(): number {
    let bytes = 0;
    for (const segment of new Set(this.#directory)) bytes += segment.entries.byteLength;
    return bytes;
  }

  /** Expects so many keys: segments take the size for them at once. Costs no memory before they come. */
  expect(keys: number): void {
    const { segments, homes } = evenSizes(keys, this.#mostHomes);
    this.#expectedSegments = segments;
    this.#expectedHomes = homes;
  }

  /** Takes the segments that an {@link IndexBuilder} made. The index must be empty. */
  take(segments: Segment[]): void {
    this.#directory = segments;
    this.#shift = Math.clz32(segments.length) + 1;
    for (const { used } of segments) this.#entries += used;
  }

  /** The slot that serves a key, or would without the slot `except`; -1 where there is none. */
  find(hash: number, bytes: Uint8Array, at: number, except = -1): number {
    const segment = this.#directory[hash >>> this.#shift];
    const { entries } = segment;
    const tag = tagOf(hash);
    for (let place = placeOfTag(segment, tag); entries[place] === tag; place += 2) {
      const slot = (entries[place + 1] - 1) >>> 0;
      if (slot !== except && this.#keys.slotHasKey(slot, bytes, at)) return slot;
    }
    return -1;
  }

  /** Adds a slot for a key, and serves it from now on. The slot must have no entry. */
  insert(hash: number, slot: number, bytes: Uint8Array, at: number): void {
    let segment = this.#directory[hash >>> this.#shift];
    while (segment.used >= segment.limit) {
      this.#makeRoom(segment);
      segment = this.#directory[hash >>> this.#shift];
    }
    const { entries } = segment;
    const tag = tagOf(hash);
    const place = placeOfTag(segment, tag);
    if (entries[place] === tag && this.find(hash, bytes, at) >= 0) this.#duplicates++;
    const filled = insertAt(segment, place, tag, (slot + 1) | 0);
    segment.used++;
    this.#entries++;
    if (filled === entries.length - 2) this.#rebuild(segment, segment.homes);
  }

  /**
   * Fetches what the index holds near `count` hashes into the processor's caches, before any method is called with
   * them: these reads wait for memory side by side, later ones would one after the other.
   */
  prefetch(hashes: Int32Array, count: number): void {
    let touched = 0;
    for (let i = 0; i < count; i++) {
      const hash = hashes[i] | 0;
      const segment = this.#directory[hash >>> this.#shift];
      touched ^= segment.entries[homeOf(segment, tagOf(hash))];
    }
    this.#touched = touched;
  }

  /** Whether a slot has an entry under a hash. */
  has(hash: number, slot: number): boolean {
    return placeOfSlot(this.#directory[hash >>> this.#shift], tagOf(hash), slot) >= 0;
  }

  /** Removes the entry of a slot that holds the key; says whether it had one. */
  remove(hash: number, slot: number, bytes: Uint8Array, at: number): boolean {
    const segment = this.#directory[hash >>> this.#shift];
    const place = placeOfSlot(segment, tagOf(hash), slot);
    if (place < 0) return false;
    // Before anything changes: reading a slot may throw.
    const isDuplicate = this.#duplicates > 0 && this.find(hash, bytes, at, slot) >= 0;
    removeAt(segment, place);
    this.#entries--;
    if (isDuplicate) this.#duplicates--;
    return true;
  }

  /** Removes the entry of a slot whose key is no longer known: looks at all entries. */
  removeSlot(slot: number): void {
    const stored = (slot + 1) | 0;
    for (const segment of new Set(this.#directory)) {
      const { entries } = segment;
      for (let place = 0; place < entries.length; place += 2) {
        if (entries[place + 1] !== stored) continue;
        const tag = entries[place];
        removeAt(segment, place);
        this.#entries--;
        // For want of the key, an equal tag counts as the same key.
        if (this.#duplicates > 0 && entries[placeOfTag(segment, tag)] === tag) this.#duplicates--;
        return;
      }
    }
  }

  /**
   * Looks for the entries of slots whose keys are no longer known, and notes hashes to find them by: those of the keys,
   * but for a last bit that no method asks about. Looks at one segment, 0.1 ms at most, from the hash 0 on; answers the
   * `from` of the next, 2^32 behind the last. Entries that others add and remove in between do no harm.
   */
  hashesOf(slots: Map<number, number | undefined>, from: number): number {
    const { entries, depth } = this.#directory[from >>> this.#shift];
    for (let place = 0; place < entries.length; place += 2) {
      const slot = (entries[place + 1] - 1) >>> 0;
      if (entries[place] !== 0 && slots.has(slot)) slots.set(slot, entries[place] << 1);
    }
    const span = 2 ** (32 - depth);
    return (Math.floor(from / span) + 1) * span;
  }

  /**
   * Serves the key of this slot, which has an entry under the hash, from it where several hold it. Answers whether
   * another slot may have served it before.
   */
  promote(hash: number, slot: number): boolean {
    if (this.#duplicates === 0) return false;
    const segment = this.#directory[hash >>> this.#shift];
    const tag = tagOf(hash);
    const place = placeOfSlot(segment, tag, slot);
    if (place < 0 || place === placeOfTag(segment, tag)) return false;
    moveToFront(segment, place);
    return true;
  }

  #makeRoom(segment: Segment): void {
    const { homes, depth } = segment;
    const isEarly = 2 ** depth < this.#expectedSegments;
    const isLarge = homes >= this.#mostHomes;
    if ((isEarly || isLarge) && this.#maySplit(depth + 1)) return this.#split(segment);
    const grown = Math.ceil(homes * GROWTH);
    if (isLarge) return this.#rebuild(segment, grown);
    // Not to the expected size at once, as few keys may come; but in two steps, as each leaves garbage behind.
    const expected = Math.min(this.#expectedHomes, homes < LEAST_SURE_HOMES ? LEAST_SURE_HOMES : Infinity);
    this.#rebuild(segment, Math.min(this.#mostHomes, Math.max(grown, expected)));
  }

  /** Whether a segment may get this depth: not where equal hashes are to blame, and only the directory would grow. */
  #maySplit(depth: number): boolean {
    const segments = 2 ** depth;
    return segments <= Math.max(this.#directory.length, this.#expectedSegments) ||
      segments * this.#mostHomes <= 16 * this.#entries;
  }

  /** Puts a copy with so many homes in a segment's place; its last place is empty again. */
  #rebuild(segment: Segment, homes: number): void {
    const copy = copyOf(segment, { end: segment.entries.length, homes, depth: segment.depth });
    this.#directory.fill(copy, ...this.#spanOf(segment));
  }

  #split(segment: Segment): void {
    if (segment.depth === 32 - this.#shift) this.#doubleDirectory();
    const depth = segment.depth + 1;
    const { place, count } = firstOfLowerHalf(segment);
    const high = copyOf(segment, { end: place, homes: this.#homesFor(count), depth });
    const low = copyOf(segment, {
      from: place,
      end: segment.entries.length,
      homes: this.#homesFor(segment.used - count),
      depth,
    });
    const [first, end] = this.#spanOf(segment);
    this.#directory.fill(low, first, (first + end) / 2);
    this.#directory.fill(high, (first + end) / 2, end);
  }

  #homesFor(entries: number): number {
    return Math.max(this.#firstHomes, Math.ceil(entries / SPLIT_LOAD));
  }

  /** Where a segment stands in the directory: the first place, and the one behind the last. */
  #spanOf(segment: Segment): [first: number, end: number] {
    const first = this.#directory.indexOf(segment);
    return [first, first + 2 ** (32 - this.#shift - segment.depth)];
  }

  #doubleDirectory(): void {
    this.#directory = this.#directory.flatMap((segment) => [segment, segment]);
    this.#shift--;
  }
}
