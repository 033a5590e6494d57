import { describe, expect, test } from "bun:test";

import { DEFAULT_LIMITS } from "../../src/replication/limits.ts";
import { HEARTBEAT_FRAME } from "../../src/replication/protocol.ts";
import { ConversationStage, turns } from "../fakes/conversation_stage.ts";
import { GREETED } from "../fakes/fake_network.ts";
import { batch, caughtUp, infoFrame, put, puts } from "../fakes/leader_frames.ts";
import { until } from "../harness/until.ts";
import { concat } from "./wire_samples.ts";

describe("a conversation", () => {
  test("greets, applies, acknowledges, judges, and is live", async () => {
    const stage = new ConversationStage();
    const connection = await stage.start();
    connection.receive(infoFrame());
    await stage.called("beginScan 0 scan");
    connection.receive(batch([put(1), put(2)]));
    await stage.called("apply 0 scan [1 2] = [1 1]");
    connection.receive(caughtUp(2));
    await until(() => stage.heard.includes("live"), 1000);
    connection.receive(batch([put(3, 2)]));
    await stage.called("apply 0 stream [3] = [2]");
    stage.talk.end({ reason: "closed" });
    await stage.talk.ended;
    expect(stage.target.calls).toEqual([
      "beginScan 0 scan",
      "apply 0 scan [1 2] = [1 1]",
      "flushLater 0",
      "endScan 0 scan",
      "apply 0 stream [3] = [2]",
      "flush 0",
    ]);
    expect(connection.sent).toEqual([...GREETED, "Ack"]);
    expect(stage.counters).toMatchObject({ batches: 2, events: 3 });
    expect(stage.heard.indexOf("scanned")).toBeLessThan(stage.heard.indexOf("live"));
    expect(connection.isDestroyed).toBe(true);
  });

  test("lets the event loop run after 1 ms of work, however many pieces of data share a turn", async () => {
    const stage = new ConversationStage();
    const connection = await stage.live();
    const { target } = stage;
    const apply = target.apply;
    target.apply = (...given) => {
      const end = performance.now() + 0.3;
      while (performance.now() < end);
      return apply.apply(target, given);
    };
    for (let version = 2; version < 32; version++) connection.receive(batch([put(1, version)]));
    const applied = () => target.calls.filter((call) => call.startsWith("apply")).length;
    expect(applied()).toBeLessThanOrEqual(4);
    await until(() => applied() === 30, 1000);
    stage.talk.end({ reason: "closed" });
  });

  test("protocol 1: a stream behind the last batch of a scan, which waits for room, does not stop the socket", async () => {
    const limits = { ...DEFAULT_LIMITS, readAheadBytes: 1 << 20, readAheadEvents: 64 };
    const stage = new ConversationStage({ limits }, { version: 1 });
    const connection = await stage.start();
    connection.receive(infoFrame());
    await stage.called("beginScan 0 scan");
    const release = stage.target.hold("grow");
    connection.receive(batch([put(64)]));
    await stage.called("grow 0 65");
    const streamed = Array.from({ length: 12 }, (_, i) => batch(puts(30, { version: i + 2 })));
    connection.receive(caughtUp(1), ...streamed);
    await turns();
    expect([connection.isPaused, stage.counters.droppedFrames]).toEqual([false, 0]);
    release();
    await until(() => stage.target.calls.filter((call) => call.startsWith("apply")).length === 13, 1000);
    stage.talk.end({ reason: "closed" });
  });

  test("one byte at a time is the same", async () => {
    const stage = new ConversationStage();
    const connection = await stage.start();
    const bytes = concat([infoFrame(), batch([put(1)]), batch([put(2)]), caughtUp(2), batch([put(1, 2)])]);
    for (const byte of bytes) connection.receive(Uint8Array.of(byte));
    await stage.called("apply 0 stream [1] = [2]");
    stage.talk.end({ reason: "closed" });
    expect(stage.target.calls.filter((call) => !call.startsWith("flush"))).toEqual([
      "beginScan 0 scan",
      "apply 0 scan [1] = [1]",
      "apply 0 scan [2] = [1]",
      "endScan 0 scan",
      "apply 0 stream [1] = [2]",
    ]);
  });

  test("a batch right behind CaughtUp is judged first, and survives the wait", async () => {
    const stage = new ConversationStage();
    const connection = await stage.start();
    const release = stage.target.hold("endScan");
    connection.receive(infoFrame(), concat([caughtUp(), batch([put(5, 3)]), batch([put(6, 4)])]));
    await stage.called("endScan 0 scan");
    connection.receive(batch([put(7, 5)]));
    expect(stage.target.calls.some((call) => call.startsWith("apply"))).toBe(false);
    release();
    await stage.called("apply 0 stream [7] = [5]");
    stage.talk.end({ reason: "closed" });
    expect(stage.target.calls.filter((call) => call.startsWith("apply"))).toEqual([
      "apply 0 stream [5] = [3]",
      "apply 0 stream [6] = [4]",
      "apply 0 stream [7] = [5]",
    ]);
    expect(stage.heard).toContain("fresh");
  });

  test("growth in the middle of a stream keeps order and loses nothing", async () => {
    const stage = new ConversationStage();
    const connection = await stage.live();
    const release = stage.target.hold("grow");
    connection.receive(concat([batch([put(1, 2)]), batch([put(70, 3)]), batch([put(1, 4)])]));
    await stage.called("grow 0 71");
    connection.receive(batch([put(2, 5)]), batch([put(71, 6)]));
    await turns();
    expect(connection.sent).toEqual([...GREETED, "Ack"]);
    release();
    await stage.called("apply 0 stream [71] = [6]");
    stage.talk.end({ reason: "closed" });
    expect(stage.target.calls.filter((call) => call.startsWith("apply"))).toEqual([
      "apply 0 stream [1] = [2]",
      "apply 0 stream [70] = [3]",
      "apply 0 stream [1] = [4]",
      "apply 0 stream [2] = [5]",
      "apply 0 stream [71] = [6]",
    ]);
  });

  test("live, with sync batch, the Ack waits for the disk", async () => {
    const stage = new ConversationStage({ syncBatches: true });
    const connection = await stage.live();
    const release = stage.target.hold("sync");
    const synced = stage.target.count("sync 0");
    connection.receive(batch([put(1)]));
    await until(() => stage.target.count("sync 0") > synced, 1000);
    await turns();
    expect(connection.sent).toEqual(GREETED);
    release();
    await until(() => connection.sent.length > GREETED.length, 1000);
    stage.talk.end({ reason: "closed" });
  });
});

