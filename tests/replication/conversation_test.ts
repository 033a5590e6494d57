import { describe, expect, test } from "bun:test";

import { StorageError } from "../../src/errors.ts";
import { Conversation, type ConversationListener, type End } from "../../src/replication/conversation.ts";
import { DEFAULT_BACKOFF } from "../../src/replication/backoff.ts";
import { LinkCounters } from "../../src/replication/counters.ts";
import { type LinkSettings, type LinkShared, ProtocolChoice } from "../../src/replication/link_shared.ts";
import { DEFAULT_LIMITS } from "../../src/replication/limits.ts";
import { encodeCaughtUp, encodeError, HEARTBEAT_FRAME } from "../../src/replication/protocol.ts";
import { ScanGate } from "../../src/replication/scan_gate.ts";
import type { Session } from "../../src/replication/session.ts";
import { TimeSlice } from "../../src/time_slice.ts";
import { type FakeConnection, FakeNetwork } from "../fakes/fake_network.ts";
import { SHORT_TIMES } from "../fakes/fake_links.ts";
import { FakeTarget } from "../fakes/fake_target.ts";
import { batch, infoFrame, put, puts } from "../fakes/leader_frames.ts";
import { until } from "../harness/until.ts";
import { concat } from "./wire_samples.ts";

const CAUGHT_UP = encodeCaughtUp({ shard: 0, scanned: 0 });

/** A conversation over fakes. */
class Stage {
  readonly network = new FakeNetwork();
  readonly target = new FakeTarget();
  readonly counters = new LinkCounters();
  readonly heard: string[] = [];
  readonly talk: Conversation;
  end: End | undefined;
  onProgress: (session: Session) => void = () => {};

  constructor(settings: Partial<LinkSettings> = {}, options: { version?: 1 | 2; isSide?: boolean } = {}) {
    const listener: ConversationListener = {
      onConnected: () => {},
      onProgress: (session) => {
        this.heard.push(session.phase);
        this.onProgress(session);
      },
      onGreeted: () => void this.heard.push("greeted"),
      onFresh: () => void this.heard.push("fresh"),
      onScanned: () => void this.heard.push("scanned"),
      onSuspectDrops: () => void this.heard.push("suspect drops"),
    };
    this.talk = new Conversation(
      0,
      options.isSide ?? false,
      this.#shared(settings, options),
      this.counters,
      listener,
    );
    this.talk.ended.then((end) => this.end = end);
  }

  #shared(settings: Partial<LinkSettings>, { version = 2 }: { version?: 1 | 2 }): LinkShared {
    return {
      network: this.network,
      address: { host: "127.0.0.1", port: 9 },
      leader: "127.0.0.1:9",
      target: this.target,
      settings: {
        times: SHORT_TIMES,
        backoff: DEFAULT_BACKOFF,
        syncBatches: false,
        nudgeMs: () => undefined,
        limits: { ...DEFAULT_LIMITS, readAheadBytes: 4096 },
        ...settings,
      },
      versions: new ProtocolChoice(version),
      gate: new ScanGate(() => Infinity),
      slice: new TimeSlice(),
      now: () => performance.now(),
      random: Math.random,
      catchUpOnlyRescanMs: () => Infinity,
    };
  }

  async start(): Promise<FakeConnection> {
    this.talk.start();
    return await this.network.connection(0);
  }

  /** Runs to the live phase. */
  async live(): Promise<FakeConnection> {
    const connection = await this.start();
    connection.receive(infoFrame(), CAUGHT_UP);
    await until(() => this.talk.session?.phase === "live", 1000);
    return connection;
  }

  called(call: string): Promise<void> {
    return until(() => this.target.calls.includes(call), 1000, `"${call}" among ${this.target.calls}`);
  }
}

/** Lets all that is due in this and the next turns of the event loop happen. */
async function turns(count = 3): Promise<void> {
  for (let i = 0; i < count; i++) await new Promise((resolve) => setImmediate(resolve));
}

