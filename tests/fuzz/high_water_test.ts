/** Every queue between a peer and a reader counts the most that it ever held, and stays within its bound when flooded. */

import { expect, test } from "bun:test";
import { EventStream } from "../../admin/event_stream.ts";
import { applyEvents } from "../../src/fixed/apply.ts";
import { WatchHub } from "../../src/replica/watch.ts";
import { DEFAULT_LEADER_LIMITS, LeaderConnection } from "../../src/replication/leader_connection.ts";
import { type BatchEncoder, encodeSyncRequest, MAX_PAYLOAD_BYTES } from "../../src/replication/protocol.ts";
import { Delivery } from "../../src/runtime/delivery.ts";
import { MOST_UNSENT_BYTES } from "../../src/runtime/socket_connection.ts";
import { detectRuntime } from "../../src/runtime/mod.ts";
import type { Connection } from "../../src/runtime/runtime.ts";
import { StagedRecords } from "../../src/storage/staged_records.ts";
import { nextTurn } from "../../src/time_slice.ts";
import { PushedFollower } from "../admin/pushed_follower.ts";
import { FakeLinks } from "../fakes/fake_links.ts";
import { FakeConnection } from "../fakes/fake_network.ts";
import { batch, caughtUp, infoFrame, puts, SHAPE } from "../fakes/leader_frames.ts";
import { batchOf, makeShard } from "../fakes/shard_kit.ts";
import { until } from "../harness/until.ts";

const BATCH = batch(puts(256));

test("read-ahead: what comes while the store is busy, of which the socket brings no more once it is full", async () => {
  const readAheadBytes = 64 << 10;
  await using fake = new FakeLinks({ limits: { readAheadBytes } });
  const connection = await fake.start();
  const release = fake.target.hold("beginScan");
  connection.receive(infoFrame({ slotCount: 256 }));
  let sent = 0;
  for (; !connection.isPaused && sent < 1000; sent++) connection.receive(BATCH);
  const { counters } = fake.links.links[0];
  expect(counters.bufferedHighWater).toBeGreaterThan(readAheadBytes);
  expect(counters.bufferedHighWater).toBeLessThanOrEqual(readAheadBytes + BATCH.length);
  expect(sent).toBeLessThan(10);
  release();
});

test("read-ahead: a v1 stream is never stopped, and what is too much is dropped", async () => {
  const readAheadBytes = 64 << 10;
  await using fake = new FakeLinks({ protocol: 1, limits: { readAheadBytes } });
  const connection = await fake.start();
  connection.receive(infoFrame({ slotCount: 256 }), caughtUp());
  await fake.heard("0 live");
  const release = fake.target.hold("grow");
  connection.receive(batch(puts(1, { first: 300 })));
  for (let i = 0; i < 1000; i++) connection.receive(BATCH);
  const { counters } = fake.links.links[0];
  expect([connection.isPaused, counters.droppedFrames > 900]).toEqual([false, true]);
  expect(counters.bufferedHighWater).toBeLessThanOrEqual(readAheadBytes + BATCH.length);
  release();
});

test("watch: changes that wait for a reader", async () => {
  const { shard } = makeShard(4);
  const hub = new WatchHub();
  hub.attach({ shards: [shard] } as never);
  const changes = hub.watch(() => undefined, { queue: 16 });
  for (let version = 1; version < 5000; version++) {
    applyEvents(shard, batchOf({ slot: version % 4, version, key: `k${version % 4}`, value: "v" }));
    shard.file.flush();
  }
  expect(hub.queueHighWater).toBe(16);
  await changes.return!();
});

