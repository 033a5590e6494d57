import { describe, expect, test } from "bun:test";

import { LeaderError, ProtocolError, ProtocolVersionError, ShapeError } from "../../src/errors.ts";
import { Framer } from "../../src/replication/framer.ts";
import {
  encodeAck,
  encodeCaughtUp,
  encodeError,
  encodeSyncRequest,
  type FrameType,
  frameTypeName,
  HEARTBEAT_FRAME,
} from "../../src/replication/protocol.ts";
import {
  type Effect,
  Session,
  type SessionOptions,
  type SessionPhase,
} from "../../src/replication/session.ts";
import { DEFAULT_TIMES } from "../../src/replication/times.ts";
import { batch, infoFrame, put, puts, reset } from "../fakes/leader_frames.ts";
import { rawFrame, thrownBy } from "./wire_samples.ts";

/** A session with a clock of its own; what it wants done comes out as words. */
class Talk {
  now = 1000;
  readonly session: Session;
  readonly effects: Effect[] = [];

  constructor(options: Partial<SessionOptions> = {}) {
    this.session = new Session({
      shard: 0,
      version: 2,
      emptyState: false,
      side: false,
      syncBatches: false,
      nudgeMs: undefined,
      times: DEFAULT_TIMES,
      progress: () => ({ applied: 7, maxVersion: 9 }),
      ...options,
    }, this.now);
  }

  said(effects: readonly Effect[]): string {
    this.effects.push(...effects);
    return effects.map(words).join(", ");
  }

  frame(bytes: Uint8Array): string {
    const framer = new Framer();
    framer.push(bytes);
    return this.said(this.session.frame(framer.next()!, this.now));
  }

  /** The deadline comes. Answers how long it took, and what is done then. */
  wait(): [ms: number, effects: string] {
    const ms = this.session.deadline - this.now;
    this.now = this.session.deadline;
    return [ms, this.said(this.session.tick(this.now))];
  }

  greet(slotCount = 64): this {
    this.frame(infoFrame({ slotCount }));
    this.session.greeted(slotCount, this.now);
    return this;
  }

  caughtUp(): this {
    this.frame(CAUGHT_UP);
    return this;
  }

  judged(): this {
    this.session.judgeNow(this.now);
    this.session.judged(this.now);
    return this;
  }
}

const CAUGHT_UP = encodeCaughtUp({ shard: 0, scanned: 1 });
const DAY_MS = 86_400_000;

function words(effect: Effect): string {
  if (effect.type === "send") return `send ${frameTypeName(effect.frame[0] as FrameType)}`;
  if (effect.type === "apply") return `apply ${effect.events.count} ${effect.source}`;
  if (effect.type === "end") return `end ${effect.reason}`;
  return effect.type;
}

/** A session that has come to a phase, and waits for nothing. */
function talkIn(phase: SessionPhase, options: Partial<SessionOptions> = {}): Talk {
  const talk = new Talk({ ...(phase === "catch-up-only" ? { version: 1 } : {}), ...options });
  talk.session.start(talk.now);
  if (phase === "greeting") return talk;
  talk.greet();
  if (phase === "catching-up") return talk;
  talk.caughtUp();
  if (phase === "settling") return talk;
  talk.judged();
  if (phase === "catch-up-only") talk.wait();
  return talk;
}

/** What a frame does in a phase, in words; an error by class and message. */
function outcome(phase: SessionPhase, frame: Uint8Array): string {
  const talk = talkIn(phase);
  expect(talk.session.phase).toBe(phase);
  try {
    const effects = talk.frame(frame);
    return `${effects || "nothing"} -> ${talk.session.phase}`;
  } catch (error) {
    return `${(error as Error).name}: ${(error as Error).message}`;
  }
}

const PHASES: SessionPhase[] = ["greeting", "catching-up", "settling", "live", "catch-up-only"];
const onlyOnce = (frame: string, right: string) => (phase: SessionPhase) =>
  `ProtocolError: Cannot accept ${frame} in phase ${phase}: it comes once, in phase ${right}`;