describe("the first batches of a process, which is not compiled yet", () => {
  const part = (first: number, count: number) => {
    const slots = Array.from({ length: count }, (_, i) => first + i).join(" ");
    return `apply 0 scan [${slots}] = [${Array(count).fill(1).join(" ")}]`;
  };

  test("are applied in parts, each in a turn of its own; the third at once", async () => {
    const stage = new Stage();
    const connection = await stage.start();
    connection.receive(infoFrame());
    for (let i = 1; i <= 3; i++) {
      const frame = batch(puts(40, { first: 40 * i }));
      connection.receive(frame);
      // The bytes were lent until it returned.
      frame.fill(0xee);
      await until(() => stage.counters.batches === i, 1000);
    }
    expect(stage.target.calls.filter((call) => call.startsWith("apply"))).toEqual([
      part(40, 32),
      part(72, 8),
      part(80, 32),
      part(112, 8),
      part(120, 40),
    ]);
    expect([stage.counters.events, stage.counters.apply.snapshot().count]).toEqual([120, 3]);
    stage.talk.end({ reason: "closed" });
  });

  test("are left where the link ends between two parts", async () => {
    const stage = new Stage();
    const connection = await stage.start();
    const { target } = stage;
    const apply = target.apply.bind(target);
    target.apply = (...given) => {
      stage.talk.end({ reason: "closed" });
      return apply(...given);
    };
    connection.receive(infoFrame());
    connection.receive(batch(puts(40, { first: 0 })));
    await stage.talk.ended;
    expect(target.calls.filter((call) => call.startsWith("apply"))).toEqual([part(0, 32)]);
  });

  test("whose disk fails in a part are applied no further, and what was is written", async () => {
    const stage = new Stage();
    const connection = await stage.start();
    stage.target.failures.set("apply", new StorageError("no"));
    connection.receive(infoFrame());
    connection.receive(batch(puts(40, { first: 0 })));
    expect((await stage.talk.ended).error).toMatchObject({ message: "no" });
    expect(stage.target.calls.slice(-2)).toEqual([part(0, 32), "flush 0"]);
  });
});

describe("a conversation", () => {
  test("greets, applies, acknowledges, judges, and is live", async () => {
    const stage = new Stage();
    const connection = await stage.start();
    connection.receive(infoFrame());
    await stage.called("beginScan 0 scan");
    connection.receive(batch([put(1), put(2)]));
    await until(() => connection.sent.includes("Ack"), 1000);
    connection.receive(CAUGHT_UP);
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
    expect(connection.sent).toEqual(["SyncRequest", "Ack", "Ack"]);
    expect(stage.counters).toMatchObject({ batches: 2, events: 3 });
    expect(stage.heard.indexOf("scanned")).toBeLessThan(stage.heard.indexOf("live"));
    expect(connection.isDestroyed).toBe(true);
  });

  test("lets the event loop run after 1 ms of work, however many pieces of data share a turn", async () => {
    const stage = new Stage();
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
    const stage = new Stage({ limits }, { version: 1 });
    const connection = await stage.start();
    connection.receive(infoFrame());
    await stage.called("beginScan 0 scan");
    const release = stage.target.hold("grow");
    connection.receive(batch([put(64)]));
    await until(() => connection.sent.includes("Ack"), 1000);
    const streamed = Array.from({ length: 12 }, (_, i) => batch(puts(30, { version: i + 2 })));
    connection.receive(CAUGHT_UP, ...streamed);
    await turns();
    expect([connection.isPaused, stage.counters.droppedFrames]).toEqual([false, 0]);
    release();
    await until(() => stage.target.calls.filter((call) => call.startsWith("apply")).length === 13, 1000);
    stage.talk.end({ reason: "closed" });
  });

  test("one byte at a time is the same", async () => {
    const stage = new Stage();
    const connection = await stage.start();
    const bytes = concat([infoFrame(), batch([put(1)]), batch([put(2)]), CAUGHT_UP, batch([put(1, 2)])]);
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
    const stage = new Stage();
    const connection = await stage.start();
    const release = stage.target.hold("endScan");
    connection.receive(infoFrame(), concat([CAUGHT_UP, batch([put(5, 3)]), batch([put(6, 4)])]));
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
    const stage = new Stage();
    const connection = await stage.live();
    const release = stage.target.hold("grow");
    connection.receive(concat([batch([put(1, 2)]), batch([put(70, 3)]), batch([put(1, 4)])]));
    await stage.called("grow 0 71");
    connection.receive(batch([put(2, 5)]), batch([put(71, 6)]));
    await turns();
    expect(connection.sent.filter((name) => name === "Ack")).toHaveLength(1);
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
    const stage = new Stage({ syncBatches: true });
    const connection = await stage.live();
    const release = stage.target.hold("sync");
    const synced = stage.target.count("sync 0");
    connection.receive(batch([put(1)]));
    await until(() => stage.target.count("sync 0") > synced, 1000);
    await turns();
    expect(connection.sent).toEqual(["SyncRequest"]);
    release();
    await until(() => connection.sent.includes("Ack"), 1000);
    stage.talk.end({ reason: "closed" });
  });
});

