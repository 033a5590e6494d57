import { describe, expect, test } from "bun:test";

import { HEARTBEAT_FRAME } from "../../src/replication/protocol.ts";
import { type SessionOptions, type SessionPhase } from "../../src/replication/session.ts";
import { DEFAULT_TIMES } from "../../src/replication/times.ts";
import { batch, put, puts } from "../fakes/leader_frames.ts";

import { PHASES, Talk, talkIn } from "../fakes/talk.ts";

const DAY_MS = 86_400_000;

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
    expect([talk.wait(), talk.wait(), talk.wait()]).toEqual([
      [1, "send Ack"],
      [2, "send Heartbeat"],
      [2, "send Heartbeat"],
    ]);
  });
});

describe("the Ack of a streamed batch", () => {
  /** A batch comes and is applied. Answers what is done then, without `apply`. */
  function stream(talk: Talk, events: number): string {
    const first = talk.frame(batch(puts(events)));
    return `${first}, ${talk.said(talk.session.applied(talk.now))}`.replace(`apply ${events} stream, `, "");
  }

  test("goes when a nudge would, and the next nudge counts from it", () => {
    const talk = talkIn("live", { nudgeMs: 2 });
    expect(stream(talk, 255)).toBe("flush");
    expect([talk.wait(), talk.wait()]).toEqual([[2, "send Ack"], [2, "send Heartbeat"]]);
  });

  test("comes later while the stream is busy, until nothing came for so long", () => {
    const talk = talkIn("live", { nudgeMs: 2, times: { ...DEFAULT_TIMES, gatherMs: 5 } });
    const wait = (events: number) => {
      expect(stream(talk, events)).toBe("flush");
      return talk.wait();
    };
    expect([wait(16), wait(16), wait(15), wait(16), wait(16)].map(([ms]) => ms)).toEqual([2, 5, 2, 2, 5]);
    expect([talk.wait(), talk.wait()]).toEqual([[5, "send Heartbeat"], [2, "send Heartbeat"]]);
    expect(wait(16)).toEqual([2, "send Ack"]);
  });

  test("waits no longer than on a busy stream, however seldom nudges are", () => {
    const talk = talkIn("live", { nudgeMs: 60, times: { ...DEFAULT_TIMES, gatherMs: 5 } });
    expect(stream(talk, 1)).toBe("flush");
    expect([talk.wait(), talk.wait()]).toEqual([[5, "send Ack"], [60, "send Heartbeat"]]);
  });

  test("goes at once where the next batch is there already: this one was full, or the next one has come", () => {
    const talk = talkIn("live", { nudgeMs: 2 });
    expect(stream(talk, 256)).toBe("send Ack, flush");
    expect(stream(talk, 1)).toBe("flush");
    expect(stream(talk, 1)).toBe("send Ack, flush");
    expect(talk.wait()).toEqual([2, "send Ack"]);
  });

  test.each(
    [
      ["protocol 1", { version: 1, nudgeMs: 2 }, "send Ack, flush"],
      ["nudges off", { nudgeMs: undefined }, "send Ack, flush"],
      ["an Ack that promises the disk", { syncBatches: true, nudgeMs: 2 }, "flush, sync"],
    ] as [string, Partial<SessionOptions>, string][],
  )("is not held: %s", (_name, options, effects) => {
    expect(stream(talkIn("live", options), 1)).toBe(effects);
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
      ["30 full batches are not enough", [...full(30), 1], []],
      ["31 are 7,936 events: said where their run ends", [...full(31), 1, 1], [31]],
      ["not before, since drops may still come", full(60), []],
      ["a run that does not end is said each 63,488 events", full(500), [247, 495]],
      ["an unfull batch proves an empty queue", [...full(30), 255, ...full(30), 1], []],
      ["a run after an unfull batch counts anew", [...full(31), 1, ...full(31), 1], [31, 63]],
      ["an empty batch is unfull", [...full(31), 0], [31]],
    ] as [string, number[], number[]][],
  )("%s", (_name, sizes, expected) => expect(suspected(sizes)).toEqual(expected));

  test("a Heartbeat ends a run too: the leader sends it when it has nothing else", () => {
    const talk = talkIn("live");
    for (let i = 0; i < 31; i++) talk.frame(batch(puts(256)));
    expect(talk.frame(HEARTBEAT_FRAME)).toBe("suspect-drops");
    expect(talk.frame(HEARTBEAT_FRAME)).toBe("");
  });

  test("the batches of a scan are full without a meaning", () => {
    const talk = new Talk();
    talk.session.start(talk.now);
    talk.greet(20_000);
    for (let i = 0; i < 40; i++) {
      expect(talk.frame(batch(puts(256, { first: 256 * i })))).toBe(
        i % 4 === 3 ? "send Ack, apply 256 scan" : "apply 256 scan",
      );
    }
  });
});
