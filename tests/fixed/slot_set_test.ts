import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { SlotSet } from "../../src/fixed/slot_set.ts";

const PAGE = 1 << 18;

describe("SlotSet", () => {
  test("holds slots over word and page borders, ascending", () => {
    const set = new SlotSet();
    const slots = [0, 31, 32, 63, PAGE - 1, PAGE, 3 * PAGE + 5];
    for (const slot of [...slots].reverse()) set.add(slot);
    set.add(31);
    expect(set.size).toBe(slots.length);
    expect([...set]).toEqual(slots);
    expect(slots.every((slot) => set.has(slot))).toBe(true);
    expect([1, 30, 33, PAGE + 1, 2 * PAGE, 9 * PAGE].some((slot) => set.has(slot))).toBe(false);
  });

  test("delete says whether the slot was there", () => {
    const set = new SlotSet();
    set.add(5);
    expect([set.delete(5), set.delete(5), set.delete(PAGE), set.size]).toEqual([true, false, false, 0]);
  });

  test("clear removes all", () => {
    const set = new SlotSet();
    set.add(5);
    set.add(PAGE);
    set.clear();
    expect([set.size, set.has(5), [...set].length]).toEqual([0, false, 0]);
  });

  test("passes over what is removed while it is read", () => {
    const set = new SlotSet();
    for (const slot of [1, 2, 3, PAGE]) set.add(slot);
    const seen = [];
    for (const slot of set) {
      seen.push(slot);
      set.delete(2);
      if (slot === 3) set.clear();
    }
    expect(seen).toEqual([1, 3]);
  });

  test("behaves as a Set does", () => {
    const step = fc.tuple(
      fc.constantFrom("add", "add", "delete"),
      fc.nat(3 * PAGE).map((n) => n % 97 * 8111),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200, size: "max" }), (steps) => {
        const set = new SlotSet();
        const model = new Set<number>();
        for (const [kind, slot] of steps) {
          if (kind === "add") {
            set.add(slot);
            model.add(slot);
          } else expect(set.delete(slot)).toBe(model.delete(slot));
          expect(set.size).toBe(model.size);
        }
        expect([...set]).toEqual([...model].sort((a, b) => a - b));
      }),
      { numRuns: 50, seed: 1 },
    );
  });
});
