import { describe, expect, test } from "bun:test";
import type { Figures } from "../../bench/bench.ts";
import { judge, type Measured, spreads } from "../../bench/results.ts";

const CONTENDERS: Measured[] = [
  { name: "ours", rounds: [{ rate: 8, ms: 2 }, { rate: 12, ms: 1 }, { rate: 10, ms: 3 }] },
  { name: "theirs", rounds: [{ rate: 2 }, { rate: 2 }, { rate: 5 }] },
  { name: "seldom", rounds: [{ rate: 4 }] },
];
const RATIO = { figure: "rate", of: "ours", against: "theirs", must: 5, reach: 6 };

describe("judge", () => {
  test("divides the medians, and each round by itself", () => {
    expect(judge([RATIO], CONTENDERS)).toEqual([
      { ...RATIO, value: 5, lowest: 2, highest: 6, met: true, reached: false },
    ]);
  });

  test("pairs only the rounds that both sides have", () => {
    const [result] = judge([{ ...RATIO, against: "seldom" }], CONTENDERS);
    expect([result.value, result.lowest, result.highest]).toEqual([2.5, 2, 2]);
    expect(judge([{ ...RATIO, of: "seldom", against: "ours" }], CONTENDERS)[0].value).toBe(0.4);
  });

  test.each([
    [5.01, false, true],
    [5, true, true],
    [4.99, true, false],
  ])("a must of %j: met is %j, and %j where less is better", (must, isMet, isMetAtMost) => {
    const ratio = { ...RATIO, must: must as number };
    expect(judge([ratio], CONTENDERS)[0].met).toBe(isMet as boolean);
    expect(judge([{ ...ratio, atMost: true }], CONTENDERS)[0].met).toBe(isMetAtMost as boolean);
  });

  test("reach is judged by itself", () => {
    const reached = (reach: number) => judge([{ ...RATIO, reach }], CONTENDERS)[0].reached;
    expect([reached(5), reached(5.5)]).toEqual([true, false]);
  });

  test("compares a figure itself where nothing stands against it", () => {
    const [result] = judge([{ figure: "ms", of: "ours", atMost: true, must: 2, reach: 1 }], CONTENDERS);
    expect([result.value, result.lowest, result.highest, result.met, result.reached])
      .toEqual([2, 1, 3, true, false]);
  });

  test.each([
    ["a contender that was not measured", { ...RATIO, of: "absent" }],
    ["nobody against it", { ...RATIO, against: "absent" }],
    ["a figure that one side lacks", { ...RATIO, figure: "ms" }],
  ])("leaves out a ratio with %s", (_, ratio) => {
    expect(judge([ratio as typeof RATIO], CONTENDERS)).toEqual([]);
  });
});

test("spreads keeps the order of the figures, and takes those that only some rounds have", () => {
  const rounds: Figures[] = [{ b: 1, a: 2 }, { b: 3, a: 4, c: 5 }, { b: 2, a: 0 }];
  expect([...spreads({ name: "x", rounds })]).toEqual([
    ["b", { median: 2, min: 1, max: 3 }],
    ["a", { median: 2, min: 0, max: 4 }],
    ["c", { median: 5, min: 5, max: 5 }],
  ]);
});
