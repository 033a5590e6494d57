import { describe, expect, test } from "bun:test";
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";

import { createAdmin } from "../../admin/app.ts";
import { METRICS } from "../../admin/metric_definitions.ts";
import { PREFIX } from "../../admin/metric.ts";
import { Histogram } from "../../src/histogram.ts";
import { VERSION_NEAR_WRAP } from "../../src/fixed/meta.ts";
import { follow } from "../../src/replica/follow.ts";
import { TemporaryDirectory } from "../fakes/followed.ts";
import { putUser, startSmallLeader } from "../harness/small_leader.ts";
import { requireTool } from "../harness/tools.ts";
import { until } from "../harness/until.ts";
import { FakeFollower, liveShard, liveStatus } from "./fake_follower.ts";
import { type Requestable, validated } from "./validated.ts";

/** The series of a scrape, by their whole name: `slotcask_keys{shard="0"}`. */
async function scrape(app: Requestable): Promise<Map<string, number>> {
  const { status, headers, body } = await validated<string>(app, "/metrics");
  expect(status).toBe(200);
  expect(headers.get("content-type")).toBe("text/plain; version=0.0.4; charset=utf-8");
  const lines = body.split("\n").filter((line) => line !== "" && !line.startsWith("#"));
  return new Map(lines.map((line) => {
    const at = line.lastIndexOf(" ");
    return [line.slice(0, at), Number(line.slice(at + 1))] as const;
  }));
}

