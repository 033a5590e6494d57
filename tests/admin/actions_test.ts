import { describe, expect, test } from "bun:test";

import { createAdmin } from "../../admin/app.ts";
import type { AdminOptions, AuditEntry } from "../../admin/options.ts";
import {
  ClosedError,
  ConflictError,
  ConnectionError,
  DivergedError,
  LeaderError,
  PermissionError,
  ProtocolVersionError,
  ShapeError,
  StorageError,
  UsageError,
} from "../../src/errors.ts";
import { until } from "../harness/until.ts";
import { FakeFollower } from "./fake_follower.ts";
import { type Validated, validated } from "./validated.ts";

const VERIFY = { startedAtMs: 1, endedAtMs: null, slots: 10, position: 4, damaged: 0, error: null };
const BACKUP = {
  startedAtMs: 1,
  endedAtMs: null,
  path: "b/1",
  slots: 10,
  position: 4,
  bytes: 80,
  error: null,
};

/** A follower, its admin, and what the audit heard. */
function started(options: AdminOptions = {}): {
  follower: FakeFollower;
  entries: AuditEntry[];
  post: (action: string, body?: unknown, init?: RequestInit) => Promise<Validated>;
} {
  const follower = new FakeFollower();
  const entries: AuditEntry[] = [];
  const audit = (entry: AuditEntry) => entries.push(entry);
  const app = createAdmin(follower, { allowActions: true, backupDir: "backups", audit, ...options });
  const post = (action: string, body?: unknown, init: RequestInit = {}) => {
    const text = typeof body === "string" ? body : JSON.stringify(body);
    const headers = { ...body === undefined ? {} : { "content-type": "application/json" }, ...init.headers };
    return validated(app, `/v1/${action}`, { method: "POST", body: text, ...init, headers });
  };
  return { follower, entries, post };
}

describe("an action that is done at once", () => {
  test.each<[string, unknown, unknown[], Record<string, unknown>]>([
    ["pause", undefined, ["pause"], { paused: true }],
    ["resume", {}, ["resume"], { paused: false }],
    ["retarget", { leader: "other:9100" }, ["retarget", "other:9100"], { leader: "leader:9100" }],
  ])("%s", async (action, body, call, answer) => {
    const { follower, entries, post } = started();
    const answered = await post(action, body);
    expect(answered.status).toBe(200);
    expect(answered.body).toEqual({ action, ...answer });
    expect(follower.calls).toEqual([call]);
    expect(entries).toMatchObject([{ action, parameters: body ?? {}, outcome: "done" }]);
    expect(Math.abs(Date.now() - entries[0].atMs)).toBeLessThan(5000);
  });

  test("answers only when it is done", async () => {
    const { follower, entries, post } = started();
    const { promise, resolve } = Promise.withResolvers<void>();
    follower.act = () => promise;
    let isAnswered = false;
    const answered = post("pause").then((answer) => (isAnswered = true, answer));
    await until(() => follower.calls.length > 0, 2000);
    expect([isAnswered, entries.length]).toEqual([false, 0]);
    resolve();
    expect((await answered).status).toBe(200);
  });
});

describe("an action that takes long", () => {
  test.each<[string, unknown, unknown[], Record<string, unknown>]>([
    ["rescan", undefined, ["rescan", undefined], {}],
    ["rescan", { shard: 0 }, ["rescan", 0], { shard: 0 }],
    ["verify", {}, ["verify"], { verify: VERIFY }],
    ["backup", "", ["backup", "backups"], { backup: BACKUP }],
  ])("%s %j", async (action, body, call, answer) => {
    const { follower, entries, post } = started();
    const { promise, resolve } = Promise.withResolvers<void>();
    follower.act = () => promise;
    follower.current = { ...follower.current, verify: VERIFY, backup: BACKUP };
    const answered = await post(action, body);
    expect(answered.status).toBe(202);
    expect(answered.body).toEqual({ action, ...answer });
    expect(follower.calls).toEqual([call]);
    expect(entries).toMatchObject([{ action, outcome: "started" }]);
    resolve();
    await until(() => entries.length > 1, 2000);
    expect(entries[1]).toMatchObject({ action, outcome: "done" });
  });

  test("that fails later tells the audit alone", async () => {
    const { follower, entries, post } = started();
    const { promise, reject } = Promise.withResolvers<void>();
    follower.act = () => promise;
    expect((await post("verify")).status).toBe(202);
    reject(new StorageError("Cannot read: EIO"));
    await until(() => entries.length > 1, 2000);
    expect(entries[1]).toMatchObject({ action: "verify", outcome: "failed", error: "Cannot read: EIO" });
  });

  test("is cancelled by the admin's signal", async () => {
    const controller = new AbortController();
    const { follower, entries, post } = started({ signal: controller.signal });
    const { promise, reject } = Promise.withResolvers<void>();
    follower.act = () => promise;
    await post("backup");
    follower.signal!.addEventListener("abort", () => reject(follower.signal!.reason));
    controller.abort();
    await until(() => entries.length > 1, 2000);
    expect(entries[1]).toMatchObject({ action: "backup", outcome: "failed" });
  });
});

