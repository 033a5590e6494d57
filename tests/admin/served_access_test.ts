import { describe, expect, test } from "bun:test";
import { connect } from "node:net";

import { createAdmin } from "../../admin/app.ts";
import type { AdminOptions, AuditEntry } from "../../admin/options.ts";
import { type AdminServer, serveAdmin } from "../../admin/serve.ts";
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

function serve(options: AdminOptions): Promise<AdminServer> {
  const admin = createAdmin(new FakeFollower(), options);
  return serveAdmin(admin, {
    address: { host: "127.0.0.1", port: 0 },
    isWanted: true,
    hasToken: options.token !== undefined,
  });
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
