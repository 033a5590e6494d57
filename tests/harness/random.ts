/** Random numbers that a seed repeats, on both runtimes. */

/** Values at which lengths and counts tend to break. */
const EDGES = [0, 1, 2, 3, 4, 5, 7, 8, 9, 127, 128, 255, 256, 65_535, 65_536, 262_144, 262_145];
const HIGH_EDGES = [0x7fff_ffff, 0x8000_0000, 0xffff_fffe, 0xffff_ffff, 0x1000_0000, 0x0fff_ffff];

/** u32 numbers, the same ones for the same seed (mulberry32: 2 ns each, and good enough to choose by). */
export function randomWords(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b_79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return (mixed ^ (mixed >>> 14)) >>> 0;
  };
}

/** The same as numbers from 0 to below 1. */
export function randomNumbers(seed: number): () => number {
  const next = randomWords(seed);
  return () => next() / 2 ** 32;
}

/** The same as integers from 0 to below `limit`. */
export function randomIntegers(seed: number): (limit: number) => number {
  const next = randomNumbers(seed);
  return (limit) => Math.floor(next() * limit);
}

/** The same values in an order that the numbers (0 to below what they are asked for) decide. */
export function shuffled<T>(values: readonly T[], below: (limit: number) => number): T[] {
  const order = [...values];
  for (let i = order.length - 1; i > 0; i--) {
    const j = below(i + 1);
    [order[i], order[j]] = [order[j], order[i]];
  }
  return order;
}

/** What to choose, by a seed and a case within it: see {@linkcode randomWords}. */
export class Random {
  /** A u32. */
  readonly next: () => number;

  /** The numbers of a seed, and of a case within it: neighbouring cases have nothing in common. */
  constructor(seed: number, caseNumber = 0) {
    this.next = randomWords(
      Math.imul(seed ^ 0x9e37_79b9, 0x85eb_ca6b) ^ Math.imul(caseNumber + 1, 0xc2b2_ae35),
    );
    this.next();
  }

  /** A whole number from 0 to below `limit`, which is at least 1. */
  below(limit: number): number {
    return this.next() % limit;
  }

  /** A whole number from `low` to `high`, both included. */
  between(low: number, high: number): number {
    return low + this.below(high - low + 1);
  }

  /** Whether one of `many` comes true. */
  oneIn(many: number): boolean {
    return this.below(many) === 0;
  }

  /** One of some. */
  pick<T>(list: readonly T[]): T {
    return list[this.below(list.length)];
  }

  /** A u32 at which something tends to break, or any. */
  edge(): number {
    const kind = this.below(8);
    if (kind < 4) return this.pick(EDGES);
    return kind < 7 ? this.pick(HIGH_EDGES) : this.next();
  }

  /** So many bytes. */
  bytes(length: number): Uint8Array {
    const bytes = new Uint8Array(length);
    for (let i = 0; i < length; i++) bytes[i] = this.next();
    return bytes;
  }
}
