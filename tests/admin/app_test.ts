import { describe, expect, test } from "bun:test";
import { Hono } from "hono";

import { createAdmin } from "../../admin/app.ts";
import { FakeFollower } from "./fake_follower.ts";
import { validated } from "./validated.ts";

describe("what there is no route for", () => {
  const app = createAdmin(new FakeFollower());

  test.each(["/nothing", "/v1", "/v1/keys/", "/status/", "//status", "/v1/slots", "/v1/nothing"])(
    "%s is 404",
    async (path) => {
      const { status, body } = await validated(app, path);
      expect(status).toBe(404);
      expect(body).toMatchObject({ error: { code: "not-found" } });
    },
  );

  test.each([
    ["POST", "/status", "GET, HEAD"],
    ["PUT", "/healthz", "GET, HEAD"],
    ["DELETE", "/v1/keys/0011223344556677", "GET, HEAD"],
    ["OPTIONS", "/v1/keys", "GET, HEAD"],
    ["POST", "/", "GET, HEAD"],
    ["GET", "/v1/pause", "POST"],
    ["HEAD", "/v1/rescan", "POST"],
  ])("%s %s is 405", async (method, path, allow) => {
    const { status, headers } = await validated(app, path, { method });
    expect(status).toBe(405);
    expect(headers.get("allow")).toBe(allow);
  });

  test("HEAD goes with GET", async () => {
    expect((await validated(app, "/status", { method: "HEAD" })).status).toBe(200);
  });
});

describe("an error that nobody expected", () => {
  test("is 500, with its message", async () => {
    const follower = new FakeFollower();
    follower.status = () => {
      throw new TypeError("broken");
    };
    const { status, body } = await validated(createAdmin(follower), "/status");
    expect(status).toBe(500);
    expect(body).toEqual({ error: { code: "internal", message: "Cannot answer: TypeError: broken" } });
  });
});

describe("mounted in an app", () => {
  const mount = "/ops/admin";
  const app = new Hono().route(mount, createAdmin(new FakeFollower(), { token: "t" }));
  const headers = { authorization: "Bearer t" };

  test("every route is below the mount", async () => {
    for (const path of ["/status", "/metrics", "/openapi.json", "/v1/slots/0"]) {
      expect((await validated(app, path, { mount, headers })).status).toBe(200);
    }
    expect((await validated(app, "/v1/resume", { mount, headers, method: "POST" })).status).toBe(200);
  });

  test("the token is needed for the same", async () => {
    expect((await validated(app, "/healthz", { mount })).status).toBe(200);
    expect((await validated(app, "/status", { mount })).status).toBe(401);
    expect((await validated(app, "/status/healthz", { mount })).status).toBe(401);
  });

  test.each([mount, `${mount}/`])("the page is at %s", async (path) => {
    const page = await app.request(path);
    expect(page.status).toBe(200);
    expect(page.headers.get("content-type")).toContain("text/html");
  });

  test("what is unknown is answered as without a mount, and the app's own is left to it", async () => {
    expect((await validated(app, "/nothing", { mount, headers })).status).toBe(404);
    const { status, headers: answered } = await validated(app, "/status", { mount, headers, method: "PUT" });
    expect(status).toBe(405);
    expect(answered.get("allow")).toBe("GET, HEAD");
    const outside = await app.request("/status");
    expect(outside.status).toBe(404);
    expect(await outside.text()).toBe("404 Not Found");
  });

  test("below a parameter, too", async () => {
    const tenants = new Hono().route("/:tenant/admin", createAdmin(new FakeFollower(), { token: "t" }));
    expect((await validated(tenants, "/healthz", { mount: "/one/admin" })).status).toBe(200);
    expect((await validated(tenants, "/status", { mount: "/one/admin" })).status).toBe(401);
  });
});

test("two admins of one process do not share their metrics", async () => {
  const [one, other] = [new FakeFollower(), new FakeFollower()];
  other.current = { ...other.current, v1Connections: 7 };
  const apps = [createAdmin(one), createAdmin(other)];
  const texts = await Promise.all(apps.map(async (app) => (await validated<string>(app, "/metrics")).body));
  expect(texts[0]).toContain("\nslotcask_v1_connections 0\n");
  expect(texts[1]).toContain("\nslotcask_v1_connections 7\n");
});
