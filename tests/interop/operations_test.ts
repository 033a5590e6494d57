/** What an operator asks of a follower, at real leaders: pause, resume, rescan, verify, retarget. */

import { describe, expect, test } from "bun:test";

import { until } from "../harness/until.ts";
import { canRun, expectEqual, LIMIT_MS, SOON_MS, Stage, untilPhase, VERSIONS } from "./stage.ts";

describe.skipIf(!canRun)("an operator", () => {
  test.each(VERSIONS)("pauses, resumes, rescans and verifies: protocol %p", async (version) => {
    await using stage = new Stage();
    const leader = await stage.leader(version, { shards: 2, fill: 2000 });
    const follower = await stage.follow(leader.address, { rescanMs: 200, times: { catchUpOnlyMs: 800 } });
    await follower.caughtUp();
    await untilPhase(follower, "live");
    await follower.pause();
    const paused = follower.status();
    expect(paused).toMatchObject({ phase: "paused", paused: true, keys: 2000 });
    await leader.command("burst 1000 3000 1 30");
    expect(follower.status()).toMatchObject({ keys: 2000, freshAtMs: paused.freshAtMs });

    follower.resume();
    // Protocol 1 streams to the first connection alone: behind a pause only scans keep the copy fresh.
    await untilPhase(follower, version === 1 ? "catch-up-only" : "live");
    await expectEqual(leader, follower, { otherMetas: version === 2 });
    const scans = follower.status().shards[1].scans.whole;
    await follower.rescan({ shard: 1 });
    expect(follower.status().shards[1].scans.whole).toBeGreaterThan(scans);
    const verified = await follower.verify();
    expect(verified).toMatchObject({ damaged: 0, error: null, position: verified.slots });
    await expectEqual(leader, follower, { otherMetas: version === 2 });
  }, LIMIT_MS);

  test("rescans beside the stream of protocol 1, which goes on", async () => {
    await using stage = new Stage();
    const leader = await stage.leader(1, { shards: 2, fill: 2000 });
    const follower = await stage.follow(leader.address);
    await follower.caughtUp();
    await leader.command("burst 500 2000 1 20");
    await until(() => follower.status().shards.every(({ received }) => received.events > 1000), SOON_MS);
    await expectEqual(leader, follower, { otherMetas: false });
    await follower.rescan();
    const { phase, shards } = follower.status();
    expect(phase).toBe("live");
    expect(shards.map(({ scans }) => scans)).toEqual([{ whole: 1, side: 1 }, { whole: 1, side: 1 }]);
  }, LIMIT_MS);

  test.each([[1, 1], [1, 2], [2, 1], [2, 2]] as const)(
    "goes over from a leader of protocol %p to one of protocol %p, and back",
    async (from, to) => {
      await using stage = new Stage();
      const first = await stage.leader(from, { shards: 2, fill: 2000, name: "first" });
      const second = await stage.leader(to, { shards: 2, fill: 2000, name: "second" });
      // They are no copies of each other, so on the way back much of the leader is older than the replica.
      const follower = await stage.follow(first.address, {
        ...{ rescanMs: 200, times: { catchUpOnlyMs: 800 } },
        onDivergence: "accept",
      });
      await follower.caughtUp();
      await second.command("burst 500 2000 1 0");
      await follower.retarget(second.address);
      expect(follower.status()).toMatchObject({ leader: second.address, protocol: to });
      await untilPhase(follower, "live");
      await expectEqual(second, follower, { otherMetas: to === 2 });
      await first.command("burst 2000 2000 2 0");
      await follower.retarget(first.address);
      await untilPhase(follower, from === 1 ? "catch-up-only" : "live");
      expect(follower.status()).toMatchObject({ leader: first.address, protocol: from });
      await expectEqual(first, follower, { otherMetas: false });
    },
    LIMIT_MS,
  );

  test.each(VERSIONS)("is not left alone by a leader of another shape: protocol %p", async (version) => {
    await using stage = new Stage();
    const leader = await stage.leader(version, { shards: 2, fill: 500, name: "first" });
    const other = await stage.leader(version, { shards: 3, fill: 500, name: "second" });
    const follower = await stage.follow(leader.address, { rescanMs: 200, times: { catchUpOnlyMs: 800 } });
    await follower.caughtUp();
    const error = await follower.retarget(other.address).then(() => undefined, (reason) => reason);
    expect(error).toMatchObject({ name: "ShapeError" });
    await leader.command("burst 300 500 1 0");
    await expectEqual(leader, follower, { otherMetas: version === 2 });
    expect(follower.status()).toMatchObject({ leader: leader.address, keys: follower.size });
  }, LIMIT_MS);
});