describe("an action that the follower refuses", () => {
  test.each<[string, Error, number, "refused" | "failed"]>([
    ["bad-request", new UsageError("Cannot"), 400, "refused"],
    ["conflict", new ConflictError("Cannot"), 409, "refused"],
    ["permission", new PermissionError("Cannot: --allow-net=other:9100"), 409, "refused"],
    ["other-shape", new ShapeError("Cannot"), 409, "refused"],
    ["protocol-version", new ProtocolVersionError("Cannot"), 409, "refused"],
    ["diverged", new DivergedError("Cannot"), 409, "refused"],
    ["connection", new ConnectionError("Cannot"), 502, "failed"],
    ["leader", new LeaderError("Cannot"), 502, "failed"],
    ["closed", new ClosedError("Cannot"), 503, "failed"],
    ["stopping", new DOMException("Aborted", "AbortError"), 503, "failed"],
    ["storage", new StorageError("Cannot"), 500, "failed"],
    ["internal", new TypeError("broken"), 500, "failed"],
  ])("with code %s", async (code, error, status, outcome) => {
    const { follower, entries, post } = started();
    follower.act = () => Promise.reject(error);
    const answer = await post("retarget", { leader: "other:9100" });
    expect([answer.status, answer.body]).toMatchObject([status, { error: { code } }]);
    expect(entries).toMatchObject([{ action: "retarget", outcome, error: error.message }]);
  });

  test.each(["rescan", "verify", "backup"])(
    "%s is refused before it begins, and not begun",
    async (action) => {
      const { follower, entries, post } = started();
      follower.act = () => Promise.reject(new ConflictError("Cannot: it is under way"));
      const answer = await post(action);
      expect([answer.status, answer.body]).toMatchObject([409, {
        error: { message: "Cannot: it is under way" },
      }]);
      expect(entries).toMatchObject([{ action, outcome: "refused" }]);
    },
  );

  test("resume throws, and answers so", async () => {
    const { follower, post } = started();
    follower.resume = () => {
      throw new ClosedError("Cannot resume: the follower is closed");
    };
    expect((await post("resume")).status).toBe(503);
  });
});

describe("what was asked wrongly is refused, and not done", () => {
  test.each<[string, unknown, number, string, string]>([
    ["retarget", undefined, 400, "bad-field", 'field "leader" is missing'],
    ["retarget", {}, 400, "bad-field", 'field "leader" is missing'],
    ["retarget", { leader: 9100 }, 400, "bad-field", 'field "leader" is 9100, not a string'],
    ["retarget", { leader: null }, 400, "bad-field", 'field "leader" is null, not a string'],
    [
      "retarget",
      { leader: "a:1", force: true },
      400,
      "bad-field",
      'field "force" is not known, allowed are leader',
    ],
    ["retarget", '{"__proto__": 1, "leader": "a:1"}', 400, "bad-field", '"__proto__" is not known'],
    ["pause", { shard: 0 }, 400, "bad-field", 'field "shard" is not known, allowed are none'],
    ["rescan", { shard: "0" }, 400, "bad-field", 'field "shard" is "0", not a number'],
    ["rescan", "{", 400, "bad-json", "Cannot read the body"],
    ["rescan", "[]", 400, "bad-json", "it is JSON, but no object"],
    ["rescan", "null", 400, "bad-json", "it is JSON, but no object"],
    ["rescan", " ", 400, "bad-json", "Cannot read the body"],
  ])("%s %j", async (action, body, status, code, message) => {
    const { follower, entries, post } = started();
    const answer = await post(action, body);
    expect([answer.status, answer.body]).toMatchObject([status, { error: { code } }]);
    expect((answer.body as { error: { message: string } }).error.message).toContain(message);
    expect(follower.calls).toEqual([]);
    expect(entries).toMatchObject([{ action, outcome: "refused" }]);
  });

  test.each(["text/plain", "application/x-www-form-urlencoded", "application/jsonx"])(
    "a body of %s",
    async (type) => {
      const { follower, post } = started();
      const answer = await post("retarget", '{"leader":"a:1"}', { headers: { "content-type": type } });
      expect([answer.status, answer.body]).toMatchObject([415, { error: { code: "not-json" } }]);
      expect(follower.calls).toEqual([]);
    },
  );

  test("a backup without a place for it", async () => {
    const { follower, post } = started({ backupDir: undefined });
    const answer = await post("backup");
    expect([answer.status, answer.body]).toMatchObject([409, { error: { code: "no-backup-dir" } }]);
    expect((answer.body as { error: { message: string } }).error.message).toContain("--backup-dir");
    expect(follower.calls).toEqual([]);
  });
});

describe("the audit", () => {
  test("hears of what was not allowed, too", async () => {
    const { entries, post } = started({ allowActions: false });
    expect((await post("pause")).status).toBe(403);
    expect(entries).toMatchObject([{ action: "pause", outcome: "refused" }]);
  });

  test.each<[string, object]>([
    ["Deno", { remoteAddr: { transport: "tcp", hostname: "::1", port: 50000 } }],
    ["Bun", { requestIP: () => ({ address: "::1", family: "IPv6", port: 50000 }) }],
  ])("hears who asked of %s's server", async (_name, env) => {
    const entries: AuditEntry[] = [];
    const options: AdminOptions = { allowActions: true, audit: (entry) => entries.push(entry) };
    const app = createAdmin(new FakeFollower(), options);
    const request = new Request("http://localhost/v1/resume", {
      method: "POST",
      headers: { origin: "http://localhost" },
    });
    await app.fetch(request, env);
    expect(entries).toMatchObject([{ peer: "[::1]:50000", origin: "http://localhost" }]);
  });
});
