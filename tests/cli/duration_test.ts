import { describe, expect, test } from "bun:test";
import { formatDuration, parseDuration } from "../../src/cli/duration.ts";

describe("parseDuration", () => {
  test.each([["50ms", 50], ["2s", 2000], ["1m", 60_000], ["6h", 21_600_000], ["1.5s", 1500], ["0.5ms", 0.5]])(
    "%s is %d ms",
    (text, ms) => expect(parseDuration(text)).toBe(ms),
  );

  test.each([[""], ["5"], ["ms"], ["0s"], ["-1s"], ["1 s"], ["1d"], ["1S"], ["1e3s"], ["9999h"], [" 1s"], [
    "1s\n",
  ]])(
    "%j is none",
    (text) => expect(parseDuration(text)).toBeUndefined(),
  );
});

describe("formatDuration", () => {
  test.each([
    [-5, "0.0 s"],
    [420, "0.4 s"],
    [9949, "9.9 s"],
    [9950, "10 s"],
    [59_499, "59 s"],
    [59_500, "1 min 0 s"],
    [200_000, "3 min 20 s"],
    [7_500_000, "2 h 5 min"],
  ])("%d ms is %s", (ms, text) => expect(formatDuration(ms)).toBe(text));
});