describe("a scrape", () => {
  test("has the values of the status", async () => {
    const follower = new FakeFollower();
    const shard = liveShard({
      applied: { occupied: 5, deleted: 2, reset: 1 },
      skipped: { same: 3, older: 4 },
      ends: { silent: 2 },
      rescans: { asked: 1 },
      slots: { total: 10, occupied: 4, deleted: 2, free: 4, unverified: 1 },
      received: { bytes: 900, batches: 8, events: 15 },
      freshAtMs: 1_700_000_000_500,
      maxVersion: 77,
    });
    follower.current = liveStatus({ shards: [shard, liveShard({ shard: 1, phase: "paused" })] });
    const series = await scrape(createAdmin(follower));
    const expected: Record<string, number> = {
      'events_applied_total{shard="0",kind="occupied"}': 5,
      'events_applied_total{shard="0",kind="reset"}': 1,
      'events_skipped_total{shard="0",reason="older"}': 4,
      'reconnects_total{shard="0",reason="silent"}': 2,
      'reconnects_total{shard="0",reason="error"}': 0,
      'rescans_total{shard="0",reason="asked"}': 1,
      'rescans_total{shard="0",reason="clock"}': 0,
      'slots{shard="0",status="occupied"}': 3,
      'slots{shard="0",status="unverified"}': 1,
      'received_bytes_total{shard="0"}': 900,
      'batches_total{shard="0"}': 8,
      'fresh_timestamp_seconds{shard="0"}': 1_700_000_000.5,
      'max_version{shard="0"}': 77,
      'version_near_wrap{shard="0"}': 0,
      'state{shard="0",state="live"}': 1,
      'state{shard="0",state="paused"}': 0,
      'state{shard="1",state="paused"}': 1,
      'catchup_position_slots{shard="0"}': 10,
      'catchup_slots{shard="0"}': 10,
      "ready": 0,
    };
    for (const [name, value] of Object.entries(expected)) {
      expect([name, series.get(PREFIX + name)]).toEqual([name, value]);
    }
  });

  test("has one state of each shard", async () => {
    const series = await scrape(createAdmin(new FakeFollower()));
    const states = [...series].filter(([name]) => name.startsWith(`${PREFIX}state{`));
    expect(states.length).toBe(9);
    expect(states.reduce((sum, [, value]) => sum + value, 0)).toBe(1);
  });

  test("is of one moment: it asks for one status", async () => {
    const follower = new FakeFollower();
    let asked = 0;
    const status = follower.status.bind(follower);
    follower.status = () => (asked++, status());
    await scrape(createAdmin(follower));
    expect(asked).toBe(1);
  });

  test("of two at a time has the values of its own", async () => {
    const follower = new FakeFollower();
    const app = createAdmin(follower);
    const first = scrape(app);
    follower.current = liveStatus({ v1Connections: 5 });
    const second = scrape(app);
    expect((await first).get("slotcask_v1_connections")).toBe(0);
    expect((await second).get("slotcask_v1_connections")).toBe(5);
  });

  test("tells how fresh the copy is from the first catch-up on, whatever comes", async () => {
    const follower = new FakeFollower();
    const app = createAdmin(follower);
    const name = 'slotcask_fresh_timestamp_seconds{shard="0"}';
    follower.current = liveStatus({ shards: [liveShard({ phase: "catching-up", freshAtMs: null })] });
    expect((await scrape(app)).has(name)).toBe(false);
    for (const phase of ["live", "backing-off", "paused", "diverged", "stopped"] as const) {
      follower.current = liveStatus({ shards: [liveShard({ phase, freshAtMs: 5000 })] });
      expect((await scrape(app)).get(name)).toBe(5);
    }
  });

  test("tells how far a scan is", async () => {
    const follower = new FakeFollower();
    const app = createAdmin(follower);
    const shards = [liveShard({ phase: "catching-up", freshAtMs: null, scan: { position: 4, slots: 40 } })];
    follower.current = liveStatus({ shards });
    const series = await scrape(app);
    expect(series.get('slotcask_catchup_position_slots{shard="0"}')).toBe(4);
    expect(series.get('slotcask_catchup_slots{shard="0"}')).toBe(40);
    follower.current = liveStatus({ shards: [liveShard({ phase: "connecting", freshAtMs: null })] });
    expect((await scrape(app)).get('slotcask_catchup_position_slots{shard="0"}')).toBe(0);
  });

  test("adds up a histogram's buckets", async () => {
    const durations = new Histogram();
    for (const ms of [0.02, 0.02, 3, 60_000]) durations.observe(ms);
    const follower = new FakeFollower();
    const seconds = { ...liveShard().seconds, sync: durations.snapshot() };
    follower.current = liveStatus({ shards: [liveShard({ seconds })] });
    const series = await scrape(createAdmin(follower));
    const bucket = (le: string) => series.get(`slotcask_fsync_seconds_bucket{shard="0",le="${le}"}`);
    expect(
      ["0.00001", "0.000025", "0.0025", "0.005", "2.5", "+Inf"].map((le) =>
        bucket(le) ?? bucket(String(+le))
      ),
    )
      .toEqual([0, 2, 2, 3, 3, 4]);
    expect(series.get('slotcask_fsync_seconds_count{shard="0"}')).toBe(4);
    expect(series.get('slotcask_fsync_seconds_sum{shard="0"}')).toBeCloseTo(60.00304, 9);
  });

  test("warns before versions wrap", async () => {
    const follower = new FakeFollower();
    for (const [maxVersion, isNear] of [[VERSION_NEAR_WRAP - 1, 0], [VERSION_NEAR_WRAP, 1]]) {
      follower.current = liveStatus({ shards: [liveShard({ maxVersion })] });
      expect((await scrape(createAdmin(follower))).get('slotcask_version_near_wrap{shard="0"}')).toBe(isNear);
    }
  });

  test("before the shape is known has no shards", async () => {
    const follower = new FakeFollower();
    follower.current = liveStatus({ phase: "connecting", shape: null, shards: [] });
    const series = await scrape(createAdmin(follower));
    expect(series.get("slotcask_ready")).toBe(0);
    expect([...series.keys()].some((name) => name.includes("shard="))).toBe(false);
  });
});

const promtool = requireTool("promtool");