/** Every input in every phase. */
const TABLE: [frame: string, bytes: Uint8Array, expected: (phase: SessionPhase) => string][] = [
  [
    "ShardInfo",
    infoFrame(),
    (phase) => phase === "greeting" ? "greet -> greeting" : onlyOnce("ShardInfo", "greeting")(phase),
  ],
  ["SlotBatch", batch([put(3)]), (phase) =>
    ({
      greeting: "ProtocolError: Cannot accept SlotBatch in phase greeting: ShardInfo comes first",
      "catching-up": "apply 1 scan -> catching-up",
      // The link asks mustJudgeFirst before it hands this one in.
      settling: "apply 1 stream -> settling",
      live: "apply 1 stream -> live",
      "catch-up-only": "apply 1 stream -> live",
      ended: "",
    })[phase]],
  [
    "CaughtUp",
    CAUGHT_UP,
    (phase) => phase === "catching-up" ? "nothing -> settling" : onlyOnce("CaughtUp", "catching-up")(phase),
  ],
  ["Heartbeat", HEARTBEAT_FRAME, (phase) => `nothing -> ${phase === "catch-up-only" ? "live" : phase}`],
  ["Error", encodeError("no"), () => "end error -> ended"],
  [
    "SyncRequest",
    encodeSyncRequest({ shard: 0, version: 2, emptyState: false }),
    (phase) => `ProtocolError: Cannot accept SyncRequest from a leader in phase ${phase}`,
  ],
  [
    "Ack",
    encodeAck({ shard: 0, applied: 1, maxVersion: 1 }),
    (phase) => `ProtocolError: Cannot accept Ack from a leader in phase ${phase}`,
  ],
];

describe("every frame in every phase", () => {
  for (const [name, bytes, expected] of TABLE) {
    test.each(PHASES)(`${name} in %s`, (phase) => {
      expect(outcome(phase, bytes)).toBe(expected(phase));
    });
  }
});

describe("the order of a session", () => {
  test("starts with a SyncRequest that says what is held", () => {
    for (const emptyState of [true, false]) {
      const talk = new Talk({ shard: 5, version: 1, emptyState });
      const [effect] = talk.session.start(talk.now);
      const expected = encodeSyncRequest({ shard: 5, version: 1, emptyState });
      expect(effect.type === "send" && effect.frame).toEqual(expected);
    }
  });

  test("acknowledges every batch, with the figures of the store, before the file write", () => {
    const talk = talkIn("catching-up");
    for (let slot = 0; slot < 3; slot++) {
      expect(talk.frame(batch([put(slot)]))).toBe("apply 1 scan");
      expect(talk.said(talk.session.applied(talk.now))).toBe("send Ack, flush");
    }
    const acks = talk.effects.filter((effect) => effect.type === "send");
    expect(acks[2].frame).toEqual(encodeAck({ shard: 0, applied: 7, maxVersion: 9 }));
    expect(talk.session.received).toEqual({ frames: 4, batches: 3, events: 3 });
  });

  test("acknowledges an empty batch, which moves nothing", () => {
    const talk = talkIn("catching-up");
    talk.frame(batch([put(9)]));
    expect(talk.frame(batch([]))).toBe("apply 0 scan");
    expect(talk.session.scanPosition).toBe(10);
    expect(talk.said(talk.session.applied(talk.now))).toBe("send Ack, flush");
    const applied = talk.effects.at(-3)!;
    expect(applied.type === "apply" && applied.highestSlot).toBe(-1);
  });

  test("sync batch: live, the Ack waits for the disk", () => {
    const talk = talkIn("live", { syncBatches: true });
    expect(talk.frame(batch([put(1)]))).toBe("apply 1 stream");
    expect(talk.said(talk.session.applied(talk.now))).toBe("flush, sync");
    expect(talk.said(talk.session.synced(talk.now))).toBe("send Ack");
    expect(talk.said(talk.session.synced(talk.now))).toBe("");
  });

  test("sync batch: catching up, one sync every 64 batches and one before caught up", () => {
    const talk = talkIn("catching-up", { syncBatches: true });
    const said = Array.from({ length: 130 }, (_, slot) => {
      if (slot < 60) talk.frame(batch([put(slot)]));
      return talk.said(talk.session.applied(talk.now));
    });
    expect(said.flatMap((effects, i) => effects === "send Ack, flush, sync" ? [i] : [])).toEqual([63, 127]);
    expect(said.filter((effects) => effects === "send Ack, flush")).toHaveLength(128);
    talk.caughtUp();
    expect(talk.wait()).toEqual([250, "sync"]);
    expect(talk.said(talk.session.synced(talk.now))).toBe("judge");
    talk.session.judged(talk.now);
    expect(talk.session.phase).toBe("live");
  });

  test("a batch right behind CaughtUp waits for the judgement", () => {
    const talk = talkIn("settling");
    expect(talk.session.mustJudgeFirst).toBe(true);
    expect(talk.said(talk.session.judgeNow(talk.now))).toBe("judge");
    expect(talk.session.mustJudgeFirst).toBe(false);
    expect(talk.session.deadline).toBe(Infinity);
    talk.session.judged(talk.now);
    expect(talk.frame(batch([put(1)]))).toBe("apply 1 stream");
    expect(talk.session.phase).toBe("live");
  });

  test("a side scan goes by versions and ends when it was judged", () => {
    const talk = talkIn("catching-up", { side: true, version: 1 });
    expect(talk.frame(batch([put(1)]))).toBe("apply 1 side");
    talk.caughtUp();
    expect(talk.wait()).toEqual([250, "judge"]);
    expect(talk.said(talk.session.judged(talk.now))).toBe("end scanned");
  });
});

