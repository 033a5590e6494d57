import { describe, expect, test } from "bun:test";
import { Followed, good, NOBODY, TemporaryDirectory } from "../fakes/followed.ts";
import { batch, infoFrame, keyOf, puts, valueOf } from "../fakes/leader_frames.ts";
import { OwnLeader } from "../fakes/own_leader.ts";
import { ScriptedLeader } from "../fakes/scripted_leader.ts";
import { rejection } from "../harness/failures.ts";
import { until } from "../harness/until.ts";

describe("pause", () => {
  test("closes every link, serves on and ages; resume scans and is live again", async () => {
    using directory = new TemporaryDirectory();
    await using leader = await OwnLeader.start(directory.of("leader"));
    await using followed = await Followed.start(leader.address, directory.of("replica"));
    const { follower } = followed;
    await follower.caughtUp();
    await follower.pause();
    const paused = follower.status();
    expect(paused).toMatchObject({ phase: "paused", paused: true, error: null });
    expect(paused.shards.map(({ phase, error }) => [phase, error])).toEqual([["paused", null], [
      "paused",
      null,
    ]]);
    expect(paused.shards.map(({ ends }) => ends)).toEqual([{ paused: 1 }, { paused: 1 }]);
    leader.store.put(keyOf(0), valueOf(2));
    expect(follower.get(keyOf(0))).toEqual(valueOf(1));
    expect(follower.status().freshAtMs).toBe(paused.freshAtMs);
    await follower.pause();

    follower.resume();
    await until(() => follower.status().phase === "live", 3000, "live after resume");
    expect(follower.status()).toMatchObject({ paused: false, complete: true });
    expect(follower.get(keyOf(0))).toEqual(valueOf(2));
    expect(follower.status().freshAtMs!).toBeGreaterThanOrEqual(paused.freshAtMs!);
    follower.resume();
  });

  test("while the leader is away: no connection is tried any more", async () => {
    using directory = new TemporaryDirectory();
    await using leader = await ScriptedLeader.start((connection) => connection.scan([batch(puts(3))]));
    await using followed = await Followed.start(leader.address, directory.of("replica"));
    await followed.shows("live");
    leader.script = (connection) => connection.destroy();
    leader.last.destroy();
    await followed.shows("backing-off", 2);
    await followed.follower.pause();
    const { connections } = followed.follower.status().shards[0];
    await new Promise((resolve) => setTimeout(resolve, 120)); // more than twice the longest backoff
    expect(followed.follower.status().shards[0].connections).toBe(connections);
  });

  test("in the middle of a scan: the scan is cut, and begins anew", async () => {
    using directory = new TemporaryDirectory();
    await using leader = await ScriptedLeader.start((connection) => {
      connection.send(infoFrame());
      connection.send(batch(puts(3)));
    });
    await using followed = await Followed.start(leader.address, directory.of("replica"));
    await until(() => followed.follower.status().keys === 3, 3000, "the first batch");
    await followed.follower.pause();
    expect(followed.follower.status()).toMatchObject({ phase: "paused", complete: false, freshAtMs: null });
    leader.script = (connection) => connection.scan([batch(puts(3))]);
    followed.follower.resume();
    await followed.follower.caughtUp();
    expect(followed.follower.status().complete).toBe(true);
  });

  test("resume before the links are closed: both are done", async () => {
    using directory = new TemporaryDirectory();
    await using leader = await OwnLeader.start(directory.of("leader"));
    await using followed = await Followed.start(leader.address, directory.of("replica"));
    const { follower } = followed;
    await follower.caughtUp();
    const paused = follower.pause();
    follower.resume();
    await paused;
    await until(() => follower.status().shards.every(({ scans }) => scans.whole === 2), 3000, "second scans");
    expect(follower.status().paused).toBe(false);
  });

  test("resume from within the news of the phase connects again", async () => {
    using directory = new TemporaryDirectory();
    await using leader = await ScriptedLeader.start(good);
    const box: { followed?: Followed } = {};
    await using followed = await Followed.start(leader.address, directory.of("replica"), {
      onEvent: (event) => {
        if (event.type === "phase" && event.phase === "paused") box.followed!.follower.resume();
      },
    });
    box.followed = followed;
    await followed.follower.caughtUp();
    await followed.follower.pause();
    await until(() => leader.connections.length === 2, 3000, "a second connection");
    expect(followed.follower.status().paused).toBe(false);
  });

  test("resume before the links are closed does not wait as after a failure", async () => {
    using directory = new TemporaryDirectory();
    await using leader = await ScriptedLeader.start(good);
    const backoff = { baseMs: 100_000, limitMs: 100_000 };
    await using followed = await Followed.start(leader.address, directory.of("replica"), { backoff });
    await followed.shows("live");
    const paused = followed.follower.pause();
    followed.follower.resume();
    await paused;
    await until(() => leader.connections.length === 2, 3000, "a second connection");
  });

  test("is what every shard says, also of a leader that never answered", async () => {
    using directory = new TemporaryDirectory();
    const dir = directory.of("replica");
    {
      await using leader = await OwnLeader.start(directory.of("leader"));
      await using first = await Followed.start(leader.address, dir);
      await first.follower.caughtUp();
    }
    await using followed = await Followed.start(NOBODY, dir);
    await followed.follower.pause();
    expect(followed.follower.status().shards.map(({ phase }) => phase)).toEqual(["paused", "paused"]);
  });

  test("what cannot be done while paused says so; close works, and then nothing else does", async () => {
    using directory = new TemporaryDirectory();
    await using leader = await OwnLeader.start(directory.of("leader"));
    const followed = await Followed.start(leader.address, directory.of("replica"));
    const { follower } = followed;
    await follower.caughtUp();
    await follower.pause();
    expect(await rejection(follower.rescan())).toMatchObject({
      name: "ConflictError",
      message: "Cannot rescan: the follower is paused",
    });
    expect(await rejection(follower.retarget("127.0.0.1:1"))).toMatchObject({
      name: "ConflictError",
      message: "Cannot retarget: the follower is paused",
    });
    expect(await follower.close()).toEqual([]);
    expect(await rejection(follower.pause())).toMatchObject({ name: "ClosedError" });
    expect(() => follower.resume()).toThrow("Cannot resume: the follower is closed");
  });
});

