import { describe, expect, test } from "bun:test";

import { readiness } from "../../admin/readiness.ts";
import type { FollowerStatus, ShardStatus } from "../../src/replica/status.ts";
import { liveShard, liveStatus } from "./fake_follower.ts";

const NOW = 1_800_000_000_000;
const ERROR = { message: "Cannot connect", remedy: "reconnect", sinceMs: NOW } as const;

/** The reasons against a status, with one shard that is `ageMs` old. */
function reasons(
  shard: Partial<ShardStatus>,
  { ageMs = 0, maxStalenessMs, ...status }:
    & { ageMs?: number; maxStalenessMs?: number }
    & Partial<FollowerStatus> = {},
): string[] {
  const shards = [liveShard({ freshAtMs: NOW - ageMs, ...shard })];
  return readiness(liveStatus({ shards, ...status }), { maxStalenessMs }, NOW).map(({ code }) => code);
}

describe("a copy is ready", () => {
  test("while it is live", () => expect(reasons({})).toEqual([]));
  test("without a leader, until it is too old", () => {
    expect(reasons({ phase: "backing-off", error: ERROR }, { ageMs: 30_000 })).toEqual([]);
    expect(reasons({ phase: "backing-off", error: ERROR }, { ageMs: 30_001 })).toEqual(["stale"]);
  });
  test("during a rescan", () => {
    expect(reasons({ phase: "catching-up", scan: { position: 1, slots: 10 } }, { ageMs: 5000 })).toEqual([]);
  });
});

describe("a copy is not ready", () => {
  test("before the first catch-up", () => {
    expect(reasons({ phase: "catching-up", freshAtMs: null })).toEqual(["not-caught-up"]);
  });
  test("before the shape is known", () => expect(reasons({}, { shards: [] })).toEqual(["not-caught-up"]));
  test("when it was paused", () =>
    expect(reasons({ phase: "paused" }, { paused: true })).toEqual(["paused"]));
  test("when it stopped for good", () => {
    expect(reasons({ phase: "stopped" }, { phase: "stopped", error: ERROR })).toEqual(["stopped"]);
  });
  test("when it diverged", () => expect(reasons({ phase: "diverged" })).toEqual(["diverged"]));
  test("when a miss proves nothing", () => expect(reasons({ complete: false })).toEqual(["incomplete"]));
  test("with slots that cannot be trusted", () => {
    expect(reasons({ slots: { total: 9, occupied: 4, deleted: 0, free: 5, unverified: 1 } })).toEqual([
      "unverified",
    ]);
  });
  test("for each reason that holds", () => {
    const held = reasons({ phase: "diverged", complete: false }, { ageMs: 31_000, paused: true });
    expect(held).toEqual(["paused", "diverged", "stale", "incomplete"]);
  });
});

describe("where only scans keep a shard fresh", () => {
  const scanFed: Partial<ShardStatus> = { phase: "catch-up-only", catchUpOnly: true };

  test("it may be two rescan intervals old", () => {
    expect(reasons(scanFed, { ageMs: 120_000 })).toEqual([]);
    expect(reasons(scanFed, { ageMs: 120_001 })).toEqual(["stale"]);
    expect(reasons(scanFed, { ageMs: 10_001, rescanIntervalMs: 5000 })).toEqual(["stale"]);
  });
  test("it may be so in whatever phase: no scan is later than it may be before that", () => {
    for (const phase of ["connecting", "greeting", "catching-up", "backing-off"] as const) {
      expect(reasons({ phase, catchUpOnly: true }, { ageMs: 70_000 })).toEqual([]);
      expect(reasons({ phase, catchUpOnly: false }, { ageMs: 70_000 })).toEqual(["stale"]);
    }
  });
  test("an age that was asked for holds all the same", () => {
    expect(reasons(scanFed, { ageMs: 40_000, maxStalenessMs: 30_000 })).toEqual(["stale"]);
  });
  test("without rescans it is as old as any", () => {
    expect(reasons(scanFed, { ageMs: 30_001, rescanIntervalMs: null })).toEqual(["stale"]);
  });
});

test("a reason names its shard and the figures, and not the error behind it", () => {
  const [fresh, stale] = [NOW, NOW - 45_000].map((freshAtMs, shard) =>
    liveShard({ shard, freshAtMs, error: ERROR })
  );
  const reasons = readiness(liveStatus({ shards: [fresh, stale] }), { maxStalenessMs: undefined }, NOW);
  expect(reasons).toEqual([{
    code: "stale",
    message: "45000 ms old, 30000 are allowed; phase live",
    shard: 1,
  }]);
});
