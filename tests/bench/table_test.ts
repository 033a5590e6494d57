import { describe, expect, test } from "bun:test";
import { type BenchResult, judge, type Measured } from "../../bench/results.ts";
import { benchLines, formatFigure } from "../../bench/table.ts";

function resultOf(contenders: Measured[], ratios: BenchResult["ratios"] = []): BenchResult {
  return { name: "race", title: "who is first", contenders, ratios };
}

test.each([
  [0, "0"],
  [0.01234, "0.0123"],
  [0.9996, "1.000"],
  [1.234, "1.23"],
  [12.34, "12.3"],
  [123.4, "123"],
  [123_456.7, "123457"],
  [-1.5, "-1.50"],
  [1e-9, "0.000000"],
])("formatFigure of %j is %s", (value, text) => expect(formatFigure(value as number)).toBe(text as string));

describe("benchLines", () => {
  test("medians with their spread, ratios with their marks", () => {
    const contenders = [
      { name: "ours", rounds: [{ "M/s": 8, "ms": 1 }, { "M/s": 12, "ms": 1 }, { "M/s": 10, "ms": 1 }] },
      { name: "theirs", rounds: [{ "M/s": 2 }, { "M/s": 2 }, { "M/s": 2 }] },
    ];
    const ratios = judge([
      { figure: "M/s", of: "ours", against: "theirs", must: 5, reach: 8 },
      { figure: "ms", of: "ours", atMost: true, must: 2, reach: 1 / 15 },
    ], contenders);
    expect(benchLines(resultOf(contenders, ratios))).toEqual([
      "",
      "race: who is first",
      "==================",
      "                      M/s    ms",
      "ours    10.0 (8.00..12.0)  1.00",
      "theirs               2.00     -",
      "",
      "M/s",
      "  ours / theirs  5.00 x (4.00..6.00)  must >= 5 met  reach >= 8 MISSED",
      "ms",
      "  ours           1.00                 must <= 2 met  reach <= 0.0667 MISSED",
    ]);
  });

  test("says where a contender had fewer rounds", () => {
    const contenders = [
      { name: "ours", rounds: [{ ms: 1 }, { ms: 1 }, { ms: 1 }] },
      { name: "slow", rounds: [{ ms: 9 }] },
      { name: "slower", rounds: [{ ms: 9 }, { ms: 9 }] },
    ];
    const names = benchLines(resultOf(contenders)).slice(4, 7).map((line) => line.replace(/ +\S+$/, ""));
    expect(names).toEqual(["ours", "slow (1 round)", "slower (2 rounds)"]);
  });

  test("columns that do not fit beside the others stand below them, with the names again", () => {
    const figures = Object.fromEntries(Array.from({ length: 12 }, (_, i) => [`figure ${i} of many`, i + 1]));
    const lines = benchLines(resultOf([{ name: "ours", rounds: [figures] }]));
    expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(100);
    expect(lines.filter((line) => line.startsWith("ours"))).toHaveLength(3);
    for (const figure of Object.keys(figures)) expect(lines.join("\n")).toContain(figure);
  });

  test("a contender that failed is named with what it said, whatever it gave before", () => {
    const lines = benchLines(resultOf([
      { name: "ours", rounds: [{ ms: 1 }], error: "fell over\nwith a trace\n" },
      { name: "theirs", rounds: [], error: "never began" },
    ]));
    expect(lines.slice(3)).toEqual([
      "                     ms",
      "ours               1.00",
      "theirs (0 rounds)     -",
      "",
      "ours FAILED: fell over\nwith a trace",
      "theirs FAILED: never began",
      "",
    ]);
  });

  test("a column wider than all room stands alone", () => {
    const lines = benchLines(resultOf([{ name: "ours", rounds: [{ ["x".repeat(120)]: 1, ms: 2 }] }]));
    expect(lines.filter((line) => line.startsWith("ours"))).toHaveLength(2);
  });
});
