import { expect, test } from "bun:test";

import {
  DEFAULT_LEADER_LIMITS,
  LeaderConnection,
  type LeaderLimits,
} from "../../src/replication/leader_connection.ts";
import {
  type BatchEncoder,
  decodeError,
  encodeAck,
  encodeSyncRequest,
} from "../../src/replication/protocol.ts";
import type { ReplicationSource } from "../../src/replication/source.ts";
import { nextTurn } from "../../src/time_slice.ts";
import { FakeConnection } from "../fakes/fake_network.ts";
import { SHAPE } from "../fakes/leader_frames.ts";
import { until } from "../harness/until.ts";
import { concat } from "./wire_samples.ts";

const ACK = encodeAck({ shard: 0, applied: 0, maxVersion: 0 });

/** A source whose slots are all OCCUPIED. */
class FakeSource implements ReplicationSource {
  readonly shape = SHAPE;
  /** Slots that were asked for, in order. */
  readonly asked: number[] = [];
  /** Is told of each slot that is asked for, while it happens. */
  onAsk: (slot: number) => void = () => {};
  readonly #listeners = new Set<(slot: number) => void>();

  constructor(readonly slots: number) {}

  slotCount(): number {
    return this.slots;
  }

  addSlot(encoder: BatchEncoder, { slot }: { shard: number; slot: number }): void {
    this.asked.push(slot);
    encoder.addOccupied(slot, 5, new Uint8Array(24), 0);
    this.onAsk(slot);
  }

  subscribe(_shard: number, onChange: (slot: number) => void): () => void {
    this.#listeners.add(onChange);
    return () => this.#listeners.delete(onChange);
  }

  /** How many listen. */
  get listeners(): number {
    return this.#listeners.size;
  }

