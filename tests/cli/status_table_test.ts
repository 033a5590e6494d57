import { describe, expect, test } from "bun:test";
import { Rates } from "../../src/cli/rate.ts";
import { statusTable } from "../../src/cli/status_table.ts";
import type { FollowerStatus, ShardStatus } from "../../src/replica/status.ts";

const NOW = Date.UTC(2026, 0, 2, 3, 4, 5);

function shard(id: number, changes: Partial<ShardStatus> = {}): ShardStatus {
  return {
    shard: id,
    phase: "live",
    keys: 1500,
    slots: { total: 4096, occupied: 1500, deleted: 0, free: 2596, unverified: 0 },
    freshAtMs: NOW - 400,
    wholeScanAtMs: NOW - 60_000,
    scan: null,
    received: { bytes: 0, batches: 0, events: 0 },
    error: null,
    ...changes,
  } as ShardStatus;
}

function status(changes: Partial<FollowerStatus> = {}): FollowerStatus {
  return {
    leader: "leader:9100",
    dir: "./replica",
    phase: "live",
    protocol: 2,
    shape: { shardCount: 2, keyLength: 8, valueLength: 16, prefixBits: 0 },
    keys: 3000,
    complete: true,
    freshAtMs: NOW - 400,
    verify: null,
    backup: null,
    startedAtMs: NOW - 7_500_000,
    error: null,
    shards: [shard(0), shard(1)],
    ...changes,
  } as FollowerStatus;
}

function table(changes: Partial<FollowerStatus> = {}, mostShards?: number): string {
  return statusTable({ status: status(changes), rates: new Rates(), nowMs: NOW }, { mostShards }).join("\n");
}

describe("statusTable", () => {
  test("tells all at a glance", () => {
    expect(statusTable({ status: status(), rates: new Rates(), nowMs: NOW })).toEqual([
      "state      live: changes arrive as they are made",
      "fresh      0.4 s ago",
      "keys       3,000, complete: a miss proves absence",
      "rate       0 events/s",
      "leader     leader:9100, protocol 2",
      "directory  ./replica: 2 shards of 8+16 bytes",
      "running    for 2 h 5 min",
      "",
      "shard  state      fresh   keys  events/s  slots  unverified               scan",
      "    0   live  0.4 s ago  1,500         0  4,096           0  whole 1 min 0 s ago",
      "    1   live  0.4 s ago  1,500         0  4,096           0  whole 1 min 0 s ago",
    ].map((line, index) => index === 8 ? expect.stringMatching(/^shard +state +fresh +keys +events/) : line));
  });

  test("measures the rate from one look to the next, in all and by shard", () => {
    const rates = new Rates();
    const received = (events: number) => ({ bytes: 0, batches: 0, events });
    const look = (events: number, nowMs: number) =>
      statusTable({
        status: status({ shards: [shard(0), shard(1, { received: received(events) })] }),
        rates,
        nowMs,
      }).join("\n");
    look(100, NOW);
    const second = look(2100, NOW + 1000);
    expect(second).toContain("rate       2,000 events/s");
    expect(second).toMatch(/^ +1 +live +1\.4 s ago +1,500 +2,000 /m);
    expect(second).toMatch(/^ +0 +live +1\.4 s ago +1,500 +0 /m);
  });

  test("says how far a scan is, and never 100 %", () => {
    const shards = [
      shard(0, { phase: "catching-up", scan: { position: 41, slots: 100 } }),
      shard(1, { phase: "catching-up", scan: { position: 100, slots: 100 } }),
    ];
    const text = table({ phase: "catching-up", shards, complete: false, freshAtMs: null });
    expect(text).toContain("state      catching up: the leader sends all its slots");
    expect(text).toContain("fresh      never yet");
    expect(text).toContain("incomplete: a miss proves nothing yet");
    expect(text).toMatch(/^ +0 +catching-up .*41% of 100 slots$/m);
    expect(text).toMatch(/^ +1 +catching-up .*99% of 100 slots$/m);
  });

  test("tells errors with since when, and those that shards share once", () => {
    const error = {
      message: "Cannot connect to\nleader",
      remedy: "reconnect",
      sinceMs: NOW - 65_000,
    } as const;
    const shards = [
      shard(0, { error }),
      shard(1, { error }),
      shard(2, { error: { ...error, message: "other" } }),
    ];
    expect(table({ shards }).split("\n").slice(-2)).toEqual([
      "shard 0 and 1 more: Cannot connect to leader (since 2026-01-02T03:03:00Z, 1 min 5 s)",
      "shard 2: other (since 2026-01-02T03:03:00Z, 1 min 5 s)",
    ]);
  });

  test("lists the shards that are worst off where there are more than fit", () => {
    const shards = Array.from(
      { length: 20 },
      (_, id) => shard(id, id === 17 ? { phase: "backing-off" } : {}),
    );
    const lines = table({ shards }, 3).split("\n").slice(-4);
    expect(lines.map((line) => line.trim().split(/ +/)[0])).toEqual(["0", "1", "17", "and"]);
    expect(lines.at(-1)).toBe("and 17 shards more, no worse off than these");
  });

  test("tells how a verify and a backup go, or ended", () => {
    const begun = { startedAtMs: NOW - 3000, endedAtMs: null, slots: 200, position: 50, error: null };
    const ended = { ...begun, endedAtMs: NOW - 1000, position: 200 };
    const running = table({ verify: { ...begun, damaged: 0 }, backup: { ...begun, path: "b/1", bytes: 5 } });
    expect(running).toContain("verify     25% of 200 slots");
    expect(running).toContain("backup     25% of 200 slots into b/1");
    const over = table({ verify: { ...ended, damaged: 2 }, backup: { ...ended, path: "b/1", bytes: 5000 } });
    expect(over).toContain("verify     done 1.0 s ago: 200 slots, 2 damaged: a rescan brings them again");
    expect(over).toContain("backup     done 1.0 s ago: 200 slots, 5,000 bytes in b/1");
    expect(table({ verify: { ...ended, damaged: 0, error: "stopped" } })).toContain(
      "failed 1.0 s ago: stopped",
    );
  });
});
