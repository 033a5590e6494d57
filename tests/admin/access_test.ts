import { describe, expect, test } from "bun:test";

import { createAdmin } from "../../admin/app.ts";
import type { AuditEntry } from "../../admin/options.ts";
import { FakeFollower } from "./fake_follower.ts";
import { validated } from "./validated.ts";

const TOKEN = "secret-token";
/** Everything that holds data. */
const CLOSED = [
  "/status",
  "/metrics",
  "/openapi.json",
  "/v1/keys",
  "/v1/keys/0011223344556677",
  "/v1/watch",
  "/v1/slots/0",
];

function bearer(token: string): { headers: { authorization: string } } {
  return { headers: { authorization: `Bearer ${token}` } };
}

function codeOf({ body }: { body: unknown }): string {
  return (body as { error: { code: string } }).error.code;
}

describe("with a token", () => {
  const app = createAdmin(new FakeFollower(), { token: TOKEN });

  test.each(CLOSED)("%s needs it", async (path) => {
    const missing = await validated(app, path);
    expect(missing.status).toBe(401);
    expect(codeOf(missing)).toBe("token-missing");
    expect(missing.headers.get("www-authenticate")).toBe('Bearer realm="slotcask"');
    const wrong = await validated(app, path, bearer("secret-tokem"));
    expect(wrong.status).toBe(401);
    expect(codeOf(wrong)).toBe("token-wrong");
    expect(wrong.headers.get("www-authenticate")).toContain('error="invalid_token"');
  });

  test.each(["rescan", "pause", "resume", "verify", "retarget", "backup"])("%s needs it", async (action) => {
    const follower = new FakeFollower();
    const answer = await validated(createAdmin(follower, { token: TOKEN }), `/v1/${action}`, {
      method: "POST",
    });
    expect(answer.status).toBe(401);
    expect(follower.calls).toEqual([]);
  });

  test("what is unknown is not told from what is known", async () => {
    expect((await validated(app, "/nothing")).status).toBe(401);
    expect((await validated(app, "/status", { method: "DELETE" })).status).toBe(401);
  });

  test.each(["/healthz", "/readyz", "/"])("%s does not", async (path) => {
    expect((await validated(app, path)).status).toBe(200);
  });

  test("it opens the rest, whatever the host", async () => {
    const { status } = await validated(app, "/status", {
      headers: { authorization: `bearer  ${TOKEN}`, host: "replica.example:9464" },
    });
    expect(status).toBe(200);
  });

  test("it counts in no other place", async () => {
    expect((await validated(app, `/status?token=${TOKEN}&access_token=${TOKEN}`)).status).toBe(401);
    expect((await validated(app, "/status", { headers: { authorization: `Basic ${TOKEN}` } })).status).toBe(
      401,
    );
    expect((await validated(app, "/status", { headers: { cookie: `token=${TOKEN}` } })).status).toBe(401);
  });

  test("a part or a longer one is wrong", async () => {
    for (const token of [TOKEN.slice(1), TOKEN + "x", "", TOKEN.toUpperCase()]) {
      expect((await validated(app, "/status", bearer(token))).status).toBe(401);
    }
  });

  test("no answer and no audit repeats it", async () => {
    const entries: AuditEntry[] = [];
    const app = createAdmin(new FakeFollower(), { token: TOKEN, audit: (entry) => entries.push(entry) });
    const known = ["/", "/healthz", "/readyz", ...CLOSED.filter((path) => path !== "/v1/watch")];
    for (const path of [...known, "/nothing", "/v1/keys/xyz", "/v1/keys?limit=x", "/v1/slots/9"]) {
      const { body, headers } = await validated(app, path, bearer(TOKEN));
      expect(JSON.stringify([body, [...headers]])).not.toContain(TOKEN);
    }
    for (const action of ["pause", "backup", "rescan", "retarget"]) {
      const { body } = await validated(app, `/v1/${action}`, { ...bearer(TOKEN), method: "POST" });
      expect(JSON.stringify(body)).not.toContain(TOKEN);
    }
    expect(entries).toHaveLength(5);
    expect(JSON.stringify(entries)).not.toContain(TOKEN);
  });

  test("metrics may be opened, and nothing else with them", async () => {
    const open = createAdmin(new FakeFollower(), { token: TOKEN, metricsPublic: true });
    expect((await validated(open, "/metrics")).status).toBe(200);
    expect((await validated(open, "/status")).status).toBe(401);
  });
});

