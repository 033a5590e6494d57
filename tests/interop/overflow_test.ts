import { describe, expect, test } from "bun:test";

import type { Follower } from "../../mod.ts";
import { until } from "../harness/until.ts";
import { canRun, expectEqual, LIMIT_MS, type RealLeader, SOON_MS, Stage, untilPhase } from "./stage.ts";

const KEYS = 20_000;
const QUEUE_EVENTS = 8192;

/** Writes at full speed until the leader has dropped events. The follower keeps up unless its process stands still. */
async function overflow(leader: RealLeader): Promise<void> {
  await leader.command(`churn 0 0 ${KEYS} 1000 30`);
  for (let times = 0; await leader.metric("events_dropped") === 0; times++) {
    if (times > 20) throw new Error("The queue did not overflow");
    standStill(200);
  }
  await leader.command("stop-churn");
}

/** Blocks the thread, and so the follower that runs in it. */
function standStill(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}

describe.skipIf(!canRun)("a leader's queue of 8,192 events that overflows", () => {
  test(
    "protocol 1 drops silently: the run of full batches behind the scan asks for a side scan",
    async () => {
      await using stage = new Stage();
      const leader = await stage.leader(1, { fill: KEYS });
      await leader.command(`hold-scan ${KEYS / 2}`);
      const follower = await stage.follow(leader.address, { rescan: { suspectMs: 100 } });
      await overflowInScan(leader);
      await follower.caughtUp();
      // Written behind the scan and dropped from the queue: only another scan brings them.
      await until(() => follower.status().shards[0].scans.side >= 1, SOON_MS, "a side scan");
      await expectEqual(leader, follower, { otherMetas: false });
      await expectStillStreaming(leader, follower);
    },
    LIMIT_MS,
  );

  test("protocol 2 says so and ends the link: it is made again at once", async () => {
    await using stage = new Stage();
    const leader = await stage.leader(2, { fill: KEYS });
    // A wait before the next connection would be noticed.
    const follower = await stage.follow(leader.address, { backoff: { baseMs: 60_000, limitMs: 60_000 } });
    await follower.caughtUp();
    await untilPhase(follower, "live");
    await overflow(leader);
    await expectEqual(leader, follower);
    await expectDropsWereTold(leader, follower);
    expect(stage.ends("dropped")).toBeGreaterThan(0);
  }, LIMIT_MS);

  test("protocol 2 drops in mid-scan: it says so behind the scan", async () => {
    await using stage = new Stage();
    const leader = await stage.leader(2, { fill: KEYS });
    await leader.command(`hold-scan ${KEYS / 2}`);
    const follower = await stage.follow(leader.address, { backoff: { baseMs: 60_000, limitMs: 60_000 } });
    await overflowInScan(leader);
    await follower.caughtUp();
    await expectEqual(leader, follower, { otherMetas: false });
    await expectDropsWereTold(leader, follower);
    expect(stage.ends("dropped")).toBeGreaterThan(0);
  }, LIMIT_MS);
});

/** Holds the scan beyond its middle and writes more than the queue holds. */
async function overflowInScan(leader: RealLeader): Promise<void> {
  await leader.peer.event("scan-held");
  const written = Number(await leader.command(`burst 30000 ${KEYS} 7 30`));
  expect(await leader.reaches("events_dropped", written - QUEUE_EVENTS)).toBe(written - QUEUE_EVENTS);
  await leader.command("release-scan");
}

async function expectStillStreaming(leader: RealLeader, follower: Follower): Promise<void> {
  const { scans, phase } = follower.status().shards[0];
  expect(scans.whole).toBe(1);
  expect(phase).toBe("live");
  const streamed = await leader.metric("streaming_events_sent");
  expect(streamed).toBeGreaterThan(0);
  const written = Number(await leader.command(`burst 100 ${KEYS} 99 30`));
  await expectEqual(leader, follower, { otherMetas: false });
  await leader.reaches("streaming_events_sent", streamed + written);
}

async function expectDropsWereTold(leader: RealLeader, follower: Follower): Promise<void> {
  await leader.reaches("events_dropped", 1);
  await leader.reaches("dropped_rescan", 1);
  await untilPhase(follower, "live");
  const status = follower.status();
  expect(status.shards[0].scans.whole).toBeGreaterThanOrEqual(1);
  expect(status.shards[0].diverged).toBe(0);
  expect(status.error).toBeNull();
}