describe("a real follower", () => {
  test.skipIf(promtool === undefined)("gives promtool nothing to find", async () => {
    using directory = new TemporaryDirectory();
    await using leader = await startSmallLeader();
    await using follower = await follow(leader.address, { dir: directory.of("replica") });
    await follower.caughtUp();
    const app = createAdmin(follower);
    putUser(leader.store, 1);
    const name = 'slotcask_events_applied_total{shard="0",kind="occupied"}';
    await until(async () => (await scrape(app)).get(name)! > 0, 3000);
    const text = await (await app.request("/metrics")).text();
    const { status, stdout, stderr } = spawnSync(promtool!, ["check", "metrics"], { input: text });
    expect(`${stdout}${stderr}`).toBe("");
    expect(status).toBe(0);
    for (const { name } of METRICS) expect(text).toContain(`# TYPE ${PREFIX}${name} `);
  });

  test("counts what came, in all shards", async () => {
    using directory = new TemporaryDirectory();
    await using leader = await startSmallLeader();
    await using follower = await follow(leader.address, { dir: directory.of("replica") });
    await follower.caughtUp();
    const app = createAdmin(follower);
    const series = await scrape(app);
    const sum = (prefix: string) =>
      [...series].reduce((total, [name, value]) => total + (name.startsWith(PREFIX + prefix) ? value : 0), 0);
    expect(sum("keys{")).toBe(100);
    expect(sum('events_applied_total{shard="0",kind="occupied"')).toBeGreaterThan(0);
    expect(sum("events_applied_total{")).toBe(100);
    expect(sum("apply_seconds_count{")).toBe(sum("batches_total{"));
    expect(series.get("slotcask_ready")).toBe(1);
    expect(sum("ack_seconds_count{")).toBe(0);
    putUser(leader.store, 1);
    const streamed = 'slotcask_ack_seconds_count{shard="0"}';
    await until(async () => (await scrape(app)).get(streamed) === 1, 3000);
  });
});

describe("docs/metrics.md", () => {
  const text = readFileSync(new URL("../../docs/metrics.md", import.meta.url), "utf8");

  test("describes each metric as it is", () => {
    const rows = [...text.matchAll(/^\| `(\w+)` *\| (\w+) *\| ([^|]*) \| ([^|]*) \|$/gm)].map((row) =>
      row.slice(1).map((cell) => cell.trim())
    );
    const described = METRICS.map(({ name, type, labels, help }) => [
      PREFIX + name,
      type,
      labels.map((label) => `\`${label}\``).join(", "),
      help,
    ]);
    expect(rows).toEqual(described);
  });

  test.each([
    ["`state`", 'state{shard="0",state="'],
    ["`kind`", 'events_applied_total{shard="0",kind="'],
    ["`reason` of a skipped event", 'events_skipped_total{shard="0",reason="'],
    ["`reason` of a reconnect", 'reconnects_total{shard="0",reason="'],
    ["`reason` of a rescan", 'rescans_total{shard="0",reason="'],
    ["`status` of a slot", 'slots{shard="0",status="'],
  ])("lists the values of %s", async (item, prefix) => {
    const series = await scrape(createAdmin(new FakeFollower()));
    const values = [...series.keys()].filter((name) => name.startsWith(PREFIX + prefix))
      .map((name) => name.slice(PREFIX.length + prefix.length, -2));
    const [, listed] = new RegExp(`^- ${item}: ([^.:]*)`, "m").exec(text)!;
    expect(listed.replaceAll(/\([^)]*\)/g, "").split(",").map((word) => word.trim())).toEqual(values);
  });

  test("names no other", () => {
    const known = new Set(METRICS.map(({ name }) => PREFIX + name));
    const named = [...text.matchAll(/\bslotcask_\w+/g)].map(([name]) =>
      name.replace(/_(bucket|sum|count)$/, "")
    );
    expect(named.filter((name) => !known.has(name))).toEqual([]);
  });
});
