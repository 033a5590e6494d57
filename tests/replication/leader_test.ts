import { describe, expect, test } from "bun:test";

import { follow } from "../../src/replica/follow.ts";
import { lead, openStore, type OwnStore } from "../../src/open_store.ts";
import type { Leader, LeaderEvent, LeaderOptions } from "../../src/replication/leader.ts";
import { encodeAck, encodeSyncRequest, HEARTBEAT_FRAME, type Shape } from "../../src/replication/protocol.ts";
import { nextTurn } from "../../src/time_slice.ts";
import { TemporaryDirectory } from "../fakes/followed.ts";
import { keyOf, SHAPE, valueOf } from "../fakes/leader_frames.ts";
import { RawFollower } from "../fakes/raw_follower.ts";
import { until } from "../harness/until.ts";
import { rawFrame } from "./wire_samples.ts";

/** 400 of these are more than the buffers of two sockets hold. */
const LARGE = { valueLength: 32_000 };

/** A store that is led from, and the followers that were told of. */
class Stage implements AsyncDisposable {
  readonly events: LeaderEvent[] = [];
  readonly directory = new TemporaryDirectory();
  readonly followers: RawFollower[] = [];
  store!: OwnStore;
  leader!: Leader;

  static async start(limits: LeaderOptions["limits"] = {}, fields: Partial<Shape> = {}): Promise<Stage> {
    const stage = new Stage();
    const shape = { ...SHAPE, ...fields };
    stage.store = await openStore(stage.directory.of("leader"), shape, { sync: "none" });
    stage.leader = await lead(stage.store, "127.0.0.1:0", {
      limits,
      onEvent: (event) => stage.events.push(event),
    });
    return stage;
  }

  /** Puts `count` keys; all get their number as value. */
  fill(count: number, first = 0): void {
    for (let id = first; id < first + count; id++) this.put(id, id & 0xff);
  }

  /** Puts a key; all bytes of its value are equal. */
  put(id: number, byte: number): void {
    this.store.put(keyOf(id), new Uint8Array(this.store.shape.valueLength).fill(byte));
  }

  /** Connects, and asks for a shard. */
  async follower({ version = 2, shard = 0, emptyState = true } = {}): Promise<RawFollower> {
    const follower = await RawFollower.connect(this.leader.address.port, this.store.shape);
    this.followers.push(follower);
    follower.send(encodeSyncRequest({ shard, version, emptyState }));
    return follower;
  }

  /** Why followers were cut or refused. */
  get reasons(): (string | undefined)[] {
    return this.events.flatMap((event) => event.type === "follower-gone" ? [event.error] : []);
  }

  async gone(reason: string | RegExp): Promise<void> {
    await until(() => this.reasons.length > 0, 2000, "a follower that is gone");
    expect(this.reasons[0]).toMatch(reason);
    expect(this.leader.connections).toBe(0);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const follower of this.followers) follower.destroy();
    await this.leader.close();
    await this.store.close();
    this.directory[Symbol.dispose]();
  }
}

describe("a follower that is refused", () => {
  test.each([0, 3, 255])("protocol version %d", async (version) => {
    await using stage = await Stage.start();
    const follower = await stage.follower({ version });
    expect(await follower.next()).toEqual({
      name: "Error",
      error: `protocol version mismatch: leader 2, follower ${version}`,
    });
    await follower.closed;
    await stage.gone("protocol version mismatch");
  });

  test("a shard that there is not", async () => {
    await using stage = await Stage.start({}, { shardCount: 2 });
    const follower = await stage.follower({ shard: 2 });
    expect(await follower.next()).toEqual({ name: "Error", error: "invalid shard_id" });
    await follower.closed;
  });

  test.each(
    [
      ["a Heartbeat before the SyncRequest", HEARTBEAT_FRAME, "it sent Heartbeat before a SyncRequest"],
      ["garbage", new TextEncoder().encode("GET / HTTP/1.1\r\n"), "type is 71, known are 1 to 6 and 255"],
      ["a short SyncRequest", rawFrame(1, Uint8Array.of(0, 2)), "payload length is 2, the least is 3"],
      [
        "a frame over the limit",
        Uint8Array.of(1, 255, 255, 255, 255),
        "payload length is 4294967295, the limit is",
      ],
    ] as const,
  )("%s", async (_name, bytes, reason) => {
    await using stage = await Stage.start();
    const follower = await RawFollower.connect(stage.leader.address.port);
    stage.followers.push(follower);
    follower.send(bytes);
    await follower.closed;
    await stage.gone(reason);
  });

  test("one that says nothing", async () => {
    await using stage = await Stage.start({ silenceMs: 30 });
    const follower = await RawFollower.connect(stage.leader.address.port);
    await follower.closed;
    await stage.gone("it sent no SyncRequest within 30 ms");
  });
});

