import { describe, expect, test } from "bun:test";
import { existsSync } from "node:fs";

import { follow } from "../../src/replica/follow.ts";
import { encodeError } from "../../src/replication/protocol.ts";
import { detectRuntime } from "../../src/runtime/mod.ts";
import type { Change } from "../../src/replica/watch.ts";
import { filled, Followed, GOOD, good, NOBODY, TemporaryDirectory } from "../fakes/followed.ts";
import { batch, del, infoFrame, keyOf, put, puts, valueOf } from "../fakes/leader_frames.ts";
import { ScriptedLeader } from "../fakes/scripted_leader.ts";
import { rejection } from "../harness/failures.ts";
import { until } from "../harness/until.ts";

describe("an existing directory", () => {
  test("is served at once, without a leader", async () => {
    using directory = new TemporaryDirectory();
    await filled(directory.of("replica"));
    const began = performance.now();
    await using followed = await Followed.start(NOBODY, directory.of("replica"));
    const { follower } = followed;
    expect(performance.now() - began).toBeLessThan(1000);
    expect(follower.get(keyOf(2))).toEqual(valueOf(1));
    expect(follower.get(keyOf(9))).toBeUndefined();
    expect(follower.lookup(keyOf(2))).toMatchObject({ found: "yes", freshAtMs: undefined });
    await followed.shows("backing-off");
    expect(follower.status()).toMatchObject({ keys: 3, complete: true, freshAtMs: null });
    expect(follower.status().shards[0].error?.message).toContain("Cannot connect to 127.0.0.1:1: ");
  });

  test("catches up when the leader comes, and the key that moved is in one place", async () => {
    using directory = new TemporaryDirectory();
    await filled(directory.of("replica"));
    await using leader = await ScriptedLeader.start((connection) => connection.destroy());
    await using followed = await Followed.start(leader.address, directory.of("replica"));
    await until(() => leader.connections.length > 1, 2000);
    leader.script = (connection) =>
      connection.scan([batch([put(0), del(1, 2), put(2), put(3, 1, { key: 1, value: 7 })])]);
    await followed.follower.caughtUp();
    expect(leader.last.emptyState).toBe(false);
    expect(followed.follower.get(keyOf(1))).toEqual(valueOf(7));
    expect(followed.follower.size).toBe(3);
  });

  test("serves on after a stop-class error that comes later, until it is closed", async () => {
    using directory = new TemporaryDirectory();
    await using leader = await ScriptedLeader.start(good);
    await using followed = await Followed.start(leader.address, directory.of("replica"));
    const { follower } = followed;
    await follower.caughtUp();
    const changes = follower.watch();
    const next = rejection(changes.next().then((change) => change.done ? undefined : changes.next()));
    leader.script = (connection) => connection.send(infoFrame({ valueLength: 17 }));
    leader.last.send(encodeError("events dropped, rescan required"));
    const error = await rejection(follower.closed);
    expect(error).toMatchObject({ name: "ShapeError", remedy: "stop" });
    expect(error.message).toContain(`value length is 17 at ${leader.address}, and 16 in`);
    expect(await next).toBe(error);
    expect(await rejection(follower.caughtUp())).toBe(error);
    expect(await rejection(follower.watch().next())).toBe(error);
    expect(follower.get(keyOf(1))).toEqual(valueOf(1));
    expect(follower.status()).toMatchObject({
      phase: "stopped",
      error: { message: error.message, remedy: "stop" },
    });
    expect(follower.status().shards[0].phase).toBe("stopped");
    await follower.close();
    expect(() => follower.get(keyOf(1))).toThrow("Cannot get: the follower is closed");
  });

  test("of another shape stops the follower, with both values", async () => {
    using directory = new TemporaryDirectory();
    await filled(directory.of("replica"));
    await using leader = await ScriptedLeader.start((connection) =>
      connection.send(infoFrame({ prefixBits: 4 }))
    );
    await using followed = await Followed.start(leader.address, directory.of("replica"));
    const error = await rejection(followed.follower.closed);
    expect(error.name).toBe("ShapeError");
    expect(error.message).toMatch(/4.*0|0.*4/);
    expect(followed.follower.size).toBe(3);
  });

  test("a scan that was cut after the whole one leaves it complete, but not after the process is gone", async () => {
    using directory = new TemporaryDirectory();
    const path = directory.of("replica");
    await using leader = await ScriptedLeader.start(good);
    {
      await using followed = await Followed.start(leader.address, path);
      await followed.follower.caughtUp();
      leader.script = (connection) => connection.send(infoFrame(), batch([put(0, 2)]));
      leader.last.send(encodeError("events dropped, rescan required"));
      await until(() => followed.follower.get(keyOf(0))?.[0] === 2, 2000);
      expect(followed.follower.status().complete).toBe(true);
    }
    await using again = await Followed.start(NOBODY, path);
    expect(again.follower.status().complete).toBe(false);
    expect(() => again.follower.get(keyOf(9))).toThrow(/incomplete|whole scan|not known/i);
  });
});

