/** What real leaders never send: each is one error with a remedy, nothing of it is applied, and all goes on. */

import { describe, expect, test } from "bun:test";

import { encodeError, HEARTBEAT_FRAME } from "../../src/replication/protocol.ts";
import { MOST_ACKS_AHEAD } from "../../src/replication/scan_acks.ts";
import { Followed, TemporaryDirectory } from "../fakes/followed.ts";
import { batch, caughtUp, infoFrame, keyOf, put, puts, reset, valueOf } from "../fakes/leader_frames.ts";
import { ScriptedLeader } from "../fakes/scripted_leader.ts";
import { until } from "../harness/until.ts";
import { concat, rawFrame } from "../replication/wire_samples.ts";

/** What the leader has all the time. */
const GOOD = batch(puts(3));
/** Slots that no bad batch may have left behind. */
const BAD_KEYS = [10, 11, 12].map(keyOf);

/** A batch with one byte changed. */
function damaged(frame: Uint8Array, change: (frame: Uint8Array) => void): Uint8Array {
  const copy = frame.slice();
  change(copy);
  return copy;
}

const FINE = batch(puts(2, { first: 10 }));
const LONGER = rawFrame(3, concat([FINE.subarray(5), new Uint8Array(1)]));
const SHORTER = rawFrame(3, FINE.subarray(5, FINE.length - 1));

/** What comes, its class, and its message. */
const BAD: [name: string, bytes: Uint8Array, message: RegExp | string][] = [
  [
    "unknown type",
    rawFrame(77, new Uint8Array(3)),
    "ProtocolError: Cannot read a frame: type is 77, known are 1 to 6 and 255",
  ],
  [
    "garbage",
    new TextEncoder().encode("HTTP/1.1 400 Bad Request\r\n\r\n"),
    "ProtocolError: Cannot read a frame: type is 72, known are 1 to 6 and 255",
  ],
  [
    "frame over the limit",
    rawFrame(3, new Uint8Array(0)).map((byte, i) => i === 4 ? 0x7f : byte),
    "ProtocolError: Cannot read SlotBatch: payload length is 2130706432, the limit is 262144",
  ],
  [
    "short batch",
    rawFrame(3, new Uint8Array(4)),
    "ProtocolError: Cannot decode SlotBatch: payload length is 4, the least is 5",
  ],
  [
    "a batch that ends before its payload",
    LONGER,
    /count is 2, and its events end at byte 69, but the payload at byte 70/,
  ],
  [
    "a batch that ends behind its payload",
    SHORTER,
    /event 1 of 2 is OCCUPIED and ends at byte 69, but the payload at byte 68/,
  ],
  [
    "a count too low",
    damaged(FINE, (frame) => frame[6] = 1),
    /count is 1, and its events end at byte 37, but the payload at byte 69/,
  ],
  [
    "a count too high",
    damaged(FINE, (frame) => frame[6] = 200),
    /count is 200, but the 64 bytes after it hold at most 8 events/,
  ],
  [
    "status 3",
    damaged(FINE, (frame) => frame[46] |= 3),
    /status of event 1 of 2 is 3 .* allowed under protocol 2 are/,
  ],
  [
    "another shard's batch",
    batch(puts(2, { first: 10 }), 9),
    "ProtocolError: Cannot decode SlotBatch: shard_id is 9, expected 0",
  ],
  [
    "a slot beyond all bounds",
    batch([put(10), put(70_000)]),
    "ProtocolError: Cannot apply SlotBatch: slot_id is 70000, and 64 slots are known",
  ],
  ["a second ShardInfo", infoFrame(), /ProtocolError: Cannot accept ShardInfo in phase (catching-up|live)/],
  [
    "an Ack",
    rawFrame(5, new Uint8Array(13)),
    /ProtocolError: Cannot accept Ack from a leader in phase (catching-up|live)/,
  ],
  [
    "a short CaughtUp",
    rawFrame(4, new Uint8Array(2)),
    "ProtocolError: Cannot decode CaughtUp: payload length is 2, the least is 9",
  ],
  ["an Error", encodeError("out of coffee"), "LeaderError: The leader says: out of coffee"],
];

