import { describe, expect, test } from "bun:test";

import { until } from "../harness/until.ts";
import { canRun, expectEqual, LIMIT_MS, SOON_MS, Stage, untilPhase, untilSame, VERSIONS } from "./stage.ts";

describe.skipIf(!canRun)("a lost link", () => {
  test("armdb of protocol 1 never streams again: scans keep the copy fresh", async () => {
    await using stage = new Stage();
    const leader = await stage.leader(1, { shards: 2, fill: 2000 });
    const proxy = await stage.proxy(leader.address);
    const follower = await stage.follow(proxy.address, { rescanMs: 200, times: { catchUpOnlyMs: 800 } });
    await follower.caughtUp();
    await leader.command("burst 500 2000 1 20");
    await untilSame(leader, follower);
    await leader.reaches("streaming_events_sent", 1);

    proxy.cut();
    await untilPhase(follower, "catch-up-only");
    const scannedBefore = await leader.metric("catchup_slots_scanned");
    await leader.command("burst 500 3000 2 40");
    await expectEqual(leader, follower, { otherMetas: false });
    // What it still sent into the lost link is counted by now.
    const streamed = await leader.metric("streaming_events_sent");
    await leader.command("burst 500 3000 3 40");
    await expectEqual(leader, follower, { otherMetas: false });
    await untilPhase(follower, "catch-up-only");
    expect(await leader.reaches("streaming_events_sent", streamed)).toBe(streamed);
    await leader.reaches("catchup_slots_scanned", scannedBefore + 2000 + 1);
    const status = follower.status();
    expect(status.shards.every(({ scans }) => scans.whole >= 3)).toBe(true);
    expect(status.v1Connections).toBeGreaterThanOrEqual(6);
    // Only the start of the last scan proves anything: the copy is older than that scan's end.
    for (const shard of status.shards) expect(shard.freshAtMs!).toBeLessThan(shard.wholeScanAtMs!);
  }, LIMIT_MS);

  test("armdb of protocol 2 streams again", async () => {
    await using stage = new Stage();
    const leader = await stage.leader(2, { shards: 2, fill: 2000 });
    const proxy = await stage.proxy(leader.address);
    const follower = await stage.follow(proxy.address);
    await follower.caughtUp();
    await untilPhase(follower, "live");
    for (let round = 1; round <= 3; round++) {
      proxy.refuses = true;
      proxy.cut();
      await until(() => follower.status().phase === "backing-off", SOON_MS);
      await leader.command(`burst 300 3000 ${round} 30`);
      proxy.refuses = false;
      await untilPhase(follower, "live");
      const streamed = await leader.metric("streaming_events_sent");
      const written = Number(await leader.command(`burst 300 3000 ${round + 10} 30`));
      await expectEqual(leader, follower, { otherMetas: false });
      await leader.reaches("streaming_events_sent", streamed + written);
    }
    const status = follower.status();
    expect(status.shards.every(({ scans }) => scans.whole >= 4)).toBe(true);
    expect(status.shards.every(({ diverged }) => diverged === 0)).toBe(true);
    expect(stage.ends("closed")).toBeGreaterThanOrEqual(6);
  }, LIMIT_MS);

  test.each([...VERSIONS])("a link that is cut again and again in mid-scan, protocol %d", async (version) => {
    await using stage = new Stage();
    const leader = await stage.leader(version, { fill: 30_000 });
    const proxy = await stage.proxy(leader.address);
    const follower = await stage.follow(proxy.address, { rescanMs: 300, times: { catchUpOnlyMs: 500 } });
    for (const share of [1000, 10_000, 20_000]) {
      const before = follower.status().shards[0].received.events;
      await until(() => follower.status().shards[0].received.events >= before + share, SOON_MS);
      proxy.cut();
    }
    await follower.caughtUp();
    await leader.command("burst 2000 30000 1 30");
    await expectEqual(leader, follower);
    expect(follower.status().shards[0].connections).toBeGreaterThanOrEqual(4);
    await leader.reaches("catchup_slots_scanned", 30_000);
  }, LIMIT_MS);
});

describe.skipIf(!canRun)("a leader that restarts at its address", () => {
  for (const version of VERSIONS) {
    for (const how of ["close", "crash"]) {
      test(`armdb of protocol ${version}, ${how}`, async () => {
        await using stage = new Stage();
        const leader = await stage.leader(version, { shards: 2, fill: 2000 });
        const follower = await stage.follow(leader.address);
        await follower.caughtUp();
        await untilPhase(follower, "live");
        await leader.command("burst 500 2500 1 20");
        await untilSame(leader, follower);
        await leader.reaches("streaming_events_sent", 1);

        if (how === "crash") await leader.peer.crash();
        else await leader.command("close").then(() => leader.command("quit"));
        await until(() => follower.status().phase !== "live", SOON_MS, "the end of live");
        expect(follower.size).toBeGreaterThan(1000);
        const again = await stage.leader(version, { shards: 2, listen: leader.address });
        await untilPhase(follower, "live");
        await again.command("burst 500 2500 2 20");
        await expectEqual(again, follower, { otherMetas: false });
        await again.reaches("streaming_events_sent", 1);
        expect(follower.status().shards.map(({ diverged }) => diverged)).toEqual([0, 0]);
      }, LIMIT_MS);
    }
  }
});
