import { describe, expect, test } from "bun:test";
import { bar, formatCount, statusLines, summedLine, type View } from "../../src/cli/progress.ts";
import { Rates } from "../../src/cli/rate.ts";
import type { Phase } from "../../src/replication/phase.ts";
import { type FollowerStatus, leastPhase, type ShardStatus } from "../../src/replica/status.ts";

interface ShardChanges {
  phase?: Phase;
  scan?: { position: number; slots: number };
  whole?: number;
  events?: number;
  total?: number;
  error?: string;
}

function shard(id: number, changes: ShardChanges = {}): ShardStatus {
  const { phase = "catching-up", scan, whole = 0, events = 0, total = 0, error } = changes;
  return {
    shard: id,
    phase,
    keys: 1234,
    slots: { total, occupied: 0, deleted: 0, free: 0, unverified: 0 },
    scan: scan ?? null,
    scans: { whole, side: 0 },
    received: { bytes: 0, batches: 0, events },
    error: error === undefined ? null : { message: error, remedy: "reconnect" },
  } as ShardStatus;
}

function view(
  shards: ShardStatus[],
  { rates = new Rates(), nowMs = 10_000, freshAtMs = null as number | null } = {},
): View {
  const phase = leastPhase(shards.map(({ phase }) => phase));
  const status = { phase, keys: 2468, freshAtMs, error: null, shards } as unknown as FollowerStatus;
  return { status, rates, nowMs };
}

/** The lines of the second of two views, a second apart: so that there are rates. */
function linesAfter(first: ShardStatus[], second: ShardStatus[]): string[] {
  const rates = new Rates();
  statusLines(view(first, { rates, nowMs: 10_000 }));
  return statusLines(view(second, { rates, nowMs: 11_000 }));
}

describe("statusLines while catching up", () => {
  test("draws a bar per shard: position, slots, rate, time left", () => {
    const lines = linesAfter(
      [shard(0, { scan: { position: 0, slots: 400_000 } }), shard(1, { scan: { position: 0, slots: 10 } })],
      [
        shard(0, { scan: { position: 100_000, slots: 400_000 } }),
        shard(1, { scan: { position: 1, slots: 10 } }),
      ],
    );
    expect(lines).toEqual([
      "shard 0  ██████░░░░░░░░░░░░░░░░░░  25%  100,000 of 400,000 slots, 100,000/s, 3.0 s left",
      "shard 1  ██░░░░░░░░░░░░░░░░░░░░░░  10%  1 of 10 slots, 1/s, 9.0 s left",
    ]);
  });

  test("says what a shard that waits does, and that one is done", () => {
    const lines = statusLines(view([
      shard(0, { phase: "live", whole: 1 }),
      shard(1, { scan: { position: 5, slots: 10 } }),
      shard(2, { phase: "connecting" }),
    ]));
    expect(lines[0]).toBe(`shard 0  ${"█".repeat(24)} 100%  caught up, 1,234 keys`);
    expect(lines[2]).toBe(`shard 2  ${"░".repeat(24)}   0%  connecting`);
  });

  test("without a rate there is no time left, and no division by nothing", () => {
    const [line] = statusLines(view([shard(0, { scan: { position: 0, slots: 0 } })]));
    expect(line).toBe(`shard 0  ${"░".repeat(24)}   0%  0 of 0 slots, 0/s`);
  });

  test("100 % is for CaughtUp alone to say", () => {
    const [line] = statusLines(view([shard(0, { scan: { position: 10, slots: 10 } })]));
    expect(line).toContain(" 99%");
  });

  test("8 shards have bars of their own, 9 share one with the count", () => {
    const shards = (count: number) =>
      Array.from(
        { length: count },
        (_, id) =>
          id < 2
            ? shard(id, { phase: "live", whole: 1, total: 100 })
            : shard(id, { scan: { position: 50, slots: 100 } }),
      );
    expect(statusLines(view(shards(8)))).toHaveLength(8);
    const lines = statusLines(view(shards(9)));
    expect(lines).toEqual([`2 of 9 shards  ${bar(550 / 900, 24)}  61%  550 of 900 slots, 0/s`]);
    expect(summedLine(view(shards(9)))).toBe(lines[0]);
  });

  test("shards whose turn has not come count with as many slots as the others", () => {
    const shards = Array.from(
      { length: 20 },
      (_, id) =>
        id < 4 ? shard(id, { scan: { position: 50, slots: 100 } }) : shard(id, { phase: "connecting" }),
    );
    expect(statusLines(view(shards))).toEqual([
      `0 of 20 shards  ${bar(0.1, 24)}  10%  200 of 2,000 slots, 0/s`,
    ]);
  });

  test("fits into 80 columns, with a shorter bar", () => {
    const scan = { position: 500_000, slots: 1_000_000 };
    const [line] = statusLines({ ...view([shard(0, { scan })]), columns: 80 });
    expect(line).toBe(`shard 0  ${bar(0.5, 10)}  50%  500,000 of 1,000,000 slots, 0/s`);
  });

  test("shard numbers are aligned, so that the bars are", () => {
    const columns = statusLines(view(Array.from({ length: 8 }, (_, id) => shard(id)))).map((line) =>
      line.indexOf("░")
    );
    expect(new Set(columns).size).toBe(1);
  });
});

describe("statusLines else", () => {
  test("is one line: phase, keys, events/s, age", () => {
    const rates = new Rates();
    const shards = (
      events: number,
    ) => [shard(0, { phase: "live", whole: 1, events }), shard(1, { phase: "live", whole: 1 })];
    statusLines(view(shards(1000), { rates, nowMs: 10_000, freshAtMs: 10_000 }));
    expect(statusLines(view(shards(2500), { rates, nowMs: 11_000, freshAtMs: 10_900 }))).toEqual([
      "live   2,468 keys   1,500 events/s   fresh 0.1 s ago",
    ]);
  });

  test("says why it is not live", () => {
    const shards = [
      shard(0, { phase: "backing-off", error: "Cannot connect" }),
      shard(1, { phase: "live", whole: 1 }),
    ];
    expect(statusLines(view(shards))).toEqual([
      "backing-off   2,468 keys   0 events/s   never fresh yet   Cannot connect",
    ]);
  });
});

describe("bar", () => {
  test.each([[-1, "░░░░"], [0, "░░░░"], [0.5, "██░░"], [1, "████"], [2, "████"]])(
    "%d is %s",
    (share, text) => {
      expect(bar(share, 4)).toBe(text);
    },
  );
});

describe("formatCount", () => {
  test.each([[0, "0"], [999.6, "1,000"], [1_234_567, "1,234,567"]])("%d is %s", (count, text) => {
    expect(formatCount(count)).toBe(text);
  });
});