describe("the end of a conversation", () => {
  test("an Error frame right before a close tells why", async () => {
    const stage = new Stage();
    const connection = await stage.live();
    connection.receive(encodeError("events dropped, rescan required"));
    connection.close();
    expect((await stage.talk.ended).reason).toBe("dropped");
  });

  test("frames that wait for the store are all handled before the close counts", async () => {
    const stage = new Stage();
    const connection = await stage.live();
    const release = stage.target.hold("grow");
    connection.receive(batch([put(64, 2)]), batch([put(1, 3)]), encodeError("going down"));
    connection.close();
    await turns();
    expect(stage.end).toBeUndefined();
    release();
    expect((await stage.talk.ended).error?.message).toBe("The leader says: going down");
    expect(stage.target.calls).toContain("apply 0 stream [1] = [3]");
  });

  test("a close behind CaughtUp is a partial scan: nothing is judged", async () => {
    const stage = new Stage({ times: { ...SHORT_TIMES, settleMs: 1000 } });
    const connection = await stage.start();
    connection.receive(infoFrame(), CAUGHT_UP);
    await until(() => stage.heard.includes("settling"), 1000);
    connection.close();
    expect((await stage.talk.ended).reason).toBe("partial-scan");
    expect(stage.target.calls).toEqual(["beginScan 0 scan"]);
  });

  test("a close before ShardInfo, and at once", async () => {
    const stage = new Stage();
    (await stage.start()).close();
    expect((await stage.talk.ended).error?.message).toBe("The leader closed the connection (phase greeting)");
  });

  test("a leader that cannot be reached", async () => {
    const stage = new Stage();
    stage.network.mode = "refuse";
    stage.talk.start();
    expect((await stage.talk.ended).error).toMatchObject({
      name: "ConnectionError",
      message: "Cannot connect to 127.0.0.1:9: connect ECONNREFUSED 127.0.0.1:9",
      remedy: "reconnect",
    });
  });

  test("is not held up by a connection that is still being made", async () => {
    const stage = new Stage();
    stage.network.mode = "hang";
    stage.talk.start();
    stage.talk.end({ reason: "closed" });
    expect(await stage.talk.ended).toEqual({ reason: "closed" });
    await turns();
    expect(stage.network.connections).toEqual([]);
  });

  test("waits for the step of the store that is under way, and nothing of it comes through", async () => {
    const cases = [
      { step: "beginScan", call: "beginScan 0 scan", frames: [infoFrame()] },
      { step: "grow", call: "grow 0 71", frames: [infoFrame(), batch([put(70)])] },
      { step: "endScan", call: "endScan 0 scan", frames: [infoFrame(), CAUGHT_UP] },
      { step: "sync", call: "sync 0", frames: [infoFrame(), CAUGHT_UP] },
    ] as const;
    for (const { step, call, frames } of cases) {
      const stage = new Stage({ syncBatches: true });
      const connection = await stage.start();
      const release = stage.target.hold(step);
      connection.receive(...frames);
      await stage.called(call);
      const [heard, calls] = [stage.heard.length, stage.target.calls.length];
      const sent = [...connection.sent];
      stage.talk.end({ reason: "rescan" });
      await turns();
      expect(stage.end).toBeUndefined();
      release();
      expect(await stage.talk.ended).toEqual({ reason: "rescan" });
      expect(stage.heard.slice(heard)).toEqual([]);
      expect(stage.target.calls.slice(calls)).toEqual([]);
      expect(connection.sent).toEqual(sent);
    }
  });

  test("waits no longer than a moment for a disk that hangs", async () => {
    const stage = new Stage();
    const connection = await stage.start();
    const release = stage.target.hold("beginScan");
    connection.receive(infoFrame());
    await stage.called("beginScan 0 scan");
    stage.talk.end({ reason: "closed" });
    expect(await stage.talk.ended).toEqual({ reason: "closed" });
    release();
    await turns();
    expect(stage.heard).not.toContain("greeted");
  });

  test("may come from within what it tells, and leaves no timer behind", async () => {
    const stage = new Stage();
    stage.onProgress = ({ phase }) => {
      if (phase === "live") stage.talk.end({ reason: "closed" });
    };
    const connection = await stage.start();
    connection.receive(infoFrame(), CAUGHT_UP);
    expect(await stage.talk.ended).toEqual({ reason: "closed" });
  });
});