describe("the scan", () => {
  test("sends all slots batch by batch, each behind the Ack of the one before", async () => {
    await using stage = await Stage.start();
    stage.fill(600);
    const follower = await stage.follower();
    expect((await follower.next()).name).toBe("ShardInfo");
    for (const count of [256, 256, 88]) {
      expect((await follower.next()).slots).toHaveLength(count);
      follower.send(HEARTBEAT_FRAME);
      await new Promise((resolve) => setTimeout(resolve, 5));
      expect(follower.waiting).toBe(0);
      follower.ack();
    }
    expect(await follower.next()).toEqual({ name: "CaughtUp", scanned: 600 });
    expect(stage.leader.eventsSent).toBe(600);
  });

  test.each([[1, true, [1]], [2, true, [1]], [1, false, [0, 1]], [2, false, [0, 1]]] as const)(
    "protocol %d, EMPTY_STATE %p: the slots %j",
    async (version, emptyState, slots) => {
      await using stage = await Stage.start();
      stage.fill(2);
      stage.store.delete(keyOf(0));
      const follower = await stage.follower({ version, emptyState });
      await follower.next();
      expect((await follower.next()).slots).toEqual([...slots]);
    },
  );

  test("a follower without an Ack is cut, and so is one with too many Heartbeats instead", async () => {
    for (const beats of [0, 9]) {
      await using stage = await Stage.start({ silenceMs: 40 });
      stage.fill(1);
      const follower = await stage.follower();
      await follower.next();
      await follower.next();
      for (let i = 0; i < beats; i++) follower.send(HEARTBEAT_FRAME);
      await follower.closed;
      await stage.gone(
        beats === 0
          ? "it did not acknowledge a batch within 40 ms"
          : "it sent 9 Heartbeats instead of an Ack",
      );
    }
  });

  test("8 Heartbeats are borne", async () => {
    await using stage = await Stage.start();
    stage.fill(1);
    const follower = await stage.follower();
    await follower.next();
    await follower.next();
    for (let i = 0; i < 8; i++) follower.send(HEARTBEAT_FRAME);
    follower.ack();
    expect((await follower.next()).name).toBe("CaughtUp");
  });

  test("changes meanwhile arrive: before and behind the position, in new slots, and deletes", async () => {
    await using stage = await Stage.start();
    stage.fill(400);
    const follower = await stage.follower();
    await follower.next();
    await follower.next();
    stage.store.put(keyOf(3), valueOf(200));
    stage.store.put(keyOf(300), valueOf(201));
    stage.store.delete(keyOf(5));
    stage.fill(5000, 1000);
    follower.ack();
    const copy = await follower.collect(() => follower.copy.size === 400 + 5000 - 1);
    expect(copy.get(keyOf(3).join())).toBe(200);
    expect(copy.get(keyOf(300).join())).toBe(201);
    expect(copy.has(keyOf(5).join())).toBe(false);
  });
});

