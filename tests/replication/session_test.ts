import { describe, expect, test } from "bun:test";

import {
  ConnectionError,
  LeaderError,
  ProtocolError,
  ProtocolVersionError,
  ShapeError,
} from "../../src/errors.ts";
import {
  encodeAck,
  encodeError,
  encodeSyncRequest,
  HEARTBEAT_FRAME,
} from "../../src/replication/protocol.ts";
import { type SessionOptions, type SessionPhase } from "../../src/replication/session.ts";
import { batch, caughtUp, infoFrame, put, reset } from "../fakes/leader_frames.ts";
import { concat, rawFrame } from "./wire_samples.ts";

import { PHASES, Talk, talkIn } from "../fakes/talk.ts";
import { thrownBy } from "../harness/failures.ts";

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
    caughtUp(),
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

  test("lets the leader go ahead: Acks with the figures of the store, in one write, before the first batch", () => {
    const talk = new Talk();
    talk.session.start(talk.now);
    talk.frame(infoFrame());
    const [effect, ...others] = talk.session.greeted(16, talk.now);
    const ack = encodeAck({ shard: 0, applied: 7, maxVersion: 9 });
    expect(effect).toEqual({ type: "send", frame: concat(new Array(7).fill(ack)) });
    expect(others).toEqual([]);
  });

  test("acknowledges four batches of a scan in one write, with the figures of the store, before the last is applied", () => {
    const talk = talkIn("catching-up");
    for (let slot = 0; slot < 8; slot++) {
      expect(talk.frame(batch([put(slot)]))).toBe(slot % 4 === 3 ? "send Ack, apply 1 scan" : "apply 1 scan");
      expect(talk.said(talk.session.applied(talk.now))).toBe("flush-later");
    }
    const acks = talk.effects.filter((effect) => effect.type === "send");
    const ack = encodeAck({ shard: 0, applied: 7, maxVersion: 9 });
    expect(acks.map(({ frame }) => frame)).toEqual([
      concat([ack, ack, ack, ack]),
      concat([ack, ack, ack, ack]),
    ]);
    expect(talk.session.received).toEqual({ frames: 9, batches: 8, events: 8 });
    expect(talk.acks.snapshot().count).toBe(0);
  });

  test("acknowledges an empty batch, which moves nothing", () => {
    const talk = talkIn("catching-up");
    talk.frame(batch([put(9)]));
    expect(talk.frame(batch([]))).toBe("apply 0 scan");
    expect(talk.session.scanPosition).toBe(10);
    expect(talk.said(talk.session.applied(talk.now))).toBe("flush-later");
    const applied = talk.effects.at(-2)!;
    expect(applied.type === "apply" && applied.highestSlot).toBe(-1);
  });

  test("a side scan writes each batch at once: nothing else would", () => {
    const talk = talkIn("catching-up", { side: true });
    talk.frame(batch([put(9)]));
    expect(talk.said(talk.session.applied(talk.now))).toBe("flush");
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
    expect(said.flatMap((effects, i) => effects === "flush-later, sync" ? [i] : [])).toEqual([63, 127]);
    expect(said.filter((effects) => effects === "flush-later")).toHaveLength(128);
    talk.caughtUp();
    expect(talk.wait()).toEqual([250, "sync"]);
    expect(talk.said(talk.session.synced(talk.now))).toBe("judge");
    talk.session.judged(talk.now);
    expect(talk.session.phase).toBe("live");
  });

  test.each([[3, "the leader sent 3 events, 2 came"], [1, "the leader sent 1 events, 2 came"]])(
    "a scan of 2 events that the leader says had %d is not whole",
    (scanned, message) => {
      const talk = talkIn("catching-up");
      talk.frame(batch([put(1), put(2)]));
      expect(talk.frame(caughtUp(scanned))).toBe("end partial-scan");
      const end = talk.effects.at(-1)!;
      expect(end.type === "end" && end.error).toBeInstanceOf(ConnectionError);
      expect(end.type === "end" && end.error?.message).toBe(`The scan is not whole: ${message}`);
      expect(talk.session.phase).toBe("ended");
    },
  );

  test("a batch right behind CaughtUp waits for the judgement", () => {
    const talk = talkIn("settling");
    expect(talk.session.mustJudgeFirst).toBe(true);
    expect(talk.said(talk.session.judgeNow())).toBe("judge");
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
      ["another shard's CaughtUp", {}, caughtUp(0, 2), "shard_id is 2, expected 0"],
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
    talk.session.judgeNow();
    expect(talk.session.closed().reason).toBe("closed");
  });
});
