/** Sorts keys of equal length that lie in one buffer, without moving them. */

/** Bytes of a key that one pass compares. */
const WORD_BYTES = 4;
/** Runs of at most this many keys are sorted by insertion: a native sort has to be called. */
const SHORT_RUN = 8;

/** The order of `count` keys of `keyLength` bytes: their numbers, ascending by bytes; equal keys by number. */
export function sortKeys(keys: Uint8Array, keyLength: number, count: number): Uint32Array {
  // A u64 for each key: 4 of its bytes above its number, so that the runtime's own sort, which is several times
  // faster than one that calls back, sorts both together.
  const words = new Uint32Array(2 * count);
  for (let i = 0; i < count; i++) words[2 * i] = i;
  const sort = new KeySort(keys, keyLength, words);
  sort.run(0, count, 0);
  return words.subarray(0, sort.compact(count));
}

class KeySort {
  readonly #keys: Uint8Array;
  readonly #keyLength: number;
  /** Number, 4 bytes of the key, number, ...: on the little-endian machines that both runtimes have. */
  readonly #words: Uint32Array;
  readonly #pairs: BigUint64Array;

  constructor(keys: Uint8Array, keyLength: number, words: Uint32Array<ArrayBuffer>) {
    this.#keys = keys;
    this.#keyLength = keyLength;
    this.#words = words;
    this.#pairs = new BigUint64Array(words.buffer);
  }

  /** Sorts keys `from` to `to`, which are equal in their first `depth` bytes. */
  run(from: number, to: number, depth: number): void {
    if (to - from < 2) return;
    if (to - from <= SHORT_RUN) return this.#insertionSort(from, to, depth);
    if (depth >= this.#keyLength) return void this.#pairs.subarray(from, to).sort();
    const words = this.#words;
    for (let i = from; i < to; i++) words[2 * i + 1] = this.#word(words[2 * i], depth);
    this.#pairs.subarray(from, to).sort();
    for (let start = from, i = from + 1; i <= to; i++) {
      if (i < to && words[2 * i + 1] === words[2 * start + 1]) continue;
      if (i - start > 1) this.run(start, i, depth + WORD_BYTES);
      start = i;
    }
  }

  /** Moves the numbers to the front, and returns how many there are. */
  compact(count: number): number {
    for (let i = 0; i < count; i++) this.#words[i] = this.#words[2 * i];
    return count;
  }

  /** Four bytes of a key, the first one highest; bytes behind its end count as zero. */
  #word(key: number, depth: number): number {
    const at = key * this.#keyLength + depth;
    const left = this.#keyLength - depth;
    const keys = this.#keys;
    if (left >= WORD_BYTES) {
      return (keys[at] << 24) | (keys[at + 1] << 16) | (keys[at + 2] << 8) | keys[at + 3];
    }
    return (keys[at] << 24) | (left > 1 ? keys[at + 1] << 16 : 0) | (left > 2 ? keys[at + 2] << 8 : 0);
  }

  #insertionSort(from: number, to: number, depth: number): void {
    const words = this.#words;
    for (let i = from + 1; i < to; i++) {
      const key = words[2 * i];
      let j = i;
      for (; j > from && this.#isBefore(key, words[2 * (j - 1)], depth); j--) {
        words[2 * j] = words[2 * (j - 1)];
      }
      words[2 * j] = key;
    }
  }

  #isBefore(a: number, b: number, depth: number): boolean {
    const keys = this.#keys;
    let atA = a * this.#keyLength + depth;
    let atB = b * this.#keyLength + depth;
    for (const end = (a + 1) * this.#keyLength; atA < end; atA++, atB++) {
      if (keys[atA] !== keys[atB]) return keys[atA] < keys[atB];
    }
    return a < b;
  }
}
