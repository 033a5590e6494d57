import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { SlotIndex } from "../../src/fixed/slot_index.ts";
import { randomWords } from "../harness/random.ts";

/** A key of the tests: a number in two bytes. */
function bytesOfKey(key: number): Uint8Array {
  return Uint8Array.of(0xee, key & 0xff, key >>> 8);
}
const AT = 1;

/** Hashes for keys: good ones, few different ones, ones that share all high bits, ones that share all low bits. */
const HASHES: Record<string, (key: number) => number> = {
  spread: (key) => Math.imul(key + 1, 0x9e37_79b1) >>> 0,
  few: (key) => Math.imul(key % 13 + 1, 0x9e37_79b1) >>> 0,
  "equal at the top": (key) => (0xabcd_0000 | key) >>> 0,
  "equal at the bottom": (key) => Math.imul(key, 0x0001_0000) >>> 0,
  "all of the first home": (key) => (0xffff_ffe0 | (key & 31)) >>> 0,
  "all of the last home": (key) => key & 31,
  equal: () => 0xffff_ffff,
  zero: () => 0,
};
/** Homes of the largest segment: few, so that a few entries already split it again and again; and those of the product. */
const SIZES: Record<string, number | undefined> = { "of 16 homes": 16, "as in use": undefined };

/** The index beside what it should say: of each key the slots that hold it, the one that is served first. */
class Checked {
  readonly slotKeys = new Map<number, number>();
  readonly slotsOf = new Map<number, number[]>();
  readonly index: SlotIndex;
  readonly #hash: (key: number) => number;

  constructor(hash: (key: number) => number, mostHomes?: number) {
    this.#hash = hash;
    this.index = new SlotIndex({
      slotHasKey: (slot, bytes, at) => this.slotKeys.get(slot) === (bytes[at] | bytes[at + 1] << 8),
    }, mostHomes);
  }

