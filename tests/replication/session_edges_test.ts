import { expect, test } from "bun:test";
import { DEFAULT_TIMES } from "../../src/replication/times.ts";
import { batch, infoFrame, put } from "../fakes/leader_frames.ts";
import { Talk, talkIn } from "../fakes/talk.ts";

test("protocol 1: a batch alone tells that the leader streams, and the session stays live", () => {
  const talk = talkIn("live", { version: 1 });
  expect(talk.session.hasStreamed).toBe(false);
  talk.frame(batch([put(3)]));
  talk.session.applied(talk.now);
  expect(talk.session.hasStreamed).toBe(true);
  talk.now += DEFAULT_TIMES.catchUpOnlyMs;
  expect(talk.said(talk.session.tick(talk.now))).toBe("");
  expect(talk.session.phase).toBe("live");
});

test("the silence of a scan counts from the moment at which the store was ready for it", () => {
  const talk = new Talk();
  talk.session.start(talk.now);
  talk.frame(infoFrame());
  const early = talk.now + DEFAULT_TIMES.silenceMs;
  talk.now += 10_000;
  talk.session.greeted(64, talk.now);
  expect(talk.session.deadline).toBeGreaterThanOrEqual(early + 10_000);
});

test("a leader has its time to say more from CaughtUp on, however long the scan took", () => {
  const talk = new Talk().greet();
  talk.now += 5000;
  talk.caughtUp();
  expect(talk.session.deadline).toBe(talk.now + DEFAULT_TIMES.settleMs);
});

test("protocol 1: the stream has its time to begin from the judgement's end on, however long that took", () => {
  const talk = new Talk({ version: 1 }).greet().caughtUp();
  expect(talk.said(talk.session.judgeNow())).toBe("judge");
  talk.now += 5000;
  talk.session.judged(talk.now);
  expect(talk.session.deadline).toBe(talk.now + DEFAULT_TIMES.catchUpOnlyMs);
});