/** Sends something bad over the first connection, and is good from the second on. */
async function meet(bytes: Uint8Array, options: { live: boolean; version?: 1 | 2 }): Promise<Followed> {
  using directory = new TemporaryDirectory();
  const live = Promise.withResolvers<void>();
  await using leader = await ScriptedLeader.start(async (connection) => {
    if (connection.index > 0) return connection.scan([GOOD]);
    if (options.live) await connection.scan([GOOD]);
    else {
      connection.send(infoFrame(), GOOD);
      await connection.acked(1);
    }
    if (options.live) await live.promise;
    connection.send(bytes);
  });
  await using followed = await Followed.start(leader.address, directory.of("replica"), {
    protocol: options.version ?? 2,
    onEvent: (event) => {
      if (event.type === "phase" && event.phase === "live") live.resolve();
    },
  });
  const { follower } = followed;
  await until(() => followed.errors.length > 0, 2000, "the error");
  // It serves on.
  expect(follower.get(keyOf(1))).toEqual(valueOf(1));
  expect(follower.status().shards[0].error?.remedy).toBe("reconnect");
  await follower.caughtUp();
  await followed.shows("live", options.live ? 2 : 1);
  for (const key of BAD_KEYS) expect(follower.get(key)).toBeUndefined();
  expect(follower.size).toBe(3);
  expect(follower.status().shards[0].error).toBeNull();
  expect(follower.status().shards[0].slots.total).toBeLessThan(70_000);
  expect(leader.failures).toEqual([]);
  return followed;
}

describe("while catching up", () => {
  test.each(BAD)("%s", async (_name, bytes, message) => {
    const { errors } = await meet(bytes, { live: false });
    expect(errors).toHaveLength(1);
    expect(errors[0]).toMatch(message);
  });

  test("a scan that does not ascend", async () => {
    const { errors } = await meet(batch([put(10), put(12), put(11)]), { live: false });
    expect(errors).toEqual([
      "ProtocolError: Cannot apply SlotBatch: slot_id is 11, and the scan is at 13 already",
    ]);
  });
});

describe("while live", () => {
  test.each([
    ...BAD,
    ["CaughtUp twice", caughtUp(3), /Cannot accept CaughtUp in phase live/] as typeof BAD[0],
  ])(
    "%s",
    async (_name, bytes, message) => {
      const { errors } = await meet(bytes, { live: true });
      expect(errors).toHaveLength(1);
      expect(errors[0]).toMatch(message);
    },
  );

  test("a reset under protocol 1", async () => {
    const { errors } = await meet(batch([put(10), reset(11, 5)]), { live: true, version: 1 });
    expect(errors[0]).toMatch(
      /status of event 1 of 2 is 0 .* allowed under protocol 1 are 1 \(OCCUPIED\), 2 \(DELETED\)/,
    );
  });
});

test("a huge Error text is cut, and cannot control a terminal", async () => {
  const text = new TextEncoder().encode("\u001b[2Jx\n".repeat(20_000));
  const { errors } = await meet(rawFrame(255, text), { live: false });
  expect(errors[0].length).toBeLessThan(1200);
  expect(errors[0]).not.toMatch(/\p{Cc}/u);
});

test("a ShardInfo with more slots than can be is refused before anything is made for it", async () => {
  using directory = new TemporaryDirectory();
  await using leader = await ScriptedLeader.start((connection) =>
    connection.index === 0
      ? connection.send(infoFrame({ slotCount: 4_294_967_295 }))
      : connection.scan([GOOD])
  );
  await using followed = await Followed.start(leader.address, directory.of("replica"));
  await followed.follower.caughtUp();
  expect(followed.errors).toEqual([
    "ProtocolError: Cannot make room for shard 0: slot_count is 4294967295, the limit is 268435456",
  ]);
  expect(followed.follower.status().shards[0].slots.total).toBe(64);
});

