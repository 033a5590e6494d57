import { expect, test } from "bun:test";
import { Histogram } from "../src/histogram.ts";

test("durations fall into the first bucket that has room for them, the last of all holds the rest", () => {
  const histogram = new Histogram();
  const { bounds } = histogram.snapshot();
  for (const bound of bounds) histogram.observe(bound * 1000);
  histogram.observe(0);
  histogram.observe(bounds.at(-1)! * 1000 + 1);
  const { counts, sum, count } = histogram.snapshot();
  expect(counts).toHaveLength(bounds.length + 1);
  expect(counts[0]).toBe(2);
  expect(counts.slice(1)).toEqual(bounds.map(() => 1));
  expect(count).toBe(bounds.length + 2);
  const all = bounds.reduce((total, bound) => total + bound, 0) + bounds.at(-1)! + 0.001;
  expect(sum).toBeCloseTo(all, 9);
  expect([...bounds]).toEqual([...bounds].sort((a, b) => a - b));
});

test("a snapshot stays as it was", () => {
  const histogram = new Histogram();
  const before = histogram.snapshot();
  histogram.observe(1);
  expect(before).toMatchObject({ sum: 0, count: 0 });
  expect(before.counts.every((count) => count === 0)).toBe(true);
});