describe("deadlines", () => {
  test.each(
    [
      ["greeting", {}, 10_000, "end silent"],
      ["settling", {}, 250, "judge"],
      // 64 slots of 32 bytes add next to nothing to the 15 s.
      ["catching-up", {}, 15_000 + 64 * 32 / 50_000, "end silent"],
      ["live", { nudgeMs: undefined }, 5000, "send Heartbeat"],
      ["live", { nudgeMs: 2 }, 2, "send Heartbeat"],
      ["live", { version: 1, nudgeMs: 2 }, 6000, ""],
    ] as [SessionPhase, Partial<SessionOptions>, number, string][],
  )("%s with %o: the next thing after %d ms is '%s'", (phase, options, ms, effects) => {
    const talk = talkIn(phase, options);
    const [waited, said] = talk.wait();
    expect(waited).toBeCloseTo(ms, 6);
    expect(said).toBe(effects);
  });

  test("greeting ends 10 s after the begin, whatever else comes", () => {
    const talk = talkIn("greeting");
    talk.now += 9000;
    talk.frame(HEARTBEAT_FRAME);
    expect(talk.wait()).toEqual([1000, "end silent"]);
  });

  test("the scan of free slots gets its time", () => {
    const talk = new Talk();
    talk.session.start(talk.now);
    talk.greet(10_000_000);
    expect(talk.session.deadline - talk.now).toBe(15_000 + 10_000_000 * 32 / 50_000);
    talk.now += 20_000;
    talk.frame(batch([put(1)]));
    expect(talk.session.deadline - talk.now).toBe(15_000 + 6400);
  });

  test("an early tick does nothing", () => {
    for (const phase of PHASES) {
      const talk = talkIn(phase);
      if (talk.session.deadline === Infinity) continue;
      expect(talk.said(talk.session.tick(talk.session.deadline - 1e-3))).toBe("");
      expect(talk.session.phase).toBe(phase);
    }
  });

  test("protocol 2: silent for 15 s while live, and Heartbeats of ours are not hearing", () => {
    const talk = talkIn("live");
    const said = [talk.wait(), talk.wait(), talk.wait()];
    expect(said.map(([ms]) => ms)).toEqual([5000, 5000, 5000]);
    expect(said[2][1]).toBe("send Heartbeat, end silent");
    const end = talk.effects.at(-1)!;
    expect(end.type === "end" && end.error?.message).toBe(
      "The leader said nothing for 15000 ms (phase live)",
    );
  });

  test("protocol 1: catch-up-only after 6 s without a frame, and nothing is sent before or after", () => {
    const talk = talkIn("live", { version: 1, nudgeMs: 2 });
    expect(talk.wait()).toEqual([6000, ""]);
    expect(talk.session.phase).toBe("catch-up-only");
    expect(talk.session.deadline).toBe(Infinity);
    expect(talk.said(talk.session.tick(talk.now + DAY_MS))).toBe("");
    expect(talk.session.phase).toBe("catch-up-only");
  });

  test("protocol 1: a frame proves the stream; then 60 s of silence end it", () => {
    const talk = talkIn("live", { version: 1 });
    talk.now += 5000;
    expect(talk.frame(HEARTBEAT_FRAME)).toBe("");
    expect(talk.session.hasStreamed).toBe(true);
    expect(talk.session.deadline - talk.now).toBe(DEFAULT_TIMES.heartbeatV1Ms - 5000);
    const said = [talk.wait(), talk.wait()];
    expect(said.map(([, effects]) => effects)).toEqual(["send Heartbeat", "end silent"]);
    expect(talk.now - 6000).toBe(60_000);
  });

  test("protocol 1: a Heartbeat before the settling is over proves the stream too", () => {
    const talk = talkIn("settling", { version: 1 });
    talk.frame(HEARTBEAT_FRAME);
    expect(talk.wait()).toEqual([250, "judge"]);
    talk.session.judged(talk.now);
    expect(talk.session.deadline - talk.now).toBeGreaterThan(6000);
  });

  test("a Heartbeat is never answered, however many come", () => {
    for (const phase of PHASES) {
      const talk = talkIn(phase);
      for (let i = 0; i < 1000; i++) expect(talk.frame(HEARTBEAT_FRAME)).toBe("");
      expect(talk.effects.filter((effect) => effect.type === "send" && effect.frame[0] === 6)).toEqual([]);
    }
  });

  test("nudges: only protocol 2, live and idle", () => {
    for (const phase of ["greeting", "catching-up", "settling"] as const) {
      expect(talkIn(phase, { nudgeMs: 2 }).session.deadline - 1000).toBeGreaterThan(100);
    }
    const talk = talkIn("live", { nudgeMs: 2 });
    talk.now += 1.5;
    talk.frame(batch([put(1)]));
    expect(talk.session.deadline - talk.now).toBe(2);
    talk.now += 1;
    talk.session.applied(talk.now);
    expect(talk.session.deadline - talk.now).toBe(2);
    expect([talk.wait(), talk.wait()]).toEqual([[2, "send Heartbeat"], [2, "send Heartbeat"]]);
  });
});

