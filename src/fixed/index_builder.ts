import { copyOf, evenSizes, insertAt, newSegment, placeOfTag, type Segment, tagOf } from "./index_segment.ts";

/**
 * Makes the segments of a slot index where all keys are known before anyone asks for one.
 *
 * First each entry goes to the end of its segment: that writes to a few hundred places in turn, and the processor's
 * caches hold them. Then one segment after the other is sorted, and is in the cache meanwhile. Inserting the keys
 * into a large index would wait for memory at each.
 */
export class IndexBuilder {
  /** The segments, by their hashes. */
  readonly segments: Segment[] = [];
  readonly #leftOver: number[] = [];
  readonly #segmentCount: number;
  readonly #homes: number;
  readonly #shift: number;
  #unsorted = new Int32Array(0);
  #sortedCount = 0;

  /** A builder for about so many keys. */
  constructor(keys: number) {
    const { segments, homes } = evenSizes(keys);
    this.#segmentCount = segments;
    this.#homes = homes;
    this.#shift = Math.clz32(segments) + 1;
  }

  /** Slots whose entries were not made: no room in their segment, or one of equal tag there. They ascend. */
  get leftOver(): number[] {
    return this.#leftOver.toSorted((a, b) => a - b);
  }

  /** Fetches a piece of the memory that is needed before the first `add`; false while there is more to fetch. */
  reserve(): boolean {
    this.segments.push(newSegment({ homes: this.#homes, depth: 32 - this.#shift }));
    return this.segments.length === this.#segmentCount;
  }

  /** Adds a slot under the hash of its key. Slots must ascend. */
  add(hash: number, slot: number): void {
    const segment = this.segments[hash >>> this.#shift];
    if (segment.used === segment.limit) {
      this.#leftOver.push(slot);
      return;
    }
    const { entries } = segment;
    const place = 2 * segment.used++;
    entries[place] = tagOf(hash);
    entries[place + 1] = (slot + 1) | 0;
  }

  /** Sorts a segment; false while there are more to sort. */
  sortNext(): boolean {
    const segment = this.segments[this.#sortedCount];
    const end = 2 * segment.used;
    const entries = segment.entries.subarray(0, end);
    if (this.#unsorted.length === 0) this.#unsorted = new Int32Array(segment.entries.length);
    this.#unsorted.set(entries);
    entries.fill(0);
    this.segments[this.#sortedCount++] = this.#sorted(fitting(segment), this.#unsorted, end);
    return this.#sortedCount === this.#segmentCount;
  }

  #sorted(target: Segment, unsorted: Int32Array, end: number): Segment {
    let segment = target;
    for (let i = 0; i < end; i += 2) {
      const tag = unsorted[i];
      const { entries } = segment;
      const place = placeOfTag(segment, tag);
      if (entries[place] === tag) {
        this.#leftOver.push((unsorted[i + 1] - 1) >>> 0);
        continue;
      }
      const filled = insertAt(segment, place, tag, unsorted[i + 1]);
      segment.used++;
      if (filled === entries.length - 2) segment = copyOf(segment, { ...segment, end: entries.length });
    }
    return segment;
  }
}

/** An emptied segment, or one for the keys that came, where those are far fewer than were expected. */
function fitting(segment: Segment): Segment {
  const { used, homes, depth } = segment;
  segment.used = 0;
  if (4 * used > homes) return segment;
  // Twice the keys are those of the two segments that there are at least.
  return newSegment({ homes: evenSizes(2 * used).homes, depth });
}