describe("reading ahead", () => {
  const many = Array.from({ length: 12 }, (_, i) => batch(puts(30, { version: i + 1 })));

  test("protocol 2: over the bound the connection pauses, and goes on", async () => {
    const stage = new ConversationStage();
    const connection = await stage.live();
    const release = stage.target.hold("grow");
    connection.receive(batch([put(64)]), ...many);
    await turns();
    expect(connection.isPaused).toBe(true);
    release();
    await until(() => !connection.isPaused, 1000);
    await until(() => stage.counters.batches === 13, 1000);
    stage.talk.end({ reason: "closed" });
    expect(stage.counters.droppedFrames).toBe(0);
  });

  test("protocol 1 while live: over the bound frames are dropped, counted, and a scan is asked for", async () => {
    const stage = new ConversationStage({}, { version: 1 });
    const connection = await stage.live();
    const release = stage.target.hold("grow");
    connection.receive(batch([put(64)]), ...many);
    await turns();
    expect(connection.isPaused).toBe(false);
    expect(stage.heard).toContain("suspect drops");
    release();
    connection.receive(batch([put(1, 99)]));
    await stage.called("apply 0 stream [1] = [99]");
    stage.talk.end({ reason: "closed" });
    expect(stage.counters.droppedFrames).toBeGreaterThan(0);
    expect(stage.counters.batches + stage.counters.droppedFrames).toBe(14);
  });
});

test("a storm of Heartbeats is answered by none", async () => {
  const stage = new ConversationStage();
  const connection = await stage.live();
  const storm = concat(new Array(20_000).fill(HEARTBEAT_FRAME));
  connection.receive(storm, batch([put(1)]));
  await stage.called("apply 0 stream [1] = [1]");
  stage.talk.end({ reason: "closed" });
  expect(connection.sent).toEqual([...GREETED, "Ack"]);
});

test("an Ack that is held goes by the timer, ahead of the next nudge", async () => {
  const stage = new ConversationStage({ nudgeMs: () => 50 });
  const connection = await stage.live();
  const before = connection.sent.length;
  connection.receive(batch([put(1)]));
  await stage.called("flush 0");
  expect(connection.sent.slice(before)).toEqual([]);
  await until(() => connection.sent.length > before, 1000);
  expect(connection.sent.slice(before)).toEqual(["Ack"]);
  stage.talk.end({ reason: "closed" });
});

test("nudges go out while live and idle, and stop with the end", async () => {
  const stage = new ConversationStage({ nudgeMs: () => 1 });
  const connection = await stage.live();
  await until(() => connection.sent.filter((name) => name === "Heartbeat").length >= 5, 1000);
  stage.talk.end({ reason: "closed" });
});
