/**
 * The index of a shard: from a key's hash to the slots that hold the key.
 *
 * It keeps one entry per OCCUPIED slot, so two slots with equal keys have two entries: the one that came last
 * stands first and is served, and removing it uncovers the other. Keys themselves stay in the slots.
 *
 * Open addressing with linear probing, entries of 8 bytes (hash, slot + 1), in segments of at most 32 KiB that
 * split singly (extendible hashing), so that no insertion ever moves more than one segment.
 */

/** Tells the index what it does not keep: the keys. */
export interface KeySource {
  /** Whether the slot holds the key at `bytes[at]`. */
  slotHasKey(slot: number, bytes: Uint8Array, at: number): boolean;
}

/** A table of entries whose hashes share their first `depth` bits. */
interface Segment {
  /** hash, slot + 1, hash, slot + 1, ...; slot + 1 = 0 is an empty place. */
  entries: Uint32Array;
  /** Places - 1. */
  mask: number;
  /** Places in use. */
  used: number;
  /** Leading hash bits that all entries share. */
  depth: number;
}

const FIRST_PLACES = 64;
const MOST_PLACES = 4096;
/** Beyond this depth equal hashes are to blame, and a segment grows instead of splitting. */
const MOST_DEPTH = 20;

/** See the head of this file. */
export class SlotIndex {
  readonly #keys: KeySource;
  #directory: Segment[];
  /** A hash's place in the directory is `hash >>> shift`. */
  #shift = 31;
  #entries = 0;
  #duplicates = 0;

  /** An empty index over the keys of a shard. */
  constructor(keys: KeySource) {
    this.#keys = keys;
    const segment = newSegment(FIRST_PLACES, 0);
    this.#directory = [segment, segment];
  }

  /** Number of different keys. */
  get keys(): number {
    return this.#entries - this.#duplicates;
  }

  /** Slots whose key another slot holds too, not counting the one that is served. */
  get duplicates(): number {
    return this.#duplicates;
  }