describe("rescan", () => {
  test("resolves when the asked shards were scanned, and counts why", async () => {
    using directory = new TemporaryDirectory();
    await using leader = await OwnLeader.start(directory.of("leader"));
    await using followed = await Followed.start(leader.address, directory.of("replica"));
    const { follower } = followed;
    await follower.caughtUp();
    await follower.rescan({ shard: 1 });
    expect(follower.status().shards.map(({ scans }) => scans.whole)).toEqual([1, 2]);
    await until(() => follower.status().phase === "live", 3000, "live");
    await follower.rescan();
    expect(follower.status().shards.map(({ scans }) => scans.whole)).toEqual([2, 3]);
    expect(follower.status().shards.map(({ rescans }) => rescans)).toEqual([{ asked: 1 }, { asked: 2 }]);
  });

  test("a shard that waits for its place among the scans does not say live", async () => {
    using directory = new TemporaryDirectory();
    let isSlow = false;
    await using leader = await ScriptedLeader.start(async (connection) => {
      if (isSlow && connection.shard < 4) connection.send(infoFrame({ shardCount: 6 }));
      else await connection.scan([], { shardCount: 6 });
    });
    await using followed = await Followed.start(leader.address, directory.of("replica"), {
      times: { silenceMs: 5000 },
    });
    const phases = () => followed.follower.status().shards.map(({ phase }) => phase).join(" ");
    await until(() => followed.follower.status().phase === "live", 3000, "live");
    isSlow = true;
    followed.follower.rescan().catch(() => {});
    const scanning = "catching-up catching-up catching-up catching-up connecting connecting";
    await until(() => phases() === scanning, 3000, `four of six are scanned, seen ${phases()}`);
  });

  test("refuses a shard that does not exist; a signal ends the waiting; so does close", async () => {
    using directory = new TemporaryDirectory();
    await using leader = await ScriptedLeader.start((connection) => connection.scan([batch(puts(3))]));
    const followed = await Followed.start(leader.address, directory.of("replica"));
    const { follower } = followed;
    await followed.shows("live");
    for (const shard of [1, -1, 0.5, NaN]) {
      expect(await rejection(follower.rescan({ shard }))).toMatchObject({
        name: "UsageError",
        message: `Cannot rescan: shard is ${shard}, allowed are 0 to 0`,
      });
    }
    leader.script = (connection) => connection.destroy();
    const abort = new AbortController();
    const waiting = follower.rescan({ signal: abort.signal });
    await followed.shows("backing-off");
    abort.abort(new Error("enough"));
    expect(await rejection(waiting)).toMatchObject({ message: "enough" });
    const closed = follower.rescan();
    await follower.close();
    expect(await rejection(closed)).toMatchObject({ name: "ClosedError" });
  });
});

describe("verify", () => {
  test("a slot that went bad in memory is found, not served, and brought again by a rescan", async () => {
    using directory = new TemporaryDirectory();
    await using leader = await OwnLeader.start(directory.of("leader"));
    await using followed = await Followed.start(leader.address, directory.of("replica"));
    const { follower } = followed;
    await follower.caughtUp();
    expect(await follower.verify()).toMatchObject({
      damaged: 0,
      error: null,
      position: follower.status().verify!.slots,
    });
    expect(follower.status().shards.map(({ rescans }) => rescans)).toEqual([{}, {}]);
  });
});
