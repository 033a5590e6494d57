import { describe, expect, test } from "bun:test";
import { readdirSync } from "node:fs";

import { type Change, follow, type Follower, openStore, SlotcaskError } from "../../mod.ts";
import type { FollowOptions } from "../../src/replica/follow_options.ts";
import { OwnedThread } from "../../src/threads/owned_thread.ts";
import { nextTurn } from "../../src/time_slice.ts";
import { QUICK, rejection, TemporaryDirectory } from "../fakes/followed.ts";
import { keyOf, valueOf } from "../fakes/leader_frames.ts";
import { OwnLeader, TWO_SHARDS } from "../fakes/own_leader.ts";
import { randomIntegers } from "../harness/random.ts";
import { until } from "../harness/until.ts";

const FOUR_SHARDS = { ...TWO_SHARDS, shardCount: 4 };
const SOON_MS = 10_000;

/** A leader of four shards, and a follower with two threads. */
class Stage implements AsyncDisposable {
  readonly directory = new TemporaryDirectory();
  leader!: OwnLeader;
  follower!: Follower;
  readonly told: string[] = [];

  static async start({ keys = 1000, ...options }: FollowOptions & { keys?: number } = {}): Promise<Stage> {
    const stage = new Stage();
    stage.leader = await OwnLeader.start(stage.directory.of("leader"), { keys, shape: FOUR_SHARDS });
    await stage.follow(options);
    return stage;
  }

  async follow(options: FollowOptions = {}): Promise<void> {
    this.follower = await follow(this.leader.address, {
      ...QUICK,
      times: { ...QUICK.times, silenceMs: 10_000, greetingMs: 10_000 },
      threads: 2,
      dir: this.directory.of("replica"),
      onEvent: (event) => {
        if (event.type !== "phase") this.told.push(event.type === "end" ? event.reason : event.message);
      },
      ...options,
    });
  }

  /** Puts and deletes at random. */
  churn(operations: number, seed: number): void {
    const below = randomIntegers(seed);
    for (let i = 0; i < operations; i++) {
      const key = keyOf(below(1500));
      if (below(4) === 0) this.leader.store.delete(key);
      else this.leader.store.put(key, valueOf(below(256)));
    }
  }

  async untilSame(): Promise<void> {
    const expected = textsOf(this.leader.store.entries());
    await until(() => sameTexts(textsOf(this.follower.entries()), expected), SOON_MS, "both hold the same");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.follower.close();
    await this.leader[Symbol.asyncDispose]();
    this.directory[Symbol.dispose]();
  }
}

function textsOf(entries: Iterable<[Uint8Array, Uint8Array]>): string[] {
  return Array.from(entries, ([key, value]) => `${key.join(".")}=${value[0]}`).sort();
}

function sameTexts(a: string[], b: string[]): boolean {
  return a.length === b.length && a.every((text, i) => text === b[i]);
}

