import { describe, expect, test } from "bun:test";
import { readdirSync } from "node:fs";

import { createAdmin } from "../../admin/app.ts";
import type { AdminFollower } from "../../admin/follower_port.ts";
import type { AuditEntry } from "../../admin/options.ts";
import { lead, openStore } from "../../src/open_store.ts";
import { follow } from "../../src/replica/follow.ts";
import type { FollowerStatus } from "../../src/replica/status.ts";
import { Followed, NOBODY, TemporaryDirectory } from "../fakes/followed.ts";
import { type SmallLeader, startSmallLeader } from "../harness/small_leader.ts";
import { until } from "../harness/until.ts";
import { checkSchema, type Validated, validated } from "./validated.ts";

/** A leader, a real follower that caught up, and its admin. */
class Stage implements AsyncDisposable {
  readonly directory = new TemporaryDirectory();
  readonly entries: AuditEntry[] = [];
  leader!: SmallLeader;
  followed!: Followed;
  app!: ReturnType<typeof createAdmin>;

  static async start(): Promise<Stage> {
    const stage = new Stage();
    stage.leader = await startSmallLeader();
    stage.followed = await Followed.start(stage.leader.address, stage.directory.of("replica"), {
      connectTimeoutMs: 300,
    });
    await stage.followed.follower.caughtUp();
    const audit = (entry: AuditEntry) => stage.entries.push(entry);
    const backupDir = stage.directory.of("backups");
    stage.app = createAdmin(stage.followed.follower, { allowActions: true, backupDir, audit });
    return stage;
  }

  post(action: string, body?: unknown): Promise<Validated> {
    const init = { headers: { "content-type": "application/json" }, body: JSON.stringify(body) };
    return validated(this.app, `/v1/${action}`, { method: "POST", ...body === undefined ? {} : init });
  }

  async status(): Promise<FollowerStatus> {
    return (await validated<FollowerStatus>(this.app, "/status")).body;
  }

  async isReady(): Promise<boolean> {
    return (await validated(this.app, "/readyz")).status === 200;
  }

  /** Waits for the second line of the audit. */
  async ended(): Promise<AuditEntry> {
    await until(() => this.entries.length > 1, 4000);
    return this.entries[1];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.followed[Symbol.asyncDispose]();
    await this.leader[Symbol.asyncDispose]();
    this.directory[Symbol.dispose]();
  }
}

describe("the admin of a real follower", () => {
  test("shows it as it is", async () => {
    await using stage = await Stage.start();
    expect(await stage.isReady()).toBe(true);
    expect(await stage.status()).toMatchObject({ leader: stage.leader.address, keys: 100, complete: true });
    const [key, value] = stage.followed.follower.entries().next().value!;
    const { status, body } = await validated(stage.app, `/v1/keys/${key.toHex()}`);
    expect([status, body]).toMatchObject([200, { value: value.toHex() }]);
    const page = await validated<{ entries: unknown[] }>(stage.app, "/v1/keys?limit=10");
    expect(page.body.entries.length).toBe(10);
  });

  test("before it reaches a leader is up, and not ready", async () => {
    using directory = new TemporaryDirectory();
    const store = await openStore(directory.of("replica"), {
      ...{ shardCount: 2, keyLength: 8, valueLength: 16, prefixBits: 0 },
    });
    await store.close();
    await using follower = await follow(NOBODY, { dir: directory.of("replica"), sync: "none" });
    const app = createAdmin(follower);
    expect((await validated(app, "/healthz")).status).toBe(200);
    const { status, body } = await validated<{ reasons: { code: string; shard: number }[] }>(app, "/readyz");
    expect(status).toBe(503);
    const reasons = body.reasons.map(({ code, shard }) => `${code} ${shard}`);
    expect(reasons).toEqual(["not-caught-up 0", "incomplete 0", "not-caught-up 1", "incomplete 1"]);
    await validated(app, "/status");
  });

  test("shows its slots by region", async () => {
    await using stage = await Stage.start();
    const [shard] = (await stage.status()).shards;
    const { status, body } = await validated<{ regions: Record<string, number>[] }>(
      stage.app,
      "/v1/slots/0?regions=7",
    );
    expect(status).toBe(200);
    const sum = (field: string) => body.regions.reduce((total, region) => total + region[field], 0);
    expect(sum("slots")).toBe(shard.slots.total);
    expect(sum("occupied")).toBe(shard.slots.occupied);
  });

  test.each([
    ["/v1/slots/2", 404, "no-such-shard"],
    ["/v1/slots/-1", 400, "bad-shard"],
    ["/v1/slots/x", 400, "bad-shard"],
    ["/v1/slots/0?regions=0", 400, "bad-regions"],
    ["/v1/slots/0?regions=4097", 400, "bad-regions"],
    ["/v1/slots/0?regions=1e3", 400, "bad-regions"],
  ])("refuses %s", async (path, status, code) => {
    await using stage = await Stage.start();
    const answer = await validated(stage.app, path);
    expect([answer.status, answer.body]).toMatchObject([status, { error: { code } }]);
  });

  test("after its end says so, and is still up", async () => {
    await using stage = await Stage.start();
    await stage.followed.follower.close();
    expect((await validated(stage.app, "/healthz")).status).toBe(200);
    const { body } = await validated<{ reasons: { code: string }[] }>(stage.app, "/readyz");
    expect(body.reasons[0].code).toBe("stopped");
    expect((await stage.status()).phase).toBe("stopped");
    for (const action of ["rescan", "pause", "resume", "verify", "backup"]) {
      const answer = await stage.post(action);
      expect([action, answer.status, answer.body]).toMatchObject([action, 503, {
        error: { code: "closed" },
      }]);
    }
    expect((await validated(stage.app, "/v1/keys/0011223344556677")).status).toBe(503);
    expect((await validated(stage.app, "/v1/slots/0")).status).toBe(503);
  });
});