test("leader: slots that wait for a follower that does not read", async () => {
  let change = (_slot: number): void => {};
  const source = {
    shape: SHAPE,
    slotCount: () => 0,
    addSlot: (encoder: BatchEncoder, { slot }: { slot: number }) =>
      encoder.addOccupied(slot, 5, new Uint8Array(24), 0),
    subscribe: (_shard: number, onChange: (slot: number) => void) => {
      change = onChange;
      return () => {};
    },
  };
  const ends: (string | undefined)[] = [];
  const connection: FakeConnection = new FakeConnection({
    onData: (bytes) => served.onData(bytes),
    onClose: () => served.onClose(),
  });
  const served = new LeaderConnection(connection, source, {
    limits: { ...DEFAULT_LEADER_LIMITS, pendingSlots: 100 },
    onEnd: (_served, why) => ends.push(why),
  });
  connection.receive(encodeSyncRequest({ shard: 0, version: 2, emptyState: false }));
  await until(() => connection.sent.includes("CaughtUp"), 1000);
  connection.isFull = true;
  for (let slot = 0; slot < 50; slot++) change(slot);
  await until(() => connection.sent.includes("SlotBatch"), 1000);
  for (let slot = 0; slot < 5000 && !connection.sent.includes("Error"); slot++) change(slot);
  expect(served.pendingHighWater).toBe(101);
  served.cut("over");
  expect(ends).toEqual(["events dropped, rescan required"]);
});

test("socket: bytes that are held for an owner that has paused", async () => {
  let isStopped = false;
  const delivery = new Delivery({ onData: () => {}, onClose: () => {} }, (stop) => void (isStopped = stop));
  await nextTurn();
  delivery.pause();
  const chunk = new Uint8Array(60_000);
  for (let i = 0; i < 1000 && !isStopped; i++) delivery.data(chunk);
  expect(delivery.heldHighWater).toBe(300_000);
  delivery.resume();
  await until(() => !isStopped, 1000);
});

test("socket: a peer that makes us answer and reads nothing is cut", async () => {
  const { network } = detectRuntime();
  let peer: Connection | undefined;
  const listener = await network.listen({ host: "127.0.0.1", port: 0 }, (connection) => {
    peer = connection;
    return { onData: () => connection.pause(), onClose: () => {} };
  });
  const ended = Promise.withResolvers<Error | undefined>();
  const handlers = { onData: () => {}, onClose: (error?: Error) => ended.resolve(error) };
  const connection = await network.connect(listener.address, handlers, 5000);
  const chunk = new Uint8Array(64 << 10);
  let isOver = false;
  ended.promise.then(() => isOver = true);
  for (let i = 0; i < 5000 && !isOver; i++) {
    connection.write(chunk);
    if (i % 16 === 0) await nextTurn();
  }
  expect((await ended.promise)?.message).toMatch(/^the peer does not read: \d+ bytes wait for it$/);
  const { unsentHighWater } = connection as unknown as { unsentHighWater: number };
  expect(unsentHighWater).toBeGreaterThan(MOST_UNSENT_BYTES);
  expect(unsentHighWater).toBeLessThanOrEqual(MOST_UNSENT_BYTES + chunk.length);
  peer?.destroy();
  await listener.close();
});

test("server-sent events: text that waits for a reader who takes nothing", async () => {
  const follower = new PushedFollower();
  const stop = new AbortController();
  const stream = new EventStream(follower, {
    prefix: undefined,
    initial: false,
    signal: stop.signal,
    queue: 8,
    heartbeatMs: 60_000,
    onEnd: () => {},
  });
  const put = {
    type: "put",
    key: new Uint8Array(8),
    value: new Uint8Array(100),
    version: 1,
    shard: 0,
  } as const;
  follower.push(...Array(5000).fill(put));
  for (let turn = 0; turn < 200; turn++) await nextTurn();
  // A piece, and the event that made it one.
  expect(stream.textHighWater).toBeGreaterThan(16 * 1024);
  expect(stream.textHighWater).toBeLessThan(17 * 1024);
  stop.abort();
  await stream.body.cancel();
});

test("staging: records that wait for a flush, as many as the largest batch brought", () => {
  const staged = new StagedRecords(32);
  const most = MAX_PAYLOAD_BYTES / 8;
  for (let record = 0; record < most; record++) staged.placeFor(record * 7);
  staged.clear();
  for (let record = 0; record < 10; record++) staged.placeFor(record);
  expect([staged.highWater, staged.count]).toEqual([most, 10]);
});