describe("a follower with threads", () => {
  test("holds what the leader holds, through writes, restarts of the leader and its own", async () => {
    await using stage = await Stage.start();
    const { follower, leader } = stage;
    await follower.caughtUp();
    expect(textsOf(follower.entries())).toEqual(textsOf(leader.store.entries()));
    expect(follower.status()).toMatchObject({ complete: true, keys: 1000, error: null });
    for (let seed = 1; seed <= 5; seed++) {
      stage.churn(400, seed);
      await stage.untilSame();
    }
    await leader.stopServing();
    stage.churn(400, 6);
    await leader.serveAgain();
    await stage.untilSame();
    expect(follower.size).toBe(leader.store.size);

    expect(await follower.close()).toEqual([]);
    expect(() => follower.get(keyOf(1))).toThrow("the follower is closed");
    stage.churn(400, 7);
    await stage.follow();
    expect(stage.follower.size).toBeGreaterThan(500);
    await stage.follower.caughtUp();
    await stage.untilSame();
    expect(await stage.follower.close()).toEqual([]);
    const expected = textsOf(leader.store.entries());
    await using store = await openStore(stage.directory.of("replica"));
    expect(textsOf(store.entries())).toEqual(expected);
  }, 30_000);

  test("reads each key as the leader wrote it, while the leader writes", async () => {
    await using stage = await Stage.start({ keys: 0 });
    const { follower, leader } = stage;
    await follower.caughtUp();
    const newest = new Map<number, number>();
    let reads = 0;
    for (let round = 1; round <= 60; round++) {
      for (let i = 0; i < 20; i++) {
        const key = (round * 7 + i * 13) % 300;
        leader.store.put(keyOf(key), valueOf(round % 256));
        newest.set(key, round);
      }
      await nextTurn();
      for (const key of newest.keys()) {
        const value = follower.get(keyOf(key));
        if (value === undefined) continue;
        reads++;
        expect(value.every((byte) => byte === value[0])).toBe(true);
        expect(follower.lookup(keyOf(key))).toMatchObject({ found: "yes", value });
      }
    }
    expect(reads).toBeGreaterThan(1000);
    await stage.untilSame();
    const page = follower.page({ limit: 1000 });
    expect(page.entries.length).toBe(follower.size);
    const regions = await Promise.all([0, 1, 2, 3].map((shard) => follower.regions(shard, 4)));
    const occupied = regions.flat().reduce((sum, region) => sum + region.occupied, 0);
    expect(occupied).toBe(follower.size);
    expect(follower.has(keyOf(99_999))).toBe(false);
    const out = new Uint8Array(16);
    expect([follower.getInto(keyOf(7), out), out]).toEqual([16, follower.get(keyOf(7))!]);
  }, 30_000);

  test("shows the status of all shards: what was received, applied, synced, and how fresh it is", async () => {
    await using stage = await Stage.start({ sync: 5 });
    const { follower } = stage;
    const before = Date.now();
    await follower.caughtUp();
    stage.churn(300, 1);
    await stage.untilSame();
    await until(() => follower.status().shards.every(({ seconds }) => seconds.sync.count > 0), SOON_MS);
    const { shards, phase, freshAtMs, longestSliceMs } = follower.status();
    expect([phase, shards.length]).toEqual(["live", 4]);
    expect(freshAtMs!).toBeGreaterThanOrEqual(before - 1000);
    expect(longestSliceMs).toBeGreaterThan(0);
    for (const shard of shards) {
      expect(shard.received.events).toBeGreaterThan(200);
      expect(shard.applied.occupied).toBeGreaterThan(200);
      expect(shard.seconds.apply.count).toBe(shard.received.batches);
      expect(shard.syncedAtMs!).toBeGreaterThanOrEqual(before);
      expect(shard.maxVersion).toBeGreaterThan(0);
      expect(shard).toMatchObject({
        complete: true,
        error: null,
        connections: 1,
        scans: { whole: 1, side: 0 },
      });
    }
    expect(shards.reduce((sum, { keys }) => sum + keys, 0)).toBe(follower.size);
  });

  test("tells who watches of each change, and of the end", async () => {
    await using stage = await Stage.start({ keys: 10 });
    const { follower, leader } = stage;
    await follower.caughtUp();
    await until(() => follower.status().phase === "live", SOON_MS);
    const changes: Change[] = [];
    const watching = (async () => {
      for await (const change of follower.watch({ initial: true })) changes.push(change);
    })();
    await until(() => changes.length === 10, SOON_MS, "what is there");
    leader.store.put(keyOf(3), valueOf(77));
    await until(() => changes.length === 11, SOON_MS, "a put");
    leader.store.delete(keyOf(4));
    await until(() => changes.length === 12, SOON_MS, "a delete");
    expect(changes.slice(10)).toMatchObject([
      { type: "put", key: keyOf(3), value: valueOf(77) },
      { type: "delete", key: keyOf(4) },
    ]);
    const copy = new Map(
      changes.slice(0, 10).map((change) => [(change as { key: Uint8Array }).key.join(), change]),
    );
    expect(copy.size).toBe(10);
    await follower.close();
    await watching;
  });

  test("copies one moment of all shards, while it goes on", async () => {
    await using stage = await Stage.start();
    const { follower } = stage;
    await follower.caughtUp();
    const { beginBackup } = OwnedThread.prototype;
    let begun = 0;
    let moment: string[] = [];
    OwnedThread.prototype.beginBackup = function (key) {
      beginBackup.call(this, key);
      // In the same turn: no thread has changed anything since.
      if (++begun === 2) moment = textsOf(follower.entries());
    };
    try {
      const timer = setInterval(() => stage.churn(50, begun + Math.floor(performance.now())), 1);
      const { path, error, slots, position, bytes } = await follower.backup(stage.directory.of("backups"));
      clearInterval(timer);
      expect([begun, error, position]).toEqual([2, null, slots]);
      expect(bytes).toBeGreaterThan(slots * 36);
      await using store = await openStore(path);
      expect(textsOf(store.entries())).toEqual(moment);
      expect(follower.status().backup).toMatchObject({ path, slots, position, error: null });
    } finally {
      OwnedThread.prototype.beginBackup = beginBackup;
    }
  });

  test("gives up a backup and a check that are no longer wanted, and leaves nothing of them", async () => {
    await using stage = await Stage.start({ keys: 20_000 });
    const { follower } = stage;
    await follower.caughtUp();
    expect(await follower.verify()).toMatchObject({ damaged: 0, error: null });
    const { slots, position } = follower.status().verify!;
    expect([position, slots > 20_000]).toEqual([slots, true]);
    const enough = new AbortController();
    const backup = rejection(follower.backup(stage.directory.of("backups"), { signal: enough.signal }));
    const check = rejection(follower.verify({ signal: enough.signal }));
    enough.abort(new Error("enough"));
    expect([(await backup).message, (await check).message]).toEqual(["enough", "enough"]);
    expect(readdirSync(stage.directory.of(""))).not.toContain("backups/backup");
    const other = rejection(follower.backup(stage.directory.of("backups")));
    await follower.close();
    expect(await other).toMatchObject({ name: "ClosedError" });
    expect(readdirSync(stage.directory.of("backups"))).toEqual([]);
  });

  test("has no more threads than the leader has shards, and needs no leader to serve what it has", async () => {
    await using stage = await Stage.start({ threads: 7 });
    await stage.follower.caughtUp();
    const expected = textsOf(stage.follower.entries());
    await stage.follower.close();
    await stage.leader.stopServing();
    await stage.follow({ threads: 3 });
    expect(textsOf(stage.follower.entries())).toEqual(expected);
    await stage.leader.serveAgain();
    await stage.follower.caughtUp();
  });

  test("says why it cannot start, and lets go of the directory", async () => {
    using directory = new TemporaryDirectory();
    const dir = directory.of("replica");
    const options = { dir, threads: 2, connectTimeoutMs: 1000 };
    expect(await rejection(follow("127.0.0.1:1", options))).toMatchObject({ name: "ConnectionError" });
    await using leader = await OwnLeader.start(directory.of("leader"));
    const follower = await follow(leader.address, options);
    expect(await rejection(follow(leader.address, options))).toMatchObject({ name: "LockedError" });
    expect(await follower.close()).toEqual([]);
  });

  test("stops for good when a thread has ended, and goes on to serve what it has", async () => {
    await using stage = await Stage.start();
    const { follower } = stage;
    await follower.caughtUp();
    const threads = new Set<OwnedThread>();
    const { beginBackup } = OwnedThread.prototype;
    OwnedThread.prototype.beginBackup = function (key) {
      threads.add(this);
      beginBackup.call(this, key);
    };
    await follower.backup(stage.directory.of("backups"));
    OwnedThread.prototype.beginBackup = beginBackup;
    const expected = textsOf(follower.entries());
    const [thread] = threads;
    // It has no such call: whatever a thread throws outside of one ends it.
    thread.calls.tell("none" as "end", { key: 0, reason: "closed" });
    const error = await rejection(follower.closed);
    expect(error).toBeInstanceOf(SlotcaskError);
    expect(error).toMatchObject({ remedy: "stop" });
    expect(error.message).toContain("Cannot go on: a thread of the follower has ended:");
    expect(textsOf(follower.entries())).toEqual(expected);
    expect(follower.status()).toMatchObject({ phase: "stopped", error: { message: error.message } });
    // Its shards were not closed by it.
    expect((await follower.close()).length).toBe(2);
  });
});