describe("status", () => {
  test("lists every shard while the leader is away, and after the follower was closed", async () => {
    using directory = new TemporaryDirectory();
    const three = { shardCount: 3 };
    await filled(
      directory.of("replica"),
      (connection) =>
        connection.scan([batch([put(0, 1, { key: connection.shard })], connection.shard)], three),
    );
    const backoff = { baseMs: 60_000, limitMs: 60_000 };
    await using followed = await Followed.start(NOBODY, directory.of("replica"), { backoff });
    const { follower } = followed;
    await followed.shows("backing-off");
    const status = follower.status();
    expect(status).toMatchObject({ phase: "backing-off", keys: 3, complete: true, freshAtMs: null });
    expect(status.shards.map(({ shard, phase, keys, complete }) => ({ shard, phase, keys, complete })))
      .toEqual(["backing-off", "connecting", "connecting"].map((phase, shard) => ({
        shard,
        phase: phase as typeof status.phase,
        keys: 1,
        complete: true,
      })));
    expect(status.shards[2]).toMatchObject({
      slots: { total: 64, occupied: 1 },
      freshAtMs: null,
      wholeScanAtMs: expect.any(Number),
      connections: 0,
      ends: {},
      scans: { whole: 0, side: 0 },
      received: { bytes: 0, batches: 0, events: 0 },
      error: null,
    });
    await follower.close();
    expect(follower.status().shards.map(({ phase }) => phase)).toEqual(["stopped", "stopped", "stopped"]);
  });
});

describe("caughtUp, closed, close", () => {
  test("caughtUp waits for every shard", async () => {
    using directory = new TemporaryDirectory();
    await using leader = await ScriptedLeader.start((connection) =>
      connection.shard === 0
        ? connection.scan([], { shardCount: 2 })
        : connection.send(infoFrame({ shardCount: 2 }))
    );
    await using followed = await Followed.start(leader.address, directory.of("replica"));
    let isCaughtUp = false;
    const caughtUp = followed.follower.caughtUp().then(() => isCaughtUp = true);
    await followed.shows("live");
    expect(isCaughtUp).toBe(false);
    leader.script = (connection) => connection.scan([], { shardCount: 2 });
    leader.connections[1].destroy();
    await caughtUp;
    await followed.follower.caughtUp();
  });

  test("close rejects who waits, resolves closed, ends watches, and is the same twice", async () => {
    using directory = new TemporaryDirectory();
    await using leader = await ScriptedLeader.start((connection) => connection.send(infoFrame()));
    const { follower } = await Followed.start(leader.address, directory.of("replica"));
    const waiting = rejection(follower.caughtUp());
    const watched = follower.watch().next();
    const [first, second] = [follower.close(), follower.close()];
    expect(first).toBe(second);
    expect(await first).toEqual([]);
    expect((await waiting).name).toBe("ClosedError");
    expect(await rejection(follower.caughtUp())).toMatchObject({ name: "ClosedError", remedy: "stop" });
    expect(await watched).toEqual({ done: true, value: undefined });
    await follower.closed;
    expect(follower.status().phase).toBe("stopped");
    await leader.last.closed;
  });

  test.each(["connecting", "greeting", "catching-up", "live"])(
    "close from within the news of phase %s",
    async (phase) => {
      using directory = new TemporaryDirectory();
      await filled(directory.of("replica"));
      await using leader = await ScriptedLeader.start((connection) =>
        connection.index === 0 && phase === "connecting" ? connection.destroy() : connection.scan([GOOD])
      );
      let closing: Promise<number[]> | undefined;
      const followed = await Followed.start(leader.address, directory.of("replica"), {
        onEvent: (event) => {
          if (event.type === "phase" && event.phase === phase) closing ??= followed.follower.close();
        },
      });
      await until(() => closing !== undefined, 2000);
      expect(await closing).toEqual([]);
      await followed.follower.closed;
    },
  );

  test("a second follower of one directory is locked out, and harms nothing", async () => {
    using directory = new TemporaryDirectory();
    await using leader = await ScriptedLeader.start(good);
    await using followed = await Followed.start(leader.address, directory.of("replica"));
    const error = await rejection(Followed.start(leader.address, directory.of("replica")));
    expect(error).toMatchObject({ name: "LockedError", remedy: "stop" });
    expect(error.message).toContain(`process ${detectRuntime().process.pid}`);
    await followed.follower.caughtUp();
  });

  test("wrong options are refused before anything is touched", async () => {
    using directory = new TemporaryDirectory();
    const dir = directory.of("replica");
    expect((await rejection(follow("nowhere", { dir }))).name).toBe("UsageError");
    expect((await rejection(follow("localhost:1", { dir, nudgeMs: -1 }))).message).toContain("nudgeMs is -1");
    expect(existsSync(dir)).toBe(false);
  });
});

