/** 40 kills of each storage, under the runtime that runs the test; 1,000 by hand: main.ts. */
import { describe, expect, test } from "bun:test";

import { STORAGE_KINDS } from "../../../src/storage/slot_file.ts";
import { OWN_RUNTIME } from "../../harness/runtimes.ts";
import { canRun } from "../../interop/stage.ts";
import { runCrashes } from "./crash_run.ts";

const KILLS = 40;
/** Of a follower that a leader of protocol 1 streams to no more: it is scanned again and again. */
const KILLS_V1 = 10;
const SEED = 6;
/** 13 to 20 s alone on two cores, 90 s beside twenty other runs. */
const LIMIT_MS = 180_000;

describe.skipIf(!canRun)("kill -9 at random moments while a real leader churns", () => {
  test.each(STORAGE_KINDS)("leaves nothing wrong, and the next follower converges: %s", async (storage) => {
    const report = await runCrashes({ kills: KILLS, storage, runtime: OWN_RUNTIME, seed: SEED, leader: 2 });
    console.log(String(report));
    expect(report.kills).toBe(KILLS);
    // A run whose kills all came too late, or at one moment, would prove nothing.
    expect(report.late).toBeLessThan(KILLS / 4);
    expect(report.converged).toBeGreaterThan(KILLS / 4);
    expect(Object.keys(report.moments).length).toBeGreaterThanOrEqual(10);
    expect(report.incomplete).toBeGreaterThan(0);
    expect(report.armdbDumps).toBeGreaterThanOrEqual(KILLS / 10 * 2);
  }, LIMIT_MS);

  test("the same before a leader of protocol 1", async () => {
    const report = await runCrashes({
      kills: KILLS_V1,
      storage: "resident",
      runtime: OWN_RUNTIME,
      seed: SEED,
      leader: 1,
    });
    console.log(String(report));
    expect(report.kills).toBe(KILLS_V1);
    expect(report.converged).toBeGreaterThan(0);
  }, LIMIT_MS);
});