  insert(slot: number, key: number): void {
    this.#note(slot, key);
    this.index.insert(this.#hash(key), slot, bytesOfKey(key), AT);
  }

  insertBatch(pairs: [slot: number, key: number][]): void {
    // Longer than the batch, as in use.
    this.index.prefetch(Int32Array.from([...pairs.map(([, key]) => this.#hash(key)), 0]), pairs.length);
    for (const [slot, key] of pairs) this.insert(slot, key);
  }

  #note(slot: number, key: number): void {
    this.slotKeys.set(slot, key);
    this.slotsOf.set(key, [slot, ...this.slotsOf.get(key) ?? []]);
  }

  /** Removes a slot by its number alone. The key is to have a hash of its own. */
  removeSlot(slot: number): void {
    const key = this.slotKeys.get(slot)!;
    this.slotsOf.set(key, this.slotsOf.get(key)!.filter((other) => other !== slot));
    this.slotKeys.delete(slot);
    this.index.removeSlot(slot);
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
    this.index.promote(this.#hash(key), slot);
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

  const cases = Object.keys(HASHES).flatMap((hashes) => (
    Object.keys(SIZES).map((size): [string, string] => [hashes, size])
  ));
  test.each(cases)("behaves as a map of lists does, hashes: %s, segments %s", (hashes, size) => {
    const kinds = fc.constantFrom("insert", "insert", "batch", "remove", "promote");
    const step = fc.tuple(kinds, fc.nat(150), fc.nat(40));
    fc.assert(
      fc.property(fc.array(step, { maxLength: 250, size: "max" }), (steps) => {
        const checked = new Checked(HASHES[hashes], SIZES[size]);
        for (const [kind, slot, key] of steps) {
          if (kind === "batch") insertFew(checked, slot, key);
          else if (!checked.slotKeys.has(slot)) {
            if (kind === "insert") checked.insert(slot, key);
          } else if (kind === "promote") checked.promote(slot);
          else expect(checked.remove(slot)).toBe(true);
          expect(checked.difference([key])).toBeUndefined();
        }
        expect(checked.difference(Array(50).keys())).toBeUndefined();
      }),
      { numRuns: 30, seed: 1 },
    );
  });

  /** A batch of slots that are free, from this one on: every third with the key, the others with neighbours. */
  function insertFew(checked: Checked, slot: number, key: number): void {
    const slots = Array.from({ length: 9 }, (_, i) => slot + i).filter((each) => !checked.slotKeys.has(each));
    checked.insertBatch(slots.map((each, i) => [each, key + i % 3]));
  }

  test("does so with tens of thousands of entries, over many splits, filled and emptied", () => {
    const next = randomWords(7);
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

  test("a batch does what its insertions one after the other do, over many splits, and with any expectation", () => {
    for (const expected of [0, 1, 3000, 40_000, 1e9]) {
      const checked = new Checked(HASHES.spread, 256);
      checked.index.expect(expected);
      const next = randomWords(3);
      for (let slot = 0; slot < 40_000; slot += 1000) {
        checked.insertBatch(Array.from({ length: 1000 }, (_, i) => [slot + i, next() % 30_000]));
      }
      expect(checked.difference(Array(30_000).keys())).toBeUndefined();
    }
  });

  test("takes 9 to 11.2 bytes per key, at any number of keys", () => {
    const index = new SlotIndex({ slotHasKey: () => false });
    const perKey = [];
    for (let slot = 0; slot < 400_000; slot++) {
      index.insert(HASHES.spread(slot), slot, bytesOfKey(0), AT);
      if (slot > 5000 && slot % 1000 === 0) perKey.push(index.bytes / (slot + 1));
    }
    expect(Math.min(...perKey)).toBeGreaterThan(9);
    expect(Math.max(...perKey)).toBeLessThan(11.2);
  });

  test("an expectation takes no memory before the keys come, and at most 10 bytes per key when they came", () => {
    const index = new SlotIndex({ slotHasKey: () => false });
    index.expect(300_000);
    expect(index.bytes).toBeLessThan(1000);
    for (let slot = 0; slot < 300_000; slot++) index.insert(HASHES.spread(slot), slot, bytesOfKey(0), AT);
    expect(index.bytes / 300_000).toBeLessThan(10);
    const few = new SlotIndex({ slotHasKey: () => false });
    few.expect(10_000_000);
    for (let slot = 0; slot < 100_000; slot++) few.insert(HASHES.spread(slot), slot, bytesOfKey(0), AT);
    expect(few.bytes / 100_000).toBeLessThan(100);
  });

  test("removeSlot where slots fill many segments", () => {
    const checked = new Checked(HASHES.spread, 16);
    for (let slot = 0; slot < 500; slot++) checked.insert(slot, slot % 400);
    for (let slot = 0; slot < 500; slot += 3) checked.removeSlot(slot);
    expect(checked.difference(Array(400).keys())).toBeUndefined();
  });

  test("finds hashes by slots, while segments grow and split between its steps", () => {
    for (const hashes of Object.values(HASHES)) {
      const checked = new Checked(hashes, 16);
      for (let slot = 0; slot < 400; slot++) checked.insert(slot, slot);
      const found = new Map<number, number | undefined>([0, 7, 70, 399].map((slot) => [slot, undefined]));
      found.set(5000, undefined);
      let steps = 0;
      for (let from = 0; from < 2 ** 32; steps++) {
        from = checked.index.hashesOf(found, from);
        for (let i = 0; i < 5 && steps < 100; i++) checked.insert(1000 + steps * 5 + i, 1000 + steps * 5 + i);
      }
      for (const slot of [0, 7, 70, 399]) {
        expect(checked.index.has(found.get(slot)!, slot)).toBe(true);
        expect(checked.index.has(hashes(slot), slot)).toBe(true);
        expect(checked.index.has(hashes(slot), slot + 10_000)).toBe(false);
        expect(checked.index.remove(found.get(slot)!, slot, bytesOfKey(slot), AT)).toBe(true);
        expect(checked.find(slot)).toBe(-1);
      }
      expect(found.get(5000)).toBeUndefined();
    }
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

  test.each(Object.keys(HASHES))(
    "needs memory by the number of keys, whatever their hashes: %s",
    (hashes) => {
      const checked = new Checked(HASHES[hashes], 64);
      checked.insertBatch(Array.from({ length: 3000 }, (_, slot) => [slot, slot]));
      expect(checked.index.bytes / 3000).toBeLessThan(40);
      expect(checked.difference(Array(3001).keys())).toBeUndefined();
    },
  );
});
