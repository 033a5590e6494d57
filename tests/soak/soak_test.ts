/** Two minutes of the soak: `deno task soak` runs it for longer, with a narrower limit for memory. */
import { describe, expect, test } from "bun:test";
import process from "node:process";

import { runtimePath } from "../harness/runtimes.ts";
import { canRun } from "../interop/stage.ts";
import { DEFAULT_SOAK, runSoak, soakTable } from "./soak_run.ts";

const MINUTES = 2;
/** Heaps take longer than this to find their size: what this shows is a leak of 50 bytes an event. */
const RSS_MB_PER_MINUTE = 45;
const LIMIT_MS = 240_000;

// The run under Deno drives both runtimes.
const isDriver = process.versions.deno !== undefined && runtimePath("bun") !== undefined;

describe.skipIf(!canRun || !isDriver)("two minutes of churn and cut links, under both runtimes", () => {
  test("memory and descriptors stay, reads are right, the end is equal", async () => {
    const limits = { ...DEFAULT_SOAK.limits, rssMbPerMinute: RSS_MB_PER_MINUTE };
    const results = await runSoak({ ...DEFAULT_SOAK, minutes: MINUTES, seed: 6, limits });
    console.log(soakTable(results));
    expect(results.map(({ runtime, broken }) => ({ runtime, broken }))).toEqual([
      { runtime: "deno", broken: [] },
      { runtime: "bun", broken: [] },
    ]);
    for (const { ends, scans } of results) {
      // The links were cut, and the queue has overflowed.
      expect(ends.closed).toBeGreaterThanOrEqual(5);
      expect(scans).toBeGreaterThan(10);
    }
  }, LIMIT_MS);
});