describe("without a token", () => {
  const app = createAdmin(new FakeFollower(), { allowActions: true });

  test.each([
    "localhost",
    "localhost:9464",
    "LOCALHOST:1",
    "127.0.0.1",
    "127.0.0.1:80",
    "[::1]",
    "[::1]:9464",
  ])(
    "host %s is this machine",
    async (host) => {
      expect((await validated(app, "/status", { headers: { host } })).status).toBe(200);
    },
  );

  test.each([
    "evil.example",
    "localhost.evil.example",
    "127.0.0.1.evil.example",
    "127.0.0.2",
    "localhost@evil.example",
    "[::2]:9464",
    "evil:80:localhost",
  ])("host %s is not", async (host) => {
    for (const path of ["/status", "/", "/healthz", "/nothing"]) {
      const answer = await validated(app, path, { headers: { host } });
      expect(answer.status).toBe(421);
      expect(codeOf(answer)).toBe("foreign-host");
    }
  });

  test("actions are refused, and the flags named", async () => {
    const follower = new FakeFollower();
    const answer = await validated(createAdmin(follower), "/v1/pause", { method: "POST" });
    expect(answer.status).toBe(403);
    expect(codeOf(answer)).toBe("actions-not-allowed");
    const { error } = answer.body as { error: { message: string } };
    for (const flag of ["--allow-actions", "--admin-token", "--admin-token-file", "SLOTCASK_ADMIN_TOKEN"]) {
      expect(error.message).toContain(flag);
    }
    expect(follower.calls).toEqual([]);
  });
});

describe("a POST from a page", () => {
  const app = createAdmin(new FakeFollower(), { allowActions: true });

  test.each<Record<string, string>>([
    { origin: "https://evil.example" },
    { origin: "null" },
    { origin: "http://localhost:3000" },
    { origin: "http://localhost", "sec-fetch-site": "cross-site" },
    { "sec-fetch-site": "same-site" },
    { "sec-fetch-site": "cross-site" },
  ])("of another site is refused: %j", async (headers) => {
    const answer = await validated(app, "/v1/resume", { method: "POST", headers });
    expect(answer.status).toBe(403);
    expect(codeOf(answer)).toBe("cross-site");
  });

  test.each<Record<string, string>>([
    {},
    { origin: "http://localhost" },
    { origin: "http://localhost", "sec-fetch-site": "same-origin" },
    { origin: "http://127.0.0.1:9464", host: "127.0.0.1:9464" },
    { "sec-fetch-site": "none" },
  ])("of this one, or of no page, is not: %j", async (headers) => {
    expect((await validated(app, "/v1/resume", { method: "POST", headers })).status).toBe(200);
  });

  test("with a token of another site is refused, too", async () => {
    const answer = await validated(createAdmin(new FakeFollower(), { token: TOKEN }), "/v1/resume", {
      method: "POST",
      headers: { authorization: `Bearer ${TOKEN}`, "sec-fetch-site": "cross-site" },
    });
    expect(answer.status).toBe(403);
  });
});

describe("a body", () => {
  const app = createAdmin(new FakeFollower(), { allowActions: true });
  const headers = { "content-type": "application/json" };

  test("over 4 KiB is refused, with and without its length", async () => {
    const body = JSON.stringify({ leader: "x".repeat(4096) });
    const whole = await validated(app, "/v1/retarget", { method: "POST", headers, body });
    expect(whole.status).toBe(413);
    expect(codeOf(whole)).toBe("body-too-large");
    const stream = new Blob([body]).stream();
    const init = { method: "POST", headers, body: stream, duplex: "half" } as RequestInit;
    expect((await validated(app, "/v1/retarget", init)).status).toBe(413);
  });

  test("of 4 KiB is not", async () => {
    const body = JSON.stringify({ leader: "leader:9100" }).padEnd(4096);
    expect((await validated(app, "/v1/retarget", { method: "POST", headers, body })).status).toBe(200);
  });
});