describe("suspected drops", () => {
  /** Streams batches of so many events; answers in which of them drops were suspected. */
  function suspected(sizes: number[]): number[] {
    const talk = talkIn("live");
    return sizes.flatMap((size, i) => {
      const said = talk.frame(batch(puts(size)));
      return said.startsWith("suspect-drops, apply") ? [i] : [];
    });
  }
  const full = (count: number) => new Array<number>(count).fill(256);

  test.each(
    [
      ["30 full batches are not enough", full(30), []],
      ["31 are 7,936 events, and say it once", full(60), [30]],
      ["an unfull batch proves an empty queue", [...full(30), 255, ...full(30)], []],
      ["a run after an unfull batch counts anew", [...full(31), 1, ...full(31)], [30, 62]],
      ["an empty batch is unfull", [...full(30), 0, ...full(30)], []],
    ] as [string, number[], number[]][],
  )("%s", (_name, sizes, expected) => expect(suspected(sizes)).toEqual(expected));

  test("the batches of a scan are full without a meaning", () => {
    const talk = new Talk();
    talk.session.start(talk.now);
    talk.greet(20_000);
    for (let i = 0; i < 40; i++) {
      expect(talk.frame(batch(puts(256, { first: 256 * i })))).toBe("apply 256 scan");
    }
  });
});

describe("slots", () => {
  const SLACK = 65_536;
  test.each([[64 + SLACK - 1, true], [64 + SLACK, false], [4_294_967_295, false]])(
    "slot %d with 64 known: %s",
    (slot, isFine) => {
      for (const phase of ["catching-up", "live"] as const) {
        const talk = talkIn(phase);
        const act = () => talk.frame(batch([put(1), put(slot)]));
        if (isFine) expect(act()).toContain("apply 2");
        else {
          expect(act).toThrow(ProtocolError);
          expect(act).toThrow(`Cannot apply SlotBatch: slot_id is ${slot}, and 64 slots are known`);
        }
      }
    },
  );

  test("the bound follows the highest slot seen, and the store's own slots", () => {
    const talk = talkIn("live");
    talk.frame(batch([put(SLACK)]));
    talk.frame(batch([put(2 * SLACK)]));
    expect(() => talk.frame(batch([put(3 * SLACK + 1)]))).toThrow(`and ${2 * SLACK + 1} slots are known`);
    const grown = new Talk();
    grown.session.start(0);
    grown.frame(infoFrame({ slotCount: 64 }));
    grown.session.greeted(100_000, 0);
    expect(grown.frame(batch([put(160_000)]))).toBe("apply 1 scan");
  });

  test("slots of a scan ascend, within a batch and from one to the next; the position follows", () => {
    const talk = talkIn("catching-up");
    talk.frame(batch([put(3), put(7)]));
    expect(talk.session.scanPosition).toBe(8);
    const events = talk.session.received.events;
    expect(() => talk.frame(batch([put(8), put(7)]))).toThrow(ProtocolError);
    expect(talk.session.received.events).toBe(events);
    const again = talkIn("catching-up");
    again.frame(batch([put(3)]));
    expect(() => again.frame(batch([put(3)]))).toThrow("slot_id is 3, and the scan is at 4");
  });

  test("slots of a stream come in any order", () => {
    expect(talkIn("live").frame(batch([put(9), put(2), put(2, 2)]))).toBe("apply 3 stream");
  });

  test("CaughtUp is the end of the scan position", () => {
    const talk = talkIn("catching-up");
    talk.frame(batch([put(3)]));
    talk.caughtUp();
    expect(talk.session.scanPosition).toBe(64);
  });
});