describe("actions on a real follower", () => {
  test("pause and resume", async () => {
    await using stage = await Stage.start();
    expect(await stage.post("pause")).toMatchObject({
      status: 200,
      body: { action: "pause", paused: true },
    });
    expect((await stage.status()).phase).toBe("paused");
    expect(await stage.isReady()).toBe(false);
    expect((await stage.post("rescan")).status).toBe(409);
    expect((await stage.post("retarget", { leader: stage.leader.address })).status).toBe(409);
    // What could not be done in any state is told as such.
    expect((await stage.post("rescan", { shard: 99 })).status).toBe(400);
    expect((await stage.post("retarget", { leader: "nope" })).status).toBe(400);
    expect((await stage.post("pause")).status).toBe(200);
    expect((await stage.post("resume")).body).toEqual({ action: "resume", paused: false });
    await until(() => stage.isReady(), 4000);
  });

  test("rescan of one shard, and of one that there is not", async () => {
    await using stage = await Stage.start();
    await stage.followed.shows("live");
    await until(async () => (await stage.status()).shards.every(({ phase }) => phase === "live"), 4000);
    expect(await stage.post("rescan", { shard: 1 })).toMatchObject({ status: 202, body: { shard: 1 } });
    expect(await stage.ended()).toMatchObject({ action: "rescan", outcome: "done" });
    const { shards } = await stage.status();
    expect(shards.map(({ rescans }) => rescans.asked ?? 0)).toEqual([0, 1]);
    expect(await stage.post("rescan", { shard: 2 })).toMatchObject({ status: 400 });
    expect(await stage.post("rescan", { shard: 0.5 })).toMatchObject({ status: 400 });
  });

  test("verify", async () => {
    await using stage = await Stage.start();
    expect((await stage.post("verify")).status).toBe(202);
    expect(await stage.ended()).toMatchObject({ action: "verify", outcome: "done" });
    const { verify } = await stage.status();
    expect(verify).toMatchObject({ damaged: 0, error: null });
    expect(verify!.endedAtMs).not.toBeNull();
  });

  test("backup into a folder of its own", async () => {
    await using stage = await Stage.start();
    await until(async () => (await stage.status()).shards.every(({ phase }) => phase === "live"), 4000);
    expect((await stage.post("backup")).status).toBe(202);
    expect(await stage.ended()).toMatchObject({ action: "backup", outcome: "done" });
    expect((await stage.status()).backup).toMatchObject({ error: null });
    const [folder, ...others] = readdirSync(stage.directory.of("backups"));
    expect(others).toEqual([]);
    await using copy = await openStore(stage.directory.of(`backups/${folder}`), {
      ...{ shardCount: 2, keyLength: 8, valueLength: 16, prefixBits: 0 },
    });
    expect(copy.size).toBe(100);
  });

  test("retarget, to one that is there, one that is not, and one that cannot be", async () => {
    await using stage = await Stage.start();
    await using other = await lead(stage.leader.store, "127.0.0.1:0");
    const address = `127.0.0.1:${other.address.port}`;
    expect(await stage.post("retarget", { leader: address })).toMatchObject({
      status: 200,
      body: { leader: address },
    });
    await until(async () => await stage.isReady() && (await stage.status()).leader === address, 4000);
    const failed = await stage.post("retarget", { leader: NOBODY });
    expect([failed.status, failed.body]).toMatchObject([502, { error: { code: "connection" } }]);
    expect((await stage.status()).leader).toBe(address);
    expect((await stage.post("retarget", { leader: "no:such:address" })).status).toBe(400);
    expect(stage.entries.map(({ outcome }) => outcome)).toEqual(["done", "failed", "refused"]);
  });
});

test("a follower is what the admin needs, and its status is what the document says", async () => {
  await using stage = await Stage.start();
  const follower: AdminFollower = stage.followed.follower;
  const admin = { maxStalenessMs: [30_000, 30_000] };
  checkSchema("Status", JSON.parse(JSON.stringify({ ...follower.status(), admin })));
  // As `follow --help` says: 60 s times the shards.
  expect(follower.status().rescanIntervalMs).toBe(120_000);
});
