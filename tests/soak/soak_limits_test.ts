import { describe, expect, test } from "bun:test";

import { judgeSoak, slope, type SoakLimits } from "./soak_limits.ts";
import type { Sample } from "./soaker.ts";

const LIMITS: SoakLimits = { rssMbPerMinute: 6, moreDescriptors: 2, notLiveMs: 1000 };

/** Samples of two minutes, a second apart, of a follower with which nothing is wrong. */
function healthy(): Sample[] {
  return Array.from({ length: 120 }, (_, atS) => ({
    atS,
    rssMb: 100 + atS % 7,
    descriptors: 30,
    phase: "live",
    keys: 1000,
    complete: true,
    events: atS * 1000,
    scans: 2,
    diverged: 0,
    unverified: 0,
    longestNotLiveMs: 400,
    reads: atS * 500,
    hits: atS * 400,
    refused: 0,
    bad: [],
    ends: { closed: 1 },
  }));
}

function judged(samples: Sample[], wrong?: string): string[] {
  return judgeSoak({ runtime: "deno", samples }, LIMITS, { warmUpS: 30, wrong }).broken;
}

describe("the limits of a soak", () => {
  test("a healthy follower breaks none", () => {
    expect(judged(healthy())).toEqual([]);
  });

  test("memory counts behind the warm-up only", () => {
    const warming = healthy().map((sample) => sample.atS < 30 ? { ...sample, rssMb: sample.atS } : sample);
    expect(judged(warming)).toEqual([]);
    const leaking = healthy().map((sample) => ({ ...sample, rssMb: sample.rssMb + sample.atS / 8 }));
    expect(judged(leaking).join()).toContain("memory grows by 7.");
  });

  test.each(
    [
      [{ descriptors: 33 }, "33 descriptors are open at the end, 30 were at the start"],
      [{ longestNotLiveMs: 1001 }, "a shard was not live for 1001 ms, the limit is 1000"],
      [{ bad: ["key 1 has a value"] }, "reads were wrong: key 1 has a value"],
      [{ refused: 1 }, "1 reads of a complete copy were refused"],
      [{ diverged: 1 }, "1 slots diverged from a leader that never changed"],
      [{ unverified: 3 }, "complete is true, unverified slots are 3"],
      [{ complete: false }, "complete is false, unverified slots are 0"],
      [{ hits: 0 }, "no read found a value"],
    ] as [Partial<Sample>, string][],
  )("the last sample %o breaks one", (change, text) => {
    const samples = healthy();
    Object.assign(samples.at(-1)!, change);
    expect(judged(samples)).toEqual([text]);
  });

  test("an end that is not equal breaks one", () => {
    expect(judged(healthy(), "its files differ")).toEqual(["its files differ"]);
  });

  test("a slope is that of the straight line nearest to the points", () => {
    expect(slope([{ x: 0, y: 1 }, { x: 1, y: 3 }, { x: 2, y: 5 }])).toBeCloseTo(2);
    expect(slope([{ x: 1, y: 3 }])).toBe(0);
  });
});