describe("the stream", () => {
  test("brings changes as they are made, without an Ack, to followers of both versions", async () => {
    await using stage = await Stage.start();
    const followers = [await stage.follower({ version: 1 }), await stage.follower({ version: 2 })];
    for (const follower of followers) {
      expect((await follower.next()).name).toBe("ShardInfo");
      expect((await follower.next()).name).toBe("CaughtUp");
    }
    for (let round = 0; round < 5; round++) {
      stage.store.put(keyOf(7), valueOf(round));
      for (const follower of followers) expect(await follower.next()).toMatchObject({ slots: [0] });
    }
    expect(stage.leader.connections).toBe(2);
    followers[0].destroy();
    await until(() => stage.leader.connections === 1, 1000);
    expect(stage.reasons).toEqual([undefined]);
  });

  test("changes made in the microtasks behind a flush are not left lying", async () => {
    await using stage = await Stage.start();
    const follower = await stage.follower();
    await follower.next();
    await follower.next();
    for (let round = 0; round < 50; round++) {
      stage.store.put(keyOf(0), valueOf(round));
      await nextTurn();
      for (let step = 0; step < round % 8; step++) await undefined;
      stage.store.put(keyOf(1), valueOf(round));
      await follower.collect(() => follower.copy.get(keyOf(1).join()) === round);
    }
  });

  test("Heartbeats when idle", async () => {
    await using stage = await Stage.start({ heartbeatMs: 10 });
    const follower = await stage.follower();
    await follower.next();
    await follower.next();
    expect((await follower.next()).name).toBe("Heartbeat");
    expect((await follower.next()).name).toBe("Heartbeat");
    for (let i = 0; i < 100; i++) {
      follower.send(HEARTBEAT_FRAME, encodeAck({ shard: 0, applied: 0, maxVersion: 0 }));
    }
    stage.store.put(keyOf(1), valueOf(1));
    await follower.collect(() => follower.copy.size === 1);
    expect(stage.reasons).toEqual([]);
  });

  test("a follower that asks for a second scan on its connection is cut", async () => {
    await using stage = await Stage.start();
    const follower = await stage.follower();
    await follower.next();
    await follower.next();
    follower.send(encodeSyncRequest({ shard: 0, version: 2, emptyState: true }));
    await follower.closed;
    await stage.gone("it sent SyncRequest in phase streaming");
  });

  test("a follower that does not read is cut, while others go on", async () => {
    await using stage = await Stage.start({ stallMs: 50 }, LARGE);
    const [deaf, good] = [await stage.follower(), await stage.follower()];
    for (const follower of [deaf, good]) {
      await follower.next();
      await follower.next();
    }
    deaf.pause();
    stage.fill(500);
    await until(() => stage.reasons.length > 0, 2000);
    expect(stage.reasons[0]).toBe("it does not read within 50 ms");
    stage.put(1, 99);
    await good.collect(() => good.copy.get(keyOf(1).join()) === 99);
    expect(stage.leader.connections).toBe(1);
  });

  test("over the queue's limit a follower is told to scan again", async () => {
    await using stage = await Stage.start({ pendingSlots: 100 });
    const follower = await stage.follower();
    await follower.next();
    await follower.next();
    stage.fill(101);
    expect(await follower.next()).toEqual({ name: "Error", error: "events dropped, rescan required" });
    await follower.closed;
    await stage.gone("events dropped, rescan required");
  });

  test("a refusal that nobody reads does not outlive the leader's close", async () => {
    await using stage = await Stage.start({ pendingSlots: 600, stallMs: 60_000 }, LARGE);
    const deaf = await stage.follower();
    await deaf.next();
    await deaf.next();
    deaf.pause();
    // More than the sockets' buffers hold, and then more than the queue holds.
    stage.fill(500);
    await new Promise((resolve) => setTimeout(resolve, 50));
    stage.fill(601, 1000);
    await nextTurn();
    expect(stage.leader.connections).toBe(1);
    await stage.leader.close();
    await until(() => stage.leader.connections === 0, 500);
  });
});

test("closing cuts all followers and frees the port", async () => {
  await using stage = await Stage.start();
  const followers = [
    await stage.follower(),
    await stage.follower(),
    await RawFollower.connect(stage.leader.address.port),
  ];
  await until(() => stage.leader.connections === 3, 1000);
  const { port } = stage.leader.address;
  await stage.leader.close();
  await Promise.all(followers.map((follower) => follower.closed));
  expect(stage.leader.connections).toBe(0);
  const again = await lead(stage.store, `127.0.0.1:${port}`);
  expect(again.address.port).toBe(port);
  await again.close();
});

test("a taken port is refused with its code", async () => {
  await using stage = await Stage.start();
  const error = await lead(stage.store, `127.0.0.1:${stage.leader.address.port}`).then(
    () => undefined,
    (reason) => reason,
  );
  expect(error.code).toBe("EADDRINUSE");
});

test.each([1, 2] as const)(
  "our own follower over protocol %d ends up equal, deletes and growth included",
  async (protocol) => {
    await using stage = await Stage.start({}, { shardCount: 3 });
    stage.fill(3000);
    await using follower = await follow(`127.0.0.1:${stage.leader.address.port}`, {
      dir: stage.directory.of("replica"),
      protocol,
      sync: "none",
      times: { settleMs: 10 },
    });
    for (let id = 0; id < 3000; id += 3) stage.store.delete(keyOf(id));
    stage.fill(20_000, 5000);
    await follower.caughtUp();
    stage.store.put(keyOf(1), valueOf(77));
    await until(() => follower.size === stage.store.size && follower.get(keyOf(1))?.[0] === 77, 4000);
    for (const [key, value] of stage.store.entries()) {
      if (!follower.get(key)?.every((byte, i) => byte === value[i])) {
        throw new Error(
          `Expected ${value} at ${key}`,
        );
      }
    }
    expect(stage.leader.eventsSent).toBeGreaterThan(20_000);
    expect(follower.status().shards.every((shard) => shard.diverged === 0)).toBe(true);
  },
);
