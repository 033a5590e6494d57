import { describe, expect, test } from "bun:test";

import {
  collectErrors,
  jobWords,
  overallState,
  scanWords,
  shardNames,
  shardState,
  shardSummary,
} from "../../../admin/page/words.js";
import type { ShardStatus } from "../../../src/replica/status.ts";
import type { Phase } from "../../../src/replication/phase.ts";
import { liveShard, liveStatus } from "../fake_follower.ts";

const NOW = 1_800_000_000_000;

function stateOf(phase: Phase, ageMs = 0, changes: Partial<ShardStatus> = {}) {
  const freshAtMs = NOW - ageMs;
  const shards = [liveShard({ freshAtMs: NOW }), liveShard({ shard: 1, phase, freshAtMs, ...changes })];
  const admin = { maxStalenessMs: [30_000, changes.catchUpOnly ? 120_000 : 30_000] };
  return overallState({ ...liveStatus({ phase, freshAtMs, shards }), admin }, NOW);
}

describe("overallState", () => {
  test.each<[Phase, number, string]>([
    ["live", 0, "Fresh"],
    ["live", 30_000, "Fresh"],
    ["live", 30_001, "Stale"],
    ["catching-up", 9000, "Fresh"],
    ["backing-off", 30_000, "Reconnecting"],
    ["backing-off", 30_001, "Stale"],
    ["connecting", 0, "Connecting"],
    ["paused", 0, "Paused"],
    ["diverged", 0, "Diverged"],
    ["stopped", 0, "Stopped"],
  ])("calls %s of %d ms: %s", (phase, ageMs, word) => expect(stateOf(phase, ageMs).word).toBe(word));

  test.each<[Phase, number, string]>([
    ["catch-up-only", 120_000, "Fresh"],
    ["catch-up-only", 120_001, "Stale"],
    ["catching-up", 120_000, "Fresh"],
    ["greeting", 70_000, "Fresh"],
    ["backing-off", 1000, "Reconnecting"],
    ["backing-off", 120_001, "Stale"],
  ])("where only scans keep it fresh, calls %s of %d ms: %s", (phase, ageMs, word) => {
    expect(stateOf(phase, ageMs, { catchUpOnly: true }).word).toBe(word);
  });

  test("tells a fresh copy that has gaps from one that has none", () => {
    const status = liveStatus({ complete: false, freshAtMs: NOW, shards: [liveShard({ freshAtMs: NOW })] });
    expect(overallState({ ...status, admin: { maxStalenessMs: [30_000] } }, NOW)).toMatchObject({
      word: "Fresh, incomplete",
      tone: "warn",
    });
  });

  test("says how old the copy is, and what the phase means", () => {
    expect(stateOf("backing-off", 200_000).detail).toBe(
      "Proven current 3 min 20 s ago. The link is lost and is tried again.",
    );
  });

  test("says so where nothing was ever proven", () => {
    expect(overallState(liveStatus({ phase: "catching-up", freshAtMs: null }), NOW)).toMatchObject({
      word: "Never caught up",
      detail: "The copy was never proven current. A whole scan of the leader is going on.",
    });
  });

  test("tells of slots that are not verified", () => {
    const slots = { total: 10, occupied: 3, deleted: 0, free: 7, unverified: 2 };
    expect(stateOf("live", 0, { slots }).detail).toContain(
      "2 slots not verified: a miss proves nothing there.",
    );
  });
});

describe("shards in words", () => {
  test("a live one that is not complete is in doubt", () => {
    expect(shardState(liveShard({ complete: false }))).toMatchObject({
      word: "Live, incomplete",
      tone: "warn",
    });
    expect(shardState(liveShard())).toMatchObject({ word: "Live", tone: "good", note: "" });
  });

  test("a scan is told in percent and slots", () => {
    expect(scanWords({ position: 4567, slots: 10_000 })).toBe("45 %, 4,567 of 10,000 slots");
    expect(scanWords({ position: 9999, slots: 10_000 })).toBe("99 %, 9,999 of 10,000 slots");
    expect(scanWords({ position: 1, slots: 1 })).toBe("100 %, 1 of 1 slot");
  });

  test("many are summed up, the most first", () => {
    const shards = [liveShard({ phase: "paused" }), liveShard(), liveShard()];
    expect(shardSummary(shards)).toBe("2 live, 1 paused");
  });

  test("their numbers are joined to ranges", () => {
    expect(shardNames([3])).toBe("Shard 3");
    expect(shardNames([0, 1, 2, 5, 7, 8])).toBe("Shards 0-2, 5, 7-8");
  });
});

describe("collectErrors", () => {
  const lost = { message: "lost", remedy: "reconnect", sinceMs: NOW } as const;

  test("tells the same of several shards once, since the first of them", () => {
    const shards = [
      liveShard({ shard: 0, error: lost }),
      liveShard({ shard: 1 }),
      liveShard({ shard: 2, error: { ...lost, sinceMs: NOW - 5 } }),
    ];
    expect(collectErrors(liveStatus({ shards }))).toEqual([{
      message: "lost",
      remedy: "reconnect",
      sinceMs: NOW - 5,
      where: "Shards 0, 2",
    }]);
  });

  test("begins with the follower's own, then the newest", () => {
    const shards = [
      liveShard({ shard: 0, error: { ...lost, message: "old", sinceMs: NOW - 9 } }),
      liveShard({ shard: 1, error: lost }),
    ];
    const error = { message: "gone", remedy: "stop", sinceMs: NOW - 99 } as const;
    expect(collectErrors(liveStatus({ shards, error })).map(({ message }) => message)).toEqual([
      "gone",
      "lost",
      "old",
    ]);
  });
});

describe("jobWords", () => {
  const job = {
    startedAtMs: NOW - 5000,
    endedAtMs: NOW - 2000,
    slots: 10,
    position: 10,
    damaged: 0,
    error: null,
  };

  test("tells how far, how it ended, and why it failed", () => {
    expect(jobWords("Verify", { ...job, endedAtMs: null, position: 5 }, NOW)).toBe(
      "Verify: 50 %, 5 of 10 slots",
    );
    expect(jobWords("Verify", job, NOW)).toBe("Verify done 2 s ago, in 3 s: 10 slots checked, none damaged");
    expect(jobWords("Verify", { ...job, damaged: 2 }, NOW)).toContain(
      "2 damaged, set aside and scanned again",
    );
    expect(jobWords("Backup", { ...job, path: "backups/one" }, NOW)).toBe(
      "Backup done 2 s ago, in 3 s: backups/one",
    );
    expect(jobWords("Backup", { ...job, error: "disk full" }, NOW)).toBe("Backup failed 2 s ago: disk full");
  });
});