describe("what is shown", () => {
  test("status is JSON, in every state", async () => {
    using directory = new TemporaryDirectory();
    await using leader = await ScriptedLeader.start(good);
    const followed = await Followed.start(leader.address, directory.of("replica"));
    const safe = () => {
      const status = followed.follower.status();
      expect(JSON.parse(JSON.stringify(status))).toEqual(status);
      return status;
    };
    safe();
    await followed.follower.caughtUp();
    const live = safe();
    expect(live).toMatchObject({
      keys: 3,
      complete: true,
      error: null,
      v1Connections: 0,
      leader: leader.address,
    });
    expect(live.shards[0]).toMatchObject({
      slots: { total: 64, occupied: 3, deleted: 0, free: 61, unverified: 0 },
      applied: { occupied: 3, deleted: 0, reset: 0 },
      connections: 1,
      scans: { whole: 1, side: 0 },
      received: { batches: 1, events: 3 },
    });
    expect(live.freshAtMs).toBeGreaterThanOrEqual(live.startedAtMs);
    expect(live.longestSliceMs).toBeLessThan(100);
    await followed.follower.close();
    safe();
  });

  test("reads go on while a scan is applied, and its position is shown", async () => {
    using directory = new TemporaryDirectory();
    await using leader = await ScriptedLeader.start(async (connection) => {
      connection.send(infoFrame({ slotCount: 1024 }), batch(puts(256)));
      await connection.acked(1);
    });
    await using followed = await Followed.start(leader.address, directory.of("replica"), { partial: true });
    await until(() => followed.follower.size === 256, 2000);
    expect(followed.follower.status().shards[0].scan).toEqual({ position: 256, slots: 1024 });
    expect(followed.follower.get(keyOf(255))).toEqual(valueOf(1));
    expect(followed.follower.get(keyOf(256))).toBeUndefined();
    expect([...followed.follower.entries()]).toHaveLength(256);
  });

  test("fresh is as of the last frame while live, and stays through a lost link", async () => {
    using directory = new TemporaryDirectory();
    await using leader = await ScriptedLeader.start(good);
    await using followed = await Followed.start(leader.address, directory.of("replica"));
    await followed.shows("live");
    const first = followed.follower.status().freshAtMs!;
    await new Promise((resolve) => setTimeout(resolve, 15));
    leader.last.send(batch([put(7, 3)]));
    await until(() => followed.follower.status().freshAtMs! > first, 2000);
    const fresh = followed.follower.status().freshAtMs;
    leader.script = (connection) => connection.destroy();
    leader.last.destroy();
    await followed.shows("backing-off");
    expect(followed.follower.status().freshAtMs).toBe(fresh);
    expect(followed.follower.lookup(keyOf(7)).freshAtMs).toBe(fresh!);
  });

  test("a watch sees what the stream brings", async () => {
    using directory = new TemporaryDirectory();
    await using leader = await ScriptedLeader.start(good);
    await using followed = await Followed.start(leader.address, directory.of("replica"));
    await followed.shows("live");
    const seen: Change[] = [];
    const changes = followed.follower.watch();
    leader.last.send(batch([put(1, 5), del(2, 5)]));
    while (seen.length < 2) seen.push((await changes.next()).value as Change);
    expect(seen.map((change) => change.type)).toEqual(["put", "delete"]);
  });
});

describe("nudges", () => {
  test("are slower where there are more shards, also in a directory that was just made", async () => {
    using directory = new TemporaryDirectory();
    const shardCount = 200;
    await using leader = await ScriptedLeader.start((connection) =>
      connection.scan([], { shardCount, slotCount: 1 })
    );
    await using followed = await Followed.start(leader.address, directory.of("replica"), {
      nudgeMs: 2,
      times: { silenceMs: 4000, greetingMs: 4000 },
    });
    await followed.follower.caughtUp();
    const last = leader.last;
    const beats = () => last.received.filter((name) => name === "Heartbeat").length;
    const before = beats();
    await until(() => beats() > before, 2000);
    const [first, began] = [beats(), performance.now()];
    await until(() => beats() >= first + 4, 3000);
    // 50 ms each; with the interval of one shard it would be 2.
    expect(performance.now() - began).toBeGreaterThan(120);
  });
});