  /** Bytes of all tables. */
  get bytes(): number {
    let bytes = 0;
    for (const segment of new Set(this.#directory)) bytes += segment.entries.byteLength;
    return bytes;
  }

  /** The slot that serves a key, or -1. */
  find(hash: number, bytes: Uint8Array, at: number): number {
    const { entries, mask } = this.#directory[hash >>> this.#shift];
    for (let place = hash & mask;; place = (place + 1) & mask) {
      const stored = entries[2 * place + 1];
      if (stored === 0) return -1;
      if (entries[2 * place] === hash && this.#keys.slotHasKey(stored - 1, bytes, at)) return stored - 1;
    }
  }

  /** Adds a slot for a key, and serves it from now on. The slot must have no entry. */
  insert(hash: number, slot: number, bytes: Uint8Array, at: number): void {
    let segment = this.#directory[hash >>> this.#shift];
    while (4 * (segment.used + 1) > 3 * (segment.mask + 1)) {
      this.#makeRoom(segment);
      segment = this.#directory[hash >>> this.#shift];
    }
    const { entries, mask } = segment;
    let carried = slot + 1;
    let isNewKey = true;
    let place = hash & mask;
    for (; entries[2 * place + 1] !== 0; place = (place + 1) & mask) {
      if (entries[2 * place] !== hash) continue;
      const stored = entries[2 * place + 1];
      if (!this.#keys.slotHasKey(stored - 1, bytes, at)) continue;
      entries[2 * place + 1] = carried;
      carried = stored;
      isNewKey = false;
    }
    if (!isNewKey) this.#duplicates++;
    entries[2 * place] = hash;
    entries[2 * place + 1] = carried;
    segment.used++;
    this.#entries++;
  }

  /** Removes the entry of a slot that holds the key; says whether it had one. */
  remove(hash: number, slot: number, bytes: Uint8Array, at: number): boolean {
    const segment = this.#directory[hash >>> this.#shift];
    const place = placeOf(segment, hash, slot);
    if (place < 0) return false;
    closeGap(segment, place);
    segment.used--;
    this.#entries--;
    if (this.#duplicates > 0 && this.find(hash, bytes, at) >= 0) this.#duplicates--;
    return true;
  }

  /** Removes the entry of a slot whose key is no longer known: looks at all entries. */
  removeSlot(slot: number): void {
    for (const segment of new Set(this.#directory)) {
      const place = placeOfSlot(segment, slot);
      if (place < 0) continue;
      const hash = segment.entries[2 * place];
      closeGap(segment, place);
      segment.used--;
      this.#entries--;
      if (this.#duplicates > 0 && hasHash(segment, hash)) this.#duplicates--;
      return;
    }
  }

  /** Serves the key from this slot, which has an entry, where several hold it. */
  promote(hash: number, slot: number, bytes: Uint8Array, at: number): void {
    if (this.#duplicates > 0 && this.remove(hash, slot, bytes, at)) this.insert(hash, slot, bytes, at);
  }

  #makeRoom(segment: Segment): void {
    const places = segment.mask + 1;
    if (places < MOST_PLACES || segment.depth >= MOST_DEPTH) enlarge(segment);
    else this.#split(segment);
  }

  #split(segment: Segment): void {
    if (segment.depth === 32 - this.#shift) this.#doubleDirectory();
    const depth = segment.depth + 1;
    const low = newSegment(segment.mask + 1, depth);
    const high = newSegment(segment.mask + 1, depth);
    eachEntry(
      segment,
      (hash, stored) => append((hash << segment.depth) >>> 31 === 0 ? low : high, hash, stored),
    );
    const first = this.#directory.indexOf(segment);
    const span = 2 ** (32 - this.#shift - segment.depth);
    this.#directory.fill(low, first, first + span / 2);
    this.#directory.fill(high, first + span / 2, first + span);
  }

  #doubleDirectory(): void {
    this.#directory = this.#directory.flatMap((segment) => [segment, segment]);
    this.#shift--;
  }
}

function newSegment(places: number, depth: number): Segment {
  return { entries: new Uint32Array(2 * places), mask: places - 1, used: 0, depth };
}

function placeOf({ entries, mask }: Segment, hash: number, slot: number): number {
  for (let place = hash & mask;; place = (place + 1) & mask) {
    const stored = entries[2 * place + 1];
    if (stored === 0) return -1;
    if (stored === slot + 1) return place;
  }
}

function placeOfSlot({ entries, mask }: Segment, slot: number): number {
  for (let place = 0; place <= mask; place++) {
    if (entries[2 * place + 1] === slot + 1) return place;
  }
  return -1;
}

/** Whether a hash has an entry: for want of the key, that counts as the same key. */
function hasHash({ entries, mask }: Segment, hash: number): boolean {
  for (let place = hash & mask; entries[2 * place + 1] !== 0; place = (place + 1) & mask) {
    if (entries[2 * place] === hash) return true;
  }
  return false;
}

/** Empties a place and moves later entries up, so that every probe still ends at the first empty place. */
function closeGap({ entries, mask }: Segment, gap: number): void {
  for (let place = (gap + 1) & mask; entries[2 * place + 1] !== 0; place = (place + 1) & mask) {
    const home = entries[2 * place] & mask;
    if (((place - home) & mask) < ((place - gap) & mask)) continue;
    entries[2 * gap] = entries[2 * place];
    entries[2 * gap + 1] = entries[2 * place + 1];
    gap = place;
  }
  entries[2 * gap + 1] = 0;
}

/** Visits all entries so that entries of equal hash keep their order: from behind an empty place, once around. */
function eachEntry({ entries, mask }: Segment, visit: (hash: number, stored: number) => void): void {
  let start = 0;
  while (entries[2 * start + 1] !== 0) start++;
  for (let step = 1; step <= mask; step++) {
    const place = (start + step) & mask;
    if (entries[2 * place + 1] !== 0) visit(entries[2 * place], entries[2 * place + 1]);
  }
}

function append(segment: Segment, hash: number, stored: number): void {
  const { entries, mask } = segment;
  let place = hash & mask;
  while (entries[2 * place + 1] !== 0) place = (place + 1) & mask;
  entries[2 * place] = hash;
  entries[2 * place + 1] = stored;
  segment.used++;
}

function enlarge(segment: Segment): void {
  const larger = newSegment(2 * (segment.mask + 1), segment.depth);
  eachEntry(segment, (hash, stored) => append(larger, hash, stored));
  segment.entries = larger.entries;
  segment.mask = larger.mask;
}
