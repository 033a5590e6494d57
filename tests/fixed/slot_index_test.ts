import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { SlotIndex } from "../../src/fixed/slot_index.ts";

/** A key of the tests: a number in two bytes. */
function bytesOfKey(key: number): Uint8Array {
  return Uint8Array.of(0xee, key & 0xff, key >>> 8);
}
const AT = 1;

/** Pseudo-random u32s, the same at every run. */
function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b_79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return (mixed ^ (mixed >>> 14)) >>> 0;
  };
}

/** Hashes for keys: good ones, few different ones, ones that share all high bits, ones that share all low bits. */
const HASHES: Record<string, (key: number) => number> = {
  spread: (key) => Math.imul(key + 1, 0x9e37_79b1) >>> 0,
  few: (key) => Math.imul(key % 13 + 1, 0x9e37_79b1) >>> 0,
  "equal at the top": (key) => (0xabcd_0000 | key) >>> 0,
  "equal at the bottom": (key) => Math.imul(key, 0x0001_0000) >>> 0,
  "at the end of a table": (key) => (0xffff_fff0 | (key & 15)) >>> 0,
  equal: () => 0xffff_ffff,
};

/** The index beside what it should say: of each key the slots that hold it, the one that is served first. */
class Checked {
  readonly slotKeys = new Map<number, number>();
  readonly slotsOf = new Map<number, number[]>();
  readonly index: SlotIndex;
  readonly #hash: (key: number) => number;

  constructor(hash: (key: number) => number) {
    this.#hash = hash;
    this.index = new SlotIndex({
      slotHasKey: (slot, bytes, at) => this.slotKeys.get(slot) === (bytes[at] | bytes[at + 1] << 8),
    });
  }

