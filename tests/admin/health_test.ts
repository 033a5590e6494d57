import { describe, expect, test } from "bun:test";

import { createAdmin } from "../../admin/app.ts";
import { FakeFollower, liveShard, liveStatus } from "./fake_follower.ts";
import { validated } from "./validated.ts";

describe("/healthz", () => {
  test("is up whatever became of the follower", async () => {
    const follower = new FakeFollower();
    follower.current = liveStatus({ phase: "stopped", shards: [liveShard({ phase: "stopped" })] });
    const { status, body } = await validated(createAdmin(follower), "/healthz");
    expect(status).toBe(200);
    expect(body).toEqual({ status: "up" });
  });
});

describe("/readyz", () => {
  test("is ready of a live copy", async () => {
    const { status, body } = await validated(createAdmin(new FakeFollower()), "/readyz");
    expect(status).toBe(200);
    expect(body).toEqual({ status: "ready" });
  });

  test("names the reasons of one that should not be read", async () => {
    const follower = new FakeFollower();
    follower.current = liveStatus({ paused: true, shards: [liveShard({ phase: "paused" }, 31_000)] });
    const { status, body } = await validated(createAdmin(follower), "/readyz");
    expect(status).toBe(503);
    expect(body).toMatchObject({
      status: "not-ready",
      reasons: [{ code: "paused" }, { code: "stale", shard: 0 }],
    });
  });

  test("takes the age that was asked for", async () => {
    const follower = new FakeFollower();
    follower.current = liveStatus({ shards: [liveShard({}, 8000)] });
    expect((await validated(createAdmin(follower, { maxStalenessMs: 6000 }), "/readyz")).status).toBe(503);
    expect((await validated(createAdmin(follower, { maxStalenessMs: 60_000 }), "/readyz")).status).toBe(200);
  });
});

describe("/status", () => {
  test("is the follower's status", async () => {
    const follower = new FakeFollower();
    const { status, body } = await validated(createAdmin(follower), "/status");
    expect(status).toBe(200);
    const { admin, ...rest } = body;
    expect(rest).toEqual(JSON.parse(JSON.stringify(follower.current)));
    expect(admin).toEqual({ maxStalenessMs: [30_000] });
  });

  test("says how old each shard may be, as /readyz does", async () => {
    const follower = new FakeFollower();
    const shards = [liveShard(), liveShard({ shard: 1, catchUpOnly: true })];
    follower.current = liveStatus({ shards, rescanIntervalMs: 120_000 });
    const limits = async (maxStalenessMs?: number) =>
      (await validated(createAdmin(follower, { maxStalenessMs }), "/status")).body.admin;
    expect(await limits()).toEqual({ maxStalenessMs: [30_000, 240_000] });
    expect(await limits(6000)).toEqual({ maxStalenessMs: [6000, 6000] });
  });
});
