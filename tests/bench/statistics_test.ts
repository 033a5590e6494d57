import { describe, expect, test } from "bun:test";
import { percentile, spreadOf } from "../../bench/statistics.ts";

describe("spreadOf", () => {
  test.each([
    [[3, 1, 2], { median: 2, min: 1, max: 3 }],
    [[10, 9, 100, 1], { median: 9.5, min: 1, max: 100 }],
    [[7], { median: 7, min: 7, max: 7 }],
  ])("of %j", (values, spread) => expect(spreadOf(values as number[])).toEqual(spread));

  test("leaves the order of what it was given", () => {
    const values = [3, 1, 2];
    spreadOf(values);
    expect(values).toEqual([3, 1, 2]);
  });

  test("refuses no values", () => expect(() => spreadOf([])).toThrow("there are no values"));
});

describe("percentile", () => {
  const hundred = Array.from({ length: 100 }, (_, i) => 100 - i);

  test.each([
    [0.5, 50],
    [0.99, 99],
    [0.991, 100],
    [1, 100],
    [0, 1],
  ])(
    "%j of 1..100 is %j",
    (share, value) => expect(percentile(hundred, share as number)).toBe(value as number),
  );

  test("of one value is that value", () => expect(percentile([5], 0.99)).toBe(5));

  test("refuses no values", () => expect(() => percentile([], 0.5)).toThrow("there are no values"));
});