describe("what the store refuses", () => {
  test.each(["beginScan", "apply", "flush", "endScan"] as const)(
    "%s: the error is the end's",
    async (step) => {
      const stage = new Stage();
      const connection = await stage.start();
      const failure = new StorageError("Cannot write: No space left on device (ENOSPC)");
      stage.target.failures.set(step, failure);
      connection.receive(infoFrame(), batch([put(1)]), CAUGHT_UP);
      expect(await stage.talk.ended).toEqual({ reason: "error", error: failure });
    },
  );

  test("what was applied before a refusal still goes to the file", async () => {
    const stage = new Stage();
    const connection = await stage.start();
    stage.target.failures.set("apply", new Error("diverged"));
    connection.receive(infoFrame(), batch([put(1)]));
    await stage.talk.ended;
    expect(stage.target.calls.slice(-2)).toEqual(["apply 0 scan [1] = [1]", "flush 0"]);
  });
});

describe("reading ahead", () => {
  const many = Array.from({ length: 12 }, (_, i) => batch(puts(30, { version: i + 1 })));

  test("protocol 2: over the bound the connection pauses, and goes on", async () => {
    const stage = new Stage();
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
    const stage = new Stage({}, { version: 1 });
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
  const stage = new Stage();
  const connection = await stage.live();
  const storm = concat(new Array(20_000).fill(HEARTBEAT_FRAME));
  connection.receive(storm, batch([put(1)]));
  await stage.called("apply 0 stream [1] = [1]");
  stage.talk.end({ reason: "closed" });
  expect(connection.sent).toEqual(["SyncRequest", "Ack"]);
});

test("an Ack that is held goes by the timer, ahead of the next nudge", async () => {
  const stage = new Stage({ nudgeMs: () => 50 });
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
  const stage = new Stage({ nudgeMs: () => 1 });
  const connection = await stage.live();
  await until(() => connection.sent.filter((name) => name === "Heartbeat").length >= 5, 1000);
  stage.talk.end({ reason: "closed" });
});
