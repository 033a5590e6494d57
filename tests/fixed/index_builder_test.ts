import { describe, expect, test } from "bun:test";
import { IndexBuilder } from "../../src/fixed/index_builder.ts";
import { SlotIndex } from "../../src/fixed/slot_index.ts";

const spread = (key: number): number => Math.imul(key + 1, 0x9e37_79b1) >>> 0;
const HASHES: Record<string, (key: number) => number> = {
  spread,
  "few different ones": (key) => spread(key % 13),
  "all of the first home": (key) => (0xffff_ff00 | (key & 255)) >>> 0,
  "all of the last home": (key) => key & 255,
  equal: () => 0x1234_5678,
};

function bytesOfKey(key: number): Uint8Array {
  return Uint8Array.of(key, key >>> 8, key >>> 16);
}

/** An index over slots that hold these keys, as a recovery builds it. */
function build(
  keys: number[],
  { hash = spread, expected = keys.length }: { hash?: (key: number) => number; expected?: number } = {},
): { index: SlotIndex; leftOver: number[] } {
  const builder = new IndexBuilder(expected);
  while (!builder.reserve());
  for (const [slot, key] of keys.entries()) builder.add(hash(key), slot);
  while (!builder.sortNext());
  const index = new SlotIndex({
    slotHasKey: (slot, bytes, at) => keys[slot] === (bytes[at] | bytes[at + 1] << 8 | bytes[at + 2] << 16),
  });
  index.take(builder.segments);
  const { leftOver } = builder;
  for (const slot of leftOver) index.insert(hash(keys[slot]), slot, bytesOfKey(keys[slot]), 0);
  return { index, leftOver };
}

/** What `find` should say of the key of each slot, and does not. */
function wrongSlots(index: SlotIndex, keys: number[], hash: (key: number) => number = spread): unknown[] {
  return keys.flatMap((key, slot) => {
    const found = index.find(hash(key), bytesOfKey(key), 0);
    return found === keys.lastIndexOf(key) ? [] : [{ slot, key, found }];
  });
}

describe("IndexBuilder", () => {
  test.each([0, 1, 2, 100, 3000])("%d keys are found, and none else", (count) => {
    const keys = Array.from({ length: count }, (_, i) => 7 * i);
    const { index } = build(keys);
    expect(wrongSlots(index, keys)).toEqual([]);
    expect([index.keys, index.duplicates, index.find(spread(5), bytesOfKey(5), 0)]).toEqual([count, 0, -1]);
  });

  test.each(Object.keys(HASHES))("of equal keys the last slot is served, hashes: %s", (hashes) => {
    const hash = HASHES[hashes];
    const keys = Array.from({ length: 1200 }, (_, i) => i % 7 === 0 ? 700 : i);
    const { index } = build(keys, { hash });
    expect(wrongSlots(index, keys, hash)).toEqual([]);
    expect([index.keys, index.keys + index.duplicates]).toEqual([new Set(keys).size, 1200]);
  });

  test("more keys than it was made for are left over, in the order of their slots", () => {
    const keys = Array.from({ length: 2000 }, (_, i) => i % 1900);
    const { index, leftOver } = build(keys, { expected: 100 });
    expect(leftOver.length).toBeGreaterThan(1500);
    expect(leftOver).toEqual(leftOver.toSorted((a, b) => a - b));
    expect(wrongSlots(index, keys)).toEqual([]);
  });

  test("an index for 300,000 keys takes 9 to 10 bytes for each, and leaves next to none over", () => {
    const { index, leftOver } = build(Array.from({ length: 300_000 }, (_, i) => i));
    expect(index.bytes / 300_000).toBeGreaterThan(9);
    expect(index.bytes / 300_000).toBeLessThan(10);
    expect(leftOver.length).toBeLessThan(300);
    expect(index.keys).toBe(300_000);
  });

  test("keys that were expected and did not come take no memory", () => {
    const keys = Array.from({ length: 1000 }, (_, i) => i);
    const { index } = build(keys, { expected: 100_000 });
    expect(index.bytes / 1000).toBeLessThan(20);
    expect(wrongSlots(index, keys)).toEqual([]);
  });

  test("what it built grows, splits and shrinks as any other index", () => {
    const keys = Array.from({ length: 1000 }, (_, i) => i);
    const { index } = build(keys);
    for (let slot = 1000; slot < 40_000; slot++) {
      keys.push(slot);
      index.insert(spread(slot), slot, bytesOfKey(slot), 0);
    }
    const found = () => keys.filter((key) => index.find(spread(key), bytesOfKey(key), 0) === key).length;
    expect([found(), index.keys]).toEqual([40_000, 40_000]);
    for (let slot = 0; slot < 40_000; slot += 2) index.remove(spread(slot), slot, bytesOfKey(slot), 0);
    expect([found(), index.keys]).toEqual([20_000, 20_000]);
  });
});