  change(...slots: number[]): void {
    for (const slot of slots) for (const listener of [...this.#listeners]) listener(slot);
  }
}

/** A served connection, and why it ended. */
function serve(source: FakeSource, limits: Partial<LeaderLimits> = {}) {
  const ends: (string | undefined)[] = [];
  const connection: FakeConnection = new FakeConnection({
    onData: (bytes) => served.onData(bytes),
    onClose: () => served.onClose(),
  });
  const served = new LeaderConnection(connection, source, {
    limits: { ...DEFAULT_LEADER_LIMITS, ...limits },
    onEnd: (_served, why) => ends.push(why),
  });
  connection.receive(encodeSyncRequest({ shard: 0, version: 2, emptyState: false }));
  return { connection, served, ends };
}

test("a change made while a flush ends is not left lying", async () => {
  const source = new FakeSource(0);
  const { connection, served } = serve(source);
  await until(() => connection.sent.includes("CaughtUp"), 1000);
  for (let hops = 0; hops < 8; hops++) {
    source.onAsk = (slot) => {
      if (slot !== 1) return;
      let later = Promise.resolve();
      for (let hop = 0; hop < hops; hop++) later = later.then(() => {});
      later.then(() => source.change(2));
    };
    const asked = source.asked.length;
    source.change(1);
    await until(() => source.asked.length === asked + 2, 1000, `slot 2 after ${hops} microtasks`);
  }
  served.cut(undefined);
});

test("changes of one turn travel together, each slot once", async () => {
  const source = new FakeSource(0);
  const { connection, served } = serve(source);
  await until(() => connection.sent.includes("CaughtUp"), 1000);
  source.change(3, 1, 3, 2, 1, 3);
  await nextTurn();
  await nextTurn();
  expect(source.asked).toEqual([3, 1, 2]);
  expect(connection.sent).toEqual(["ShardInfo", "CaughtUp", "SlotBatch"]);
  served.cut(undefined);
});

test("while the follower does not read, changes wait; the drain sends them", async () => {
  const source = new FakeSource(0);
  const { connection, served, ends } = serve(source);
  await until(() => connection.sent.includes("CaughtUp"), 1000);
  connection.isFull = true;
  source.change(1);
  await until(() => source.asked.length === 1, 1000);
  source.change(2, 3);
  await nextTurn();
  await nextTurn();
  expect(source.asked).toEqual([1]);
  connection.isFull = false;
  served.onDrain();
  await until(() => source.asked.length === 3, 1000);
  expect(ends).toEqual([]);
  served.cut(undefined);
});

test("the queue overflows while a batch of the scan waits for its Ack", async () => {
  const source = new FakeSource(300);
  const { connection, ends } = serve(source, { pendingSlots: 10 });
  await until(() => connection.sent.includes("SlotBatch"), 1000);
  source.change(...Array.from({ length: 11 }, (_, slot) => slot));
  expect(decodeError(connection.written.at(-1)!.subarray(5))).toBe("events dropped, rescan required");
  expect(source.listeners).toBe(0);
  connection.receive(ACK);
  await nextTurn();
  expect(connection.sent).toEqual(["ShardInfo", "SlotBatch", "Error"]);
  connection.isDestroyed = false;
  connection.close();
  expect(ends).toEqual(["events dropped, rescan required"]);
});

test("Acks that come ahead let as many batches pass, and each batch's own lets one pass more", async () => {
  const source = new FakeSource(256 * 6);
  const { connection, served, ends } = serve(source);
  const batches = () => connection.sent.filter((name) => name === "SlotBatch").length;
  connection.receive(concat([ACK, ACK, ACK]));
  for (let sent = 4; sent <= 6; sent++) {
    await until(() => batches() === sent, 1000);
    await nextTurn();
    expect(batches()).toBe(sent);
    connection.receive(ACK);
  }
  await until(() => connection.sent.includes("CaughtUp"), 1000);
  expect(ends).toEqual([]);
  served.cut(undefined);
});

test("one that does not read gets no batch ahead; the drain sends them, and waits for no Ack", async () => {
  const source = new FakeSource(256 * 6);
  const { connection, served } = serve(source);
  connection.isFull = true;
  connection.receive(concat([ACK, ACK, ACK]));
  await until(() => connection.sent.includes("SlotBatch"), 1000);
  await nextTurn();
  expect(connection.sent).toEqual(["ShardInfo", "SlotBatch"]);
  connection.isFull = false;
  served.onDrain();
  await until(() => connection.sent.length === 5, 1000);
  served.cut(undefined);
});

test("one that does not read is cut in time, however much it acknowledges", async () => {
  const source = new FakeSource(256 * 6);
  const { connection, ends } = serve(source, { stallMs: 50, silenceMs: 5000 });
  connection.isFull = true;
  const acks = setInterval(() => connection.receive(ACK), 5);
  await until(() => ends.length === 1, 1000);
  clearInterval(acks);
  expect(ends).toEqual(["it does not read within 50 ms"]);
});

test("slots that the scan has still to pass do not fill the queue", async () => {
  const source = new FakeSource(1000);
  const { connection, served, ends } = serve(source, { pendingSlots: 10 });
  await until(() => connection.sent.includes("SlotBatch"), 1000);
  source.change(...Array.from({ length: 600 }, (_, i) => 300 + i), 5);
  for (let batches = 1; batches <= 4; batches++) {
    await until(() => connection.sent.filter((name) => name === "SlotBatch").length === batches, 1000);
    connection.receive(ACK);
  }
  await until(() => source.asked.length === 1001, 1000);
  expect(source.asked.at(-1)).toBe(5);
  expect(ends).toEqual([]);
  served.cut(undefined);
});

test("ends once, whatever ends it, and listens to the store no longer", async () => {
  const source = new FakeSource(300);
  const { connection, served, ends } = serve(source);
  await until(() => connection.sent.includes("SlotBatch"), 1000);
  expect(source.listeners).toBe(1);
  connection.close();
  served.cut("again");
  served.onClose();
  expect(ends).toEqual([undefined]);
  expect(source.listeners).toBe(0);
  expect(connection.isDestroyed).toBe(true);
});
