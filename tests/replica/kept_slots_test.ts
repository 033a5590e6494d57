import { expect, test } from "bun:test";

import { KeptSlots } from "../../src/replica/kept_slots.ts";

test("places are taken until there are none, and come back", () => {
  const kept = new KeptSlots(16, 3);
  const offsets = [kept.take(), kept.take()];
  expect(kept.isFilling).toBe(true);
  offsets.push(kept.take());
  expect([...offsets].sort((a, b) => a - b)).toEqual([0, 16, 32]);
  expect(kept.take()).toBe(-1);
  kept.bytes.fill(7, offsets[1], offsets[1] + 16);
  const copy = new Uint8Array(20);
  kept.copyTo(copy, 2, offsets[1]);
  expect([...copy]).toEqual([0, 0, ...Array(16).fill(7), 0, 0]);
  kept.give(offsets[1]);
  expect(kept.take()).toBe(offsets[1]);
  for (const offset of offsets) kept.give(offset);
  expect(kept.isFilling).toBe(false);
});

test("memory is bounded by bytes too, and there is one place at least", () => {
  expect(new KeptSlots(65_528).bytes.length).toBeLessThanOrEqual(4 << 20);
  expect(new KeptSlots(16).bytes.length).toBe(16 * 16_384);
  expect(new KeptSlots(16, 0).bytes.length).toBe(16);
});