test("an Error frame right before a reset", async () => {
  using directory = new TemporaryDirectory();
  await using leader = await ScriptedLeader.start(async (connection) => {
    if (connection.index > 0) return connection.scan([GOOD]);
    await connection.scan([GOOD]);
    await new Promise((resolve) => setTimeout(resolve, 40));
    connection.send(encodeError("events dropped, rescan required"));
    setTimeout(() => connection.reset(), 5);
  });
  await using followed = await Followed.start(leader.address, directory.of("replica"), {
    backoff: { baseMs: 60_000, limitMs: 60_000, healthyMs: 1e9 },
  });
  await followed.shows("live", 2);
  expect(followed.errors).toEqual(["LeaderError: events dropped, rescan required"]);
});

test("one byte at a time, in packets of their own", async () => {
  using directory = new TemporaryDirectory();
  await using leader = await ScriptedLeader.start((connection) =>
    connection.trickle(
      concat([infoFrame(), GOOD, batch([put(5, 2)]), caughtUp(4), HEARTBEAT_FRAME, batch([put(6, 3)])]),
    )
  );
  await using followed = await Followed.start(leader.address, directory.of("replica"), {
    times: { silenceMs: 3000, greetingMs: 3000 },
  });
  await until(() => followed.follower.status().keys === 5, 3000);
  expect(followed.errors).toEqual([]);
  expect(followed.phases().slice(0, 4)).toEqual(["greeting", "catching-up", "live"]);
});

test.each([["a silent leader", "nothing"], ["one that stops in mid-scan", "info"]] as const)(
  "%s is left, and met again",
  async (_name, says) => {
    using directory = new TemporaryDirectory();
    await using leader = await ScriptedLeader.start((connection) => {
      if (connection.index > 0) return connection.scan([GOOD]);
      if (says === "info") connection.send(infoFrame(), GOOD);
    });
    await using followed = await Followed.start(leader.address, directory.of("replica"), {
      times: { greetingMs: 60, silenceMs: 60 },
    });
    await followed.follower.caughtUp();
    expect(followed.errors[0]).toMatch(
      /^ConnectionError: The leader said nothing for \d+ ms \(phase (greeting|catching-up)\)$/,
    );
    expect(leader.connections[0].isClosed).toBe(true);
  },
);

test("a leader that is stopped in mid-scan and says CaughtUp is not caught up", async () => {
  using directory = new TemporaryDirectory();
  await using leader = await ScriptedLeader.start(async (connection) => {
    if (connection.index > 0) return connection.send(infoFrame());
    await connection.scan([GOOD]);
    connection.end();
  });
  await using followed = await Followed.start(leader.address, directory.of("replica"), {
    times: { settleMs: 2000, silenceMs: 3000 },
  });
  await until(() => followed.errors.length > 0, 2000);
  expect(followed.errors[0]).toContain("right after CaughtUp: it was stopped in the middle of the scan");
  const { complete, shards } = followed.follower.status();
  expect(complete).toBe(false);
  expect(shards[0].ends).toEqual({ "partial-scan": 1 });
  expect(shards[0].scans.whole).toBe(0);
  expect(followed.follower.lookup(keyOf(1)).found).toBe("yes");
  expect(followed.follower.lookup(keyOf(9)).found).toBe("unknown");
});

