import { describe, expect, test } from "bun:test";
import { readArguments } from "../../bench/arguments.ts";
import type { Bench } from "../../bench/bench.ts";

const bench = (name: string): Bench => ({
  name,
  title: "",
  prepare: () => Promise.reject(new Error("not asked")),
});
const BENCHES = [bench("first"), bench("second"), bench("third")];
const DEFAULTS = { benches: BENCHES, rounds: 7, runtimes: ["deno", "bun"], quick: false, json: undefined };

describe("readArguments", () => {
  test.each([
    [[], {}],
    [["third", "first"], { benches: [BENCHES[0], BENCHES[2]] }],
    [["second", "--rounds", "3", "second"], { benches: [BENCHES[1]], rounds: 3 }],
    [["--runtime", "bun"], { runtimes: ["bun"] }],
    [["--runtime=deno", "--quick"], { runtimes: ["deno"], quick: true }],
    [["--json", "out.json"], { json: "out.json" }],
  ])("of %j", (args, plan) => {
    expect(readArguments(args as string[], BENCHES)).toEqual({ ...DEFAULTS, ...plan as object } as never);
  });

  test.each([
    [["fourth"], "Cannot run the bench fourth: there are first, second, third"],
    [["--rounds", "0"], "--rounds must be a whole number from 1 on: current value is 0"],
    [["--rounds", "1.5"], "current value is 1.5"],
    [["--runtime", "node"], "--runtime must be deno or bun: current value is node"],
    [["--fast"], "--fast"],
  ])("refuses %j", (args, message) => {
    expect(() => readArguments(args as string[], BENCHES)).toThrow(message as string);
  });
});