describe("Error frames", () => {
  test.each([
    ["events dropped, rescan required", "dropped", LeaderError, "events dropped, rescan required"],
    ["shard already streaming", "already-streaming", LeaderError, "shard already streaming"],
    [
      "protocol version mismatch: leader 1, follower 2",
      "version-mismatch",
      ProtocolVersionError,
      "protocol version is 1 at the leader, and 2 here",
    ],
    ["the disk is on fire", "error", LeaderError, "The leader says: the disk is on fire"],
    ["", "error", LeaderError, "The leader says: "],
  ])("'%s' is %s", (message, reason, kind, text) => {
    for (const phase of PHASES) {
      const talk = talkIn(phase, { version: 2 });
      expect(talk.frame(encodeError(message))).toBe(`end ${reason}`);
      const end = talk.effects.at(-1)!;
      if (end.type !== "end") throw new Error("unreachable");
      expect(end.error).toBeInstanceOf(kind);
      expect(end.error?.message).toContain(text);
      expect(talk.session.phase).toBe("ended");
    }
  });

  test("'invalid shard_id' stops", () => {
    const error = thrownBy(() => talkIn("greeting").frame(encodeError("invalid shard_id")));
    expect(error).toBeInstanceOf(ShapeError);
    expect(error).toMatchObject({ remedy: "stop", message: "Cannot follow: the leader has no shard 0" });
  });
});

describe("what a leader must not send", () => {
  test.each(
    [
      ["another shard's batch", {}, batch([put(1)], 3), "shard_id is 3, expected 0"],
      ["another shard's CaughtUp", {}, encodeCaughtUp({ shard: 2, scanned: 0 }), "shard_id is 2, expected 0"],
      [
        "a reset under protocol 1",
        { version: 1 },
        batch([reset(1, 1)]),
        "hold at most 0 events",
      ],
      ["a later reset under protocol 1", { version: 1 }, batch([put(0), reset(1, 1)]), "event 1 of 2 is 0"],
      ["a short CaughtUp", {}, rawFrame(4, new Uint8Array(8)), "payload length is 8, the least is 9"],
      ["a short SlotBatch", {}, rawFrame(3, new Uint8Array(4)), "payload length is 4, the least is 5"],
      ["a count without events", {}, rawFrame(3, Uint8Array.of(0, 1, 0, 0, 0)), "count is 1"],
    ] as [string, Partial<SessionOptions>, Uint8Array, string][],
  )("%s", (_name, options, frame, message) => {
    const error = thrownBy(() => talkIn("catching-up", options).frame(frame));
    expect(error).toBeInstanceOf(ProtocolError);
    expect(error).toMatchObject({ remedy: "reconnect" });
    expect(error.message).toMatch(new RegExp(message));
  });

  test("a shard that the leader does not have", () => {
    const talk = new Talk({ shard: 4 });
    expect(() => talk.frame(infoFrame({ shardCount: 4 }))).toThrow(
      "Cannot follow shard 4: shard count is 4 at the leader",
    );
  });

  test("a short ShardInfo", () => {
    expect(() => new Talk().frame(rawFrame(2, new Uint8Array(11)))).toThrow(
      "payload length is 11, the least is 12",
    );
  });
});

describe("the connection closes", () => {
  test.each(
    [["greeting", "closed"], ["catching-up", "closed"], ["settling", "partial-scan"], [
      "live",
      "closed",
    ]] as const,
  )("in %s: %s", (phase, reason) => {
    const talk = talkIn(phase);
    expect(talk.session.closed().reason).toBe(reason);
    expect(talk.session.phase).toBe("ended");
  });

  test("while the scan is judged it was whole", () => {
    const talk = talkIn("settling");
    talk.session.judgeNow(talk.now);
    expect(talk.session.closed().reason).toBe("closed");
  });
});