describe("protocol 1", () => {
  /** Speaks protocol 1 alone, as armdb 0.1 does. */
  const mismatch = (version: number) =>
    encodeError(`protocol version mismatch: leader 1, follower ${version}`);

  test("is found by itself; without a stream, scans keep the copy fresh, and nothing else is sent", async () => {
    using directory = new TemporaryDirectory();
    let value = 1;
    await using leader = await ScriptedLeader.start((connection) =>
      connection.version === 1
        ? connection.scan([batch([put(0, value, { value })])])
        : connection.send(mismatch(connection.version))
    );
    await using followed = await Followed.start(leader.address, directory.of("replica"), {
      rescanMs: 40,
      times: { catchUpOnlyMs: 30 },
    });
    const { follower } = followed;
    await follower.caughtUp();
    for (value = 2; value < 5; value++) await until(() => follower.get(keyOf(0))?.[0] === value, 2000);
    await until(() => follower.status().phase === "catch-up-only", 2000);
    const { protocol, v1Connections, freshAtMs, phase } = follower.status();
    expect({ protocol, phase }).toEqual({ protocol: 1, phase: "catch-up-only" });
    expect(v1Connections).toBeGreaterThan(2);
    expect(v1Connections).toBeLessThanOrEqual(leader.connections.length - 1);
    expect(Date.now() - freshAtMs!).toBeLessThan(2000);
    const sent = leader.connections.flatMap((connection) => connection.received);
    expect([...new Set(sent)].sort()).toEqual(["Ack", "SyncRequest"]);
    expect(follower.status().error).toBeNull();
  });

  test("a stream that comes late in a burst keeps going, with one Ack a batch", async () => {
    using directory = new TemporaryDirectory();
    await using leader = await ScriptedLeader.start((connection) => connection.scan([GOOD]));
    await using followed = await Followed.start(leader.address, directory.of("replica"), { protocol: 1 });
    await followed.shows("catch-up-only");
    for (let version = 2; version < 22; version++) leader.last.send(batch([put(1, version)]));
    await until(() => followed.follower.get(keyOf(1))?.[0] === 21, 2000);
    await leader.last.acked(MOST_ACKS_AHEAD + 20);
    expect(followed.phases().at(-1)).toBe("live");
    expect(leader.connections).toHaveLength(1);
    expect(leader.last.received.filter((name) => name === "Heartbeat")).toEqual([]);
  });
});

describe("a leader that was replaced", () => {
  const ours = batch(puts(40, { version: 9 }));
  const younger = batch(puts(40, { version: 2 }));

  test("is held off beyond the limit: the copy is served on, status says so, a rescan may try again", async () => {
    using directory = new TemporaryDirectory();
    await using leader = await ScriptedLeader.start((connection) => connection.scan([ours]));
    await using followed = await Followed.start(leader.address, directory.of("replica"));
    const { follower } = followed;
    await followed.shows("live");
    leader.script = (connection) => connection.scan([younger]);
    leader.last.destroy();
    await followed.shows("diverged");
    const error = await follower.caughtUp().then(() => undefined, (reason) => reason);
    expect(error).toMatchObject({ name: "DivergedError", remedy: "stop" });
    expect(error.message).toMatch(/contradicts shard 0 in 17 of 17 slots \(17 older, .*limit is 16/);
    expect(follower.get(keyOf(39))).toEqual(valueOf(9));
    expect(follower.status()).toMatchObject({ phase: "diverged", error: null });
    expect(follower.status().shards[0]).toMatchObject({ diverged: 16, error: { remedy: "stop" } });
    leader.script = (connection) => connection.scan([batch(puts(40, { version: 10 }))]);
    follower.rescan();
    await followed.shows("live", 2);
    expect(follower.get(keyOf(0))).toEqual(valueOf(10));
    await follower.caughtUp();
  });

  test("is taken as it is with onDivergence accept", async () => {
    using directory = new TemporaryDirectory();
    await using leader = await ScriptedLeader.start((connection) => connection.scan([ours]));
    await using followed = await Followed.start(leader.address, directory.of("replica"), {
      onDivergence: "accept",
    });
    await followed.shows("live");
    leader.script = (connection) => connection.scan([younger]);
    leader.last.destroy();
    await followed.shows("live", 2);
    expect(followed.follower.get(keyOf(39))).toEqual(valueOf(2));
    expect(followed.follower.status().shards[0].diverged).toBe(40);
  });

  test("by an empty one: the keys go only after a second scan found them absent too", async () => {
    using directory = new TemporaryDirectory();
    await using leader = await ScriptedLeader.start((connection) => connection.scan([GOOD]));
    await using followed = await Followed.start(leader.address, directory.of("replica"));
    await followed.shows("live");
    leader.script = (connection) => connection.scan([]);
    leader.last.destroy();
    await until(() => followed.follower.size === 0, 2000);
    expect(leader.connections).toHaveLength(3);
    expect(followed.follower.status().shards[0].ends).toEqual({ closed: 1, rescan: 1 });
  });
});