  insert(slot: number, key: number): void {
    this.slotKeys.set(slot, key);
    this.slotsOf.set(key, [slot, ...this.slotsOf.get(key) ?? []]);
    this.index.insert(this.#hash(key), slot, bytesOfKey(key), AT);
  }

  remove(slot: number): boolean {
    const key = this.slotKeys.get(slot)!;
    this.slotsOf.set(key, this.slotsOf.get(key)!.filter((other) => other !== slot));
    const removed = this.index.remove(this.#hash(key), slot, bytesOfKey(key), AT);
    this.slotKeys.delete(slot);
    return removed;
  }

  promote(slot: number): void {
    const key = this.slotKeys.get(slot)!;
    this.slotsOf.set(key, [slot, ...this.slotsOf.get(key)!.filter((other) => other !== slot)]);
    this.index.promote(this.#hash(key), slot, bytesOfKey(key), AT);
  }

  find(key: number): number {
    return this.index.find(this.#hash(key), bytesOfKey(key), AT);
  }

  /** The first of `keys` for which the index says something else than the model, in words. */
  difference(keys: Iterable<number>): string | undefined {
    for (const key of keys) {
      const expected = this.slotsOf.get(key)?.[0] ?? -1;
      if (this.find(key) !== expected) return `key ${key}: ${this.find(key)} instead of ${expected}`;
    }
    const different = [...this.slotsOf.values()].filter((slots) => slots.length > 0).length;
    if (this.index.keys !== different) return `${this.index.keys} keys instead of ${different}`;
    const duplicates = this.slotKeys.size - different;
    return this.index.duplicates === duplicates
      ? undefined
      : `${this.index.duplicates} duplicates instead of ${duplicates}`;
  }
}

describe("SlotIndex", () => {
  test("is empty at first", () => {
    const { index } = new Checked(HASHES.spread);
    expect([index.keys, index.duplicates, index.find(7, bytesOfKey(7), AT)]).toEqual([0, 0, -1]);
  });

  test("serves slot 0 and the highest slot", () => {
    const checked = new Checked(HASHES.spread);
    checked.insert(0, 5);
    checked.insert(0xffff_fffe, 6);
    expect([checked.find(5), checked.find(6), checked.find(7)]).toEqual([0, 0xffff_fffe, -1]);
  });

  test("of equal keys the last is served, and removing it uncovers the one before", () => {
    const checked = new Checked(HASHES.spread);
    for (const slot of [10, 20, 30]) checked.insert(slot, 1);
    expect([checked.find(1), checked.index.keys, checked.index.duplicates]).toEqual([30, 1, 2]);
    checked.remove(30);
    expect(checked.find(1)).toBe(20);
    checked.remove(10);
    expect([checked.find(1), checked.index.duplicates]).toEqual([20, 0]);
    checked.remove(20);
    expect([checked.find(1), checked.index.keys]).toEqual([-1, 0]);
  });

  test("promote serves a slot, and leaves the order of the others", () => {
    const checked = new Checked(HASHES.equal);
    for (const slot of [10, 20, 30]) checked.insert(slot, 1);
    checked.insert(40, 2);
    checked.promote(10);
    expect(checked.find(1)).toBe(10);
    checked.remove(10);
    expect(checked.find(1)).toBe(30);
    checked.promote(40);
    expect([checked.find(2), checked.index.keys, checked.index.duplicates]).toEqual([40, 2, 1]);
  });

  test("removing what is not there says so and changes nothing", () => {
    const checked = new Checked(HASHES.equal);
    checked.insert(1, 1);
    expect(checked.index.remove(HASHES.equal(1), 2, bytesOfKey(1), AT)).toBe(false);
    expect([checked.find(1), checked.index.keys]).toEqual([1, 1]);
  });

  test("removeSlot takes out a slot whose key nobody knows any more", () => {
    for (const hashes of Object.values(HASHES)) {
      const checked = new Checked(hashes);
      for (let slot = 0; slot < 300; slot++) checked.insert(slot, slot);
      checked.insert(300, 7);
      checked.index.removeSlot(9);
      checked.slotsOf.set(9, []);
      checked.slotKeys.delete(9);
      expect([7, 8, 9, 10, 299].map((key) => checked.find(key))).toEqual([300, 8, -1, 10, 299]);
    }
    const checked = new Checked(HASHES.spread);
    for (const [slot, key] of [[1, 1], [2, 1], [3, 2]]) checked.insert(slot, key);
    checked.index.removeSlot(77);
    expect(checked.difference([1, 2])).toBeUndefined();
    checked.index.removeSlot(2);
    expect([checked.find(1), checked.index.keys, checked.index.duplicates]).toEqual([1, 2, 0]);
    checked.index.removeSlot(3);
    expect([checked.find(2), checked.index.keys]).toEqual([-1, 1]);
  });

  test.each(Object.keys(HASHES))("behaves as a map of lists does, hashes: %s", (hashes) => {
    const step = fc.tuple(fc.constantFrom("insert", "insert", "remove", "promote"), fc.nat(150), fc.nat(40));
    fc.assert(
      fc.property(fc.array(step, { maxLength: 250, size: "max" }), (steps) => {
        const checked = new Checked(HASHES[hashes]);
        for (const [kind, slot, key] of steps) {
          if (!checked.slotKeys.has(slot)) {
            if (kind === "insert") checked.insert(slot, key);
          } else if (kind === "promote") checked.promote(slot);
          else expect(checked.remove(slot)).toBe(true);
          expect(checked.difference([key])).toBeUndefined();
        }
        expect(checked.difference(Array(41).keys())).toBeUndefined();
      }),
      { numRuns: 60, seed: 1 },
    );
  });

  test("does so with tens of thousands of entries, over many splits, filled and emptied", () => {
    const next = random(7);
    const checked = new Checked(HASHES.spread);
    const slots: number[] = [];
    for (let slot = 0; slot < 30_000; slot++) {
      checked.insert(slot, next() % 20_000);
      slots.push(slot);
      if (next() % 4 !== 0) continue;
      const [chosen] = slots.splice(next() % slots.length, 1, slots.pop()!);
      if (chosen !== undefined && checked.slotKeys.has(chosen)) checked.remove(chosen);
    }
    expect(checked.difference(Array(20_000).keys())).toBeUndefined();
    expect(checked.index.bytes).toBeGreaterThan(8 * 4096 * 4);
    for (const slot of [...checked.slotKeys.keys()]) expect(checked.remove(slot)).toBe(true);
    expect(checked.difference(Array(20_000).keys())).toBeUndefined();
  });

  test("keeps the order of equal keys when their segment grows and splits", () => {
    const checked = new Checked(HASHES.spread);
    for (let round = 0; round < 3; round++) {
      for (let key = 0; key < 5000; key += 7) checked.insert(round * 100_000 + key, key);
    }
    for (let key = 0; key < 20_000; key++) checked.insert(1_000_000 + key, 30_000 + key);
    const wrong = [];
    for (let round = 2; round >= 0; round--) {
      for (let key = 0; key < 5000; key += 7) {
        if (checked.find(key) !== round * 100_000 + key) wrong.push([round, key]);
        checked.remove(round * 100_000 + key);
      }
    }
    expect(wrong).toEqual([]);
  });

  test("more equal hashes than a segment holds: it grows instead of splitting for ever", () => {
    const checked = new Checked(HASHES.equal);
    for (let key = 0; key < 3300; key++) checked.insert(key, key);
    expect(checked.difference([0, 1, 1700, 3071, 3072, 3299, 3300])).toBeUndefined();
    for (let slot = 0; slot < 3300; slot += 2) checked.remove(slot);
    expect(checked.difference([0, 1, 1700, 1701, 3298, 3299])).toBeUndefined();
  });
});
