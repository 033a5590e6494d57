/**
 * A segment of a slot index: the entries whose hashes share their first `depth` bits, as a sorted list with gaps.
 *
 * An entry is two words, tag and slot + 1. Its home is where its tag belongs if all tags were spread evenly, and it
 * stands there or behind, no gap between. Tags descend, and an empty place has tag 0, so a search is one comparison
 * per step and ends as early for a key that is not there as for one that is (4 steps at a load of 0.86; in a table
 * without order 22). Growing and splitting copy the list from front to end, and look for no place: 2 to 3 ns a key.
 *
 * "Place" is the index of an entry's first word in `entries`, thus even.
 */

/** See the head of this file. */
export interface Segment {
  /** tag, slot + 1, tag, slot + 1, ...; the last place is always empty. */
  readonly entries: Int32Array;
  /** Places that are some tag's home. */
  readonly homes: number;
  /** See {@link homeOf}: `homes` has at most so many bits. */
  readonly homeBits: number;
  /** Leading hash bits that all entries share. */
  readonly depth: number;
  /** Entries. */
  used: number;
  /** With so many entries the segment should make room. */
  readonly limit: number;
}

/** A segment fuller than this makes room: an insertion moves 22 entries at 0.86, 42 at 0.9. */
const MOST_LOAD = 0.88;
/** The number of homes has fewer bits unless equal hashes made a segment huge. */
const LEAST_HOME_BITS = 14;

/** Homes of a new index's segment. */
export const FIRST_HOMES = 64;
/** Homes of the largest segment, in 14 bits: to copy it takes 0.1 ms. */
export const MOST_HOMES = 16_383;
/** How full segments are with the keys that were expected: they differ by a few percent, and none should be full. */
const EXPECTED_LOAD = 0.85;

/** How many equal segments hold so many keys best, a power of two and 2 at least, and the homes of each. */
export function evenSizes(keys: number, mostHomes = MOST_HOMES): { segments: number; homes: number } {
  const homes = keys / EXPECTED_LOAD;
  const segments = 2 ** Math.max(1, Math.ceil(Math.log2(homes / mostHomes)));
  return { segments, homes: Math.max(Math.min(FIRST_HOMES, mostHomes), Math.ceil(homes / segments)) };
}

/** An empty segment with so many homes, and `spare` places behind the last; by default almost always enough. */
export function newSegment(
  { homes, depth, spare = 16 + (homes >>> 6) }: { homes: number; depth: number; spare?: number },
): Segment {
  return {
    entries: new Int32Array(2 * (homes + spare)),
    homes,
    homeBits: Math.max(LEAST_HOME_BITS, 32 - Math.clz32(homes)),
    depth,
    used: 0,
    limit: Math.floor(homes * MOST_LOAD),
  };
}

/** What an entry keeps of a hash: its first 30 bits, and a 1 behind them, as tag 0 is an empty place. */
export function tagOf(hash: number): number {
  return (hash >>> 1) | 1;
}

/**
 * The place where the search for a tag begins: its first bits behind `depth`, scaled to the number of homes.
 *
 * As many bits as leave the product 32; `>>> -n` is `>>> 32 - n`. A product of doubles would be 10 to 20 % slower.
 */
export function homeOf({ depth, homes, homeBits }: Segment, tag: number): number {
  return (Math.imul((~tag << (depth + 1)) >>> homeBits, homes) >>> -homeBits) << 1;
}

/**
 * The place of the first entry with this tag, or where it belongs.
 *
 * The first four steps take no branch: nobody can predict where a search ends, and a wrong guess costs as much as
 * ten steps. Measured: 7 % of a search, 10 to 20 % of an insertion.
 */
export function placeOfTag(segment: Segment, tag: number): number {
  const { entries } = segment;
  const home = homeOf(segment, tag);
  let place = home + 2 * (
        isBelow(tag, entries[home]) + isBelow(tag, entries[home + 2]) +
        isBelow(tag, entries[home + 4]) + isBelow(tag, entries[home + 6])
      );
  while (entries[place] > tag) place += 2;
  return place;
}

/** 1 if tag `a` is less than `b`, else 0. */
function isBelow(a: number, b: number): number {
  return (a - b) >>> 31;
}

/** The place of a slot's entry, or -1. */
export function placeOfSlot(segment: Segment, tag: number, slot: number): number {
  const { entries } = segment;
  const stored = (slot + 1) | 0;
  for (let place = placeOfTag(segment, tag); entries[place] === tag; place += 2) {
    if (entries[place + 1] === stored) return place;
  }
  return -1;
}

/** Puts an entry at the place where its tag belongs, before those that stand there. Fills the last place at worst. */
export function insertAt({ entries }: Segment, place: number, tag: number, stored: number): number {
  while (entries[place] !== 0) {
    const nextTag = entries[place];
    const nextStored = entries[place + 1];
    entries[place] = tag;
    entries[place + 1] = stored;
    tag = nextTag;
    stored = nextStored;
    place += 2;
  }
  entries[place] = tag;
  entries[place + 1] = stored;
  return place;
}

/** Puts an entry before the others of its tag. */
export function moveToFront({ entries }: Segment, place: number): void {
  const tag = entries[place];
  const stored = entries[place + 1];
  for (; entries[place - 2] === tag; place -= 2) entries[place + 1] = entries[place - 1];
  entries[place + 1] = stored;
}

/** Takes out an entry, and moves those behind it that are not at home. */
export function removeAt(segment: Segment, place: number): void {
  const { entries } = segment;
  let next = place + 2;
  for (; entries[next] !== 0 && homeOf(segment, entries[next]) < next; next += 2) {
    entries[next - 2] = entries[next];
    entries[next - 1] = entries[next + 1];
  }
  entries[next - 2] = 0;
  entries[next - 1] = 0;
  segment.used--;
}

/** The first place of entries whose hash bit behind `depth` is clear, and the number of entries before it. */
export function firstOfLowerHalf({ entries, depth }: Segment): { place: number; count: number } {
  let count = 0;
  let place = 0;
  for (; place < entries.length; place += 2) {
    const tag = entries[place];
    if (tag === 0) continue;
    if (tag << (depth + 1) >= 0) break;
    count++;
  }
  return { place, count };
}

/** A new segment of the entries at places `from` to `end`; none of them is its last. */
export function copyOf(
  source: Segment,
  { from = 0, end, homes, depth }: { from?: number; end: number; homes: number; depth: number },
): Segment {
  let copy = newSegment({ homes, depth });
  while (!appendAll(copy, source, from, end)) {
    // Too many behind the last home: as a rule, equal hashes.
    copy = newSegment({ homes, depth, spare: copy.entries.length - homes });
  }
  return copy;
}

/** Adds entries, whose tags descend, to an empty segment. False: there were not enough places. */
function appendAll(target: Segment, { entries: from }: Segment, first: number, end: number): boolean {
  const { entries } = target;
  const last = entries.length - 2;
  let free = 0;
  for (let place = first; place < end; place += 2) {
    const tag = from[place];
    if (tag === 0) continue;
    free = Math.max(free, homeOf(target, tag));
    if (free >= last) return false;
    entries[free] = tag;
    entries[free + 1] = from[place + 1];
    free += 2;
    target.used++;
  }
  return true;
}
