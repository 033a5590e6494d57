import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import process from "node:process";
import { exitCodeOf } from "../../src/cli/failure.ts";
import { command } from "../../src/cli/status.ts";
import { liveShard, liveStatus } from "../admin/fake_follower.ts";
import { FakeAdmin, nobody } from "./fake_admin.ts";
import { Following } from "./following.ts";
import { PATIENCE_MS, Program } from "./program.ts";
import { runCommand } from "./run_command.ts";

const LIMIT_MS = 2 * PATIENCE_MS;
const TOKEN = "a-token-that-nobody-may-see";

async function failureOf(args: string[], env: Record<string, string> = {}): Promise<[number, string]> {
  try {
    await runCommand(command, args, { env });
  } catch (error) {
    return [exitCodeOf(error), (error as Error).message];
  }
  throw new Error("It did not fail");
}

describe("status of a running follower", () => {
  let following: Following;
  beforeAll(async () => {
    following = await Following.start({ env: { SLOTCASK_ADMIN_TOKEN: TOKEN } });
  }, LIMIT_MS);
  afterAll(() => following[Symbol.asyncDispose]());
  const withToken = (...args: string[]) => ["status", "--admin", following.url, ...args];

  test("is a table", async () => {
    const env = { SLOTCASK_ADMIN_TOKEN: TOKEN };
    const { code, out, err } = await Program.slotcask(withToken(), { env }).ended;
    expect({ code, err }).toEqual({ code: 0, err: "" });
    expect(out).toContain("state      live: changes arrive as they are made\n");
    expect(out).toContain("keys       1,000, complete");
    expect(out).toContain(`leader     ${following.leading.address}, protocol 2\n`);
    expect(out).toMatch(/^ +0 +live +\d/m);
    expect(out).toMatch(/^ +1 +live +\d/m);
  }, LIMIT_MS);

  test("is JSON with --json, and takes HOST:PORT and a token file", async () => {
    const file = following.leading.path("token");
    writeFileSync(file, `${TOKEN}\r\n`);
    const address = new URL(following.url).host;
    const { code, out } = await Program.slotcask([
      "status",
      "--json",
      "--admin",
      address,
      "--admin-token-file",
      file,
    ]).ended;
    expect(code).toBe(0);
    expect(JSON.parse(out)).toMatchObject({ phase: "live", keys: 1000, paused: false });
  }, LIMIT_MS);

  test("--watch prints a line a second until it is stopped", async () => {
    await using program = Program.slotcask(withToken("--watch"), { env: { SLOTCASK_ADMIN_TOKEN: TOKEN } });
    const line = /^\S+Z live {3}1,000 keys {3}0 events\/s {3}fresh \d\.\d s ago$/;
    await program.says("fresh");
    program.kill("SIGINT");
    const { code, out, err } = await program.ended;
    expect({ code, err }).toEqual({ code: 0, err: "" });
    for (const text of out.trim().split("\n")) expect(text).toMatch(line);
  }, LIMIT_MS);

  test("is refused with 3 without the token, or with another", async () => {
    const url = following.url;
    const [code, message] = await failureOf(["--admin", url]);
    expect(code).toBe(3);
    expect(message).toMatch(/token-missing, status 401; see --admin-token-file/);
    const [otherCode, other] = await failureOf(["--admin", url, "--admin-token", "another"]);
    expect(otherCode).toBe(3);
    expect(other).toContain("(token-wrong, status 401");
    expect(other).not.toContain("another-token");
  }, LIMIT_MS);
});

describe("status", () => {
  test("ends with 1 where nobody answers, and names the address", async () => {
    const address = await nobody();
    const [code, message] = await failureOf(["--admin", address]);
    expect(code).toBe(1);
    expect(message).toContain(`Cannot reach the admin at http://${address}/: `);
    expect(message).toMatch(/refused|unable to connect/i);
  });

  test("says what cut it off, and not what the runtime advises a programmer", async () => {
    const server = createServer((socket) => socket.on("data", () => socket.destroy()).on("error", () => {}));
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", () => resolve()));
    const { port } = server.address() as AddressInfo;
    const [code, message] = await failureOf(["--admin", `127.0.0.1:${port}`]);
    await new Promise<void>((resolve) => server.close(() => resolve()));
    expect(code).toBe(1);
    expect(message).toMatch(/^Cannot reach the admin at http:\/\/127\.0\.0\.1:\d+\/: .+/);
    expect(message).not.toMatch(/verbose|fetch|`/);
  });

  test.each<[number, unknown]>([
    [200, "<html>"],
    [404, "not found"],
    [500, { error: "no" }],
    [200, 5],
    [200, {}],
    [200, []],
    [200, { status: "ok" }],
    [200, { ...liveStatus(), phase: 1 }],
    [200, { ...liveStatus(), shards: {} }],
    [200, { ...liveStatus(), shards: [{}] }],
    [200, { ...liveStatus(), shards: [{ ...liveShard(), slots: 3 }] }],
    [200, { ...liveStatus(), shards: [{ ...liveShard(), received: {} }] }],
    [200, { ...liveStatus(), error: "none" }],
  ])(
    "says that what answers %d is no admin (%#)",
    async (status, body) => {
      await using other = await FakeAdmin.start(() => ({ status, body }));
      const [code, message] = await failureOf(["--admin", other.address]);
      expect(code).toBe(1);
      expect(message).toContain(`(status ${status}): it is no admin of Slotcask`);
    },
  );

  test("asks below the path of a URL", async () => {
    await using other = await FakeAdmin.start(() => ({
      status: 503,
      body: { error: { code: "x", message: "Y" } },
    }));
    const [code, message] = await failureOf([
      "--admin",
      `http://${other.address}/slotcask`,
      "--admin-token",
      "t",
    ]);
    expect([code, message]).toEqual([1, "Y (x, status 503)"]);
    expect(other.requests).toEqual([
      { method: "GET", path: "/slotcask/status", authorization: "Bearer t", body: "" },
    ]);
  });

  test.each([
    ["ftp://host/"],
    ["http://user:secret@host/"],
    ["http://host/?token=secret"],
    ["9464"],
    ["off"],
  ])("refuses --admin %s without repeating it", async (admin) => {
    const [code, message] = await failureOf(["--admin", admin]);
    expect([code, message]).toEqual([
      2,
      "Cannot use --admin: allowed is HOST:PORT or a URL, with a token elsewhere",
    ]);
    const [fromVariable] = await failureOf([], { SLOTCASK_ADMIN: admin });
    expect(fromVariable).toBe(2);
  });

  test("refuses two tokens", async () => {
    const [code, message] = await failureOf(["--admin-token", "a", "--admin-token-file", "/dev/null"]);
    expect(code).toBe(2);
    expect(message).not.toContain("--admin-token=a");
  });
});

describe.skipIf(process.versions.deno === undefined)("status in Deno without --allow-net", () => {
  test("names the flag that is missing", async () => {
    // Without any permission flag, Deno's own node:child_process would add -A.
    const permission = "--allow-net=127.0.0.1:9";
    const args = ["run", "--no-prompt", permission, "mod.ts", "status", "--admin", "127.0.0.1:9464"];
    const { code, err } = await Program.start([process.execPath, ...args]).ended;
    expect(err).toContain("Deno was not given --allow-net=127.0.0.1:9464\n");
    expect(code).toBe(3);
  }, LIMIT_MS);
});
