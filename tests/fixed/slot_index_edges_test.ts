import { describe, expect, test } from "bun:test";
import { SlotIndex } from "../../src/fixed/slot_index.ts";

const KEY = new Uint8Array(1);

/** An index over keys that are the slots' numbers: any key asked for is that of no slot. */
function indexOf(...entries: [hash: number, slot: number][]): SlotIndex {
  const index = new SlotIndex({ slotHasKey: () => false });
  for (const [hash, slot] of entries) index.insert(hash, slot, KEY, 0);
  return index;
}

describe("an entry at the first place of a segment", () => {
  // Tags descend: the largest hash stands first.
  const first = 0xffff_ffff;

  test("is there", () => {
    const index = indexOf([first, 3]);
    expect([index.has(first, 3), index.has(first, 4)]).toEqual([true, false]);
  });

  test("is removed", () => {
    const index = indexOf([first, 3], [first - 2, 4]);
    expect(index.remove(first, 3, KEY, 0)).toBe(true);
    expect([index.has(first, 3), index.has(first - 2, 4), index.keys]).toEqual([false, true, 1]);
  });
});

test("removeSlot does not take a tag for a slot", () => {
  // The tag of this hash is what an entry of slot 2,000 holds for its slot.
  const tagged = 4000;
  const index = indexOf([tagged, 5], [2, 2000], [6, 7]);
  index.removeSlot(2000);
  expect([index.has(tagged, 5), index.has(2, 2000), index.has(6, 7), index.keys]).toEqual([
    true,
    false,
    true,
    2,
  ]);
});

test("hashesOf notes those that were asked for, and no others", () => {
  const index = indexOf([4000, 5], [0x9000_0000, 6]);
  const slots = new Map<number, number | undefined>([[6, undefined]]);
  for (let from = 0; from < 2 ** 32;) from = index.hashesOf(slots, from);
  expect([...slots]).toEqual([[6, expect.any(Number)]]);
  expect(index.has(slots.get(6)!, 6)).toBe(true);
});

test("hashesOf does not take a tag for a slot", () => {
  const index = indexOf([4000, 5], [0x9000_0000, 2000]);
  const slots = new Map<number, number | undefined>([[2000, undefined]]);
  for (let from = 0; from < 2 ** 32;) from = index.hashesOf(slots, from);
  expect(index.has(slots.get(2000)!, 2000)).toBe(true);
});

test("the bytes are those of whole entries", () => {
  expect(indexOf([4000, 5]).bytes % 8).toBe(0);
});
