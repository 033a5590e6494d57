import { describe, expect, test } from "bun:test";
import { connect } from "node:net";
import process from "node:process";
import { Hono } from "hono";

import { createAdmin } from "../../admin/app.ts";
import type { AdminOptions, AuditEntry } from "../../admin/options.ts";
import { type AdminServer, type Fetching, serveAdmin } from "../../admin/serve.ts";
import { FakeFollower } from "./fake_follower.ts";
import { validated } from "./validated.ts";

/** What this runtime's own server answers to a request as it stands: fetch would write its own Host. */
function raw(server: AdminServer, lines: string[], body = ""): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const socket = connect(server.address.port, server.address.host);
  let text = "";
  socket.on("data", (chunk) => text += chunk.toString());
  // A server that refuses a body may close before it has read all of it.
  socket.on("error", (error) => text === "" ? reject(error) : resolve(text));
  socket.on("close", () => resolve(text));
  socket.write([...lines, "Connection: close", "", body].join("\r\n"));
  return promise;
}

function serve(options: AdminOptions, mount = (admin: Hono): Fetching => admin): Promise<AdminServer> {
  const admin = createAdmin(new FakeFollower(), options);
  return serveAdmin(mount(admin), {
    address: { host: "127.0.0.1", port: 0 },
    isWanted: true,
    hasToken: options.token !== undefined,
  });
}

/** HTTP/1.0 without a Host, an empty one, and such as none can be: Bun then gives a URL without origin. */
const HOSTLESS: string[][] = [
  ["HTTP/1.0"],
  ["HTTP/1.1", "Host:"],
  ["HTTP/1.1", "Host: a b"],
  ["HTTP/1.1", "Host: a@b"],
  ["HTTP/1.1", "Host: #"],
];

/** The JSON of an answer, behind its status. */
function readRaw(answer: string): [number, Record<string, unknown>] {
  const [head, body] = answer.split("\r\n\r\n");
  const json = /^content-type: application\/json/im.test(head) ? JSON.parse(body) : { notJson: body };
  return [Number(head.split(" ")[1]), json];
}

describe("over the runtime's own server", () => {
  test("a foreign host is refused, and so is none", async () => {
    await using server = await serve({});
    expect(await raw(server, ["GET /status HTTP/1.1", "Host: evil.example"])).toMatch(/^HTTP\/1.1 421 /);
    expect(await raw(server, ["GET /status HTTP/1.1", "Host: 127.0.0.1:1"])).toMatch(/^HTTP\/1.1 200 /);
    expect(await raw(server, ["GET http://localhost/status HTTP/1.1", "Host: evil.example"])).not.toMatch(
      / 200 /,
    );
  });

  test("a path is not read in two ways", async () => {
    await using server = await serve({ token: "t" });
    for (
      const path of [
        "/healthz/../status",
        "/healthz%2f..%2fstatus",
        "//status",
        "/./status",
        "/%73tatus",
        "/Status",
      ]
    ) {
      const answer = await raw(server, [`GET ${path} HTTP/1.1`, "Host: localhost"]);
      expect([path, answer.slice(0, 12)]).toEqual([path, "HTTP/1.1 401"]);
    }
  });

  test("a body over the limit is refused", async () => {
    await using server = await serve({ allowActions: true });
    const head = ["POST /v1/pause HTTP/1.1", "Host: localhost", "Content-Type: application/json"];
    const long = " ".repeat(5000);
    expect(await raw(server, [...head, "Content-Length: 5000"], long)).toMatch(/^HTTP\/1.1 413 /);
    const chunked = `${(5000).toString(16)}\r\n${long}\r\n0\r\n\r\n`;
    expect(await raw(server, [...head, "Transfer-Encoding: chunked"], chunked)).toMatch(/^HTTP\/1.1 413 /);
  });

  test("the audit hears who asked", async () => {
    const entries: AuditEntry[] = [];
    await using server = await serve({ allowActions: true, audit: (entry) => entries.push(entry) });
    const request = (path: string, init?: RequestInit) => fetch(server.url.slice(0, -1) + path, init);
    expect((await validated({ request }, "/v1/resume", { method: "POST" })).status).toBe(200);
    expect(entries[0].peer).toMatch(/^127\.0\.0\.1:\d+$/);
  });
});

describe("without a Host that can be used", () => {
  test.each(HOSTLESS)("a path is read as it stands, with a token: %s %s", async (version, ...headers) => {
    await using server = await serve({ token: "t" });
    const ask = async (path: string, ...more: string[]) =>
      readRaw(await raw(server, [`GET ${path} ${version}`, ...headers, ...more]));
    expect(await ask("/readyz")).toEqual([200, { status: "ready" }]);
    expect(await ask("/healthz?a=/status")).toEqual([200, { status: "up" }]);
    for (const path of ["/status", "/status?a", "//", "/status/readyz", "/v1/keys?prefix=00"]) {
      expect([path, await ask(path)]).toEqual([path, [
        401,
        { error: expect.objectContaining({ code: "token-missing" }) },
      ]]);
    }
    expect(await ask("/status", "Authorization: Bearer t")).toEqual([
      200,
      expect.objectContaining({ leader: new FakeFollower().leader }),
    ]);
    const posted = await raw(server, [
      `POST /v1/pause ${version}`,
      ...headers,
      "Origin: http://evil.example",
    ]);
    expect(readRaw(posted)[0]).toBe(401);
  });

  test.each(HOSTLESS)(
    "it is no name of this machine, without a token: %s %s",
    async (version, ...headers) => {
      await using server = await serve({ allowActions: true });
      // A Host that is not there Deno takes for localhost, and no browser leaves it out.
      const isLocal = headers.length === 0 && process.versions.deno !== undefined;
      for (const path of ["/readyz", "/status", "/"]) {
        const [status, body] = readRaw(await raw(server, [`GET ${path} ${version}`, ...headers]));
        expect([path, status]).toEqual([path, isLocal ? 200 : 421]);
        if (!isLocal) expect(body).toMatchObject({ error: { code: "foreign-host" } });
      }
    },
  );

  test.each(HOSTLESS)(
    "an app that mounts it gives no page for another path: %s %s",
    async (version, ...headers) => {
      await using server = await serve({ token: "t" }, (admin) => new Hono().route("/", admin));
      for (const path of ["/status", "/readyz", "/v1/keys"]) {
        const [status, body] = readRaw(await raw(server, [`GET ${path} ${version}`, ...headers]));
        expect([path, body.notJson]).toEqual([path, undefined]);
        expect([200, 401, 421]).toContain(status);
        if (status === 200) expect(path).toBe("/readyz");
      }
    },
  );
});
