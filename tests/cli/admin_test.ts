import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { chmodSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:net";
import process from "node:process";
import { adminUrl, ask, Following } from "./following.ts";
import { Leading } from "./leading.ts";
import { PATIENCE_MS, Program } from "./program.ts";
import { ROOT } from "../harness/runtimes.ts";
import { until } from "../harness/until.ts";

const LIMIT_MS = 2 * PATIENCE_MS;
const TOKEN = "a-token-that-nobody-may-see";

let leading: Leading;
beforeAll(async () => void (leading = await Leading.start(1000)), LIMIT_MS);
afterAll(() => leading[Symbol.asyncDispose]());

let used = 0;
function follow(...flags: string[]): Program {
  return Program.slotcask(["follow", leading.address, "--dir", leading.path(`replica-${used++}`), ...flags]);
}

/**
 * Holds a port of loopback. Other tests' followers come and go on the default one, so it tries for a while; who has
 * it even then holds it as well as this test would.
 */
async function hold(port: number): Promise<Server | undefined> {
  let held: Server | undefined;
  const tries = async () => (held = await tryToHold(port)) !== undefined;
  await until(tries, PATIENCE_MS / 2, `port ${port} is free`).catch(() => {});
  return held;
}

function tryToHold(port: number): Promise<Server | undefined> {
  const server = createServer();
  return new Promise((resolve) => {
    server.once("error", () => resolve(undefined));
    server.listen(port, "127.0.0.1", () => resolve(server));
  });
}

function release(server: Server | undefined): Promise<void> {
  return new Promise((resolve) => server === undefined ? resolve() : server.close(() => resolve()));
}

describe("follow --admin", () => {
  test("takes a free port where the default is taken, and prints it", async () => {
    const held = await hold(9464);
    try {
      await using program = follow();
      const url = await adminUrl(program);
      expect(url).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/$/);
      expect(url).not.toContain(":9464/");
      const page = await ask(url);
      expect(page.headers.get("content-type")).toContain("text/html");
      expect(page.text).toContain("<html");
      expect(JSON.parse((await ask(`${url}status`)).text).leader).toBe(leading.address);
      program.kill("SIGTERM");
      expect(await program.ended).toMatchObject({ code: 0, err: "" });
    } finally {
      await release(held);
    }
  }, LIMIT_MS);

  test("ends with 3 where the port that was asked for is taken", async () => {
    const held = await hold(0);
    try {
      const { port } = held!.address() as { port: number };
      const { code, out, err } = await follow("--admin", `:${port}`).ended;
      expect(err).toContain(`127.0.0.1:${port}: the port is taken`);
      expect(err).toMatch(/^slotcask: [^\n]+\n$/);
      expect(code).toBe(3);
      expect(out).toContain("stopped cleanly");
    } finally {
      await release(held);
    }
  }, LIMIT_MS);

  test("off serves none", async () => {
    const { code, out } = await follow("--admin", "off", "--until-caught-up").ended;
    expect(code).toBe(0);
    expect(out).toContain("stopped cleanly");
    expect(out).not.toContain("admin");
  }, LIMIT_MS);

  test("asks for the token of a file, and no line repeats it", async () => {
    const file = leading.path("token");
    writeFileSync(file, `${TOKEN}\n`, { mode: 0o600 });
    await using program = follow("--admin", ":0", "--admin-token-file", file);
    const url = await adminUrl(program);
    expect((await ask(`${url}status`)).status).toBe(401);
    expect((await ask(`${url}status`, { token: TOKEN })).status).toBe(200);
    expect((await ask(`${url}v1/resume`, { token: TOKEN, method: "POST" })).status).toBe(200);
    await program.says("admin: resume done");
    program.kill("SIGTERM");
    const { code, out, err } = await program.ended;
    expect(code).toBe(0);
    expect(out + err).not.toContain(TOKEN);
    expect(out).not.toContain("warning");
  }, LIMIT_MS);

  test("warns once of a token file that others may read", async () => {
    const file = leading.path("open-token");
    writeFileSync(file, `${TOKEN}\n`);
    chmodSync(file, 0o640);
    const flags = ["--admin", ":0", "--admin-token-file", file, "--until-caught-up"];
    const { code, out } = await follow(...flags).ended;
    expect(code).toBe(0);
    expect(out.match(/warning .*/g)).toEqual([
      `warning The token file ${file} is open to others than its owner (mode 640): chmod 600 ends that`,
    ]);
  }, LIMIT_MS);

  test("takes the token of its variable, and opens /metrics if told so", async () => {
    await using following = await Following.start({
      flags: ["--metrics-public"],
      env: { SLOTCASK_ADMIN_TOKEN: TOKEN },
    });
    expect((await ask(`${following.url}status`)).status).toBe(401);
    expect((await ask(`${following.url}metrics`)).status).toBe(200);
  }, LIMIT_MS);

  test("acts without a token only with --allow-actions", async () => {
    await using following = await Following.start();
    const { status, text } = await ask(`${following.url}v1/pause`, { method: "POST" });
    expect(status).toBe(403);
    expect(JSON.parse(text).error.message).toContain("--allow-actions");
  }, LIMIT_MS);

  test("ends ten streams and stops cleanly within 2 seconds", async () => {
    await using following = await Following.start();
    const open = () => fetch(`${following.url}v1/watch`, { headers: { connection: "close" } });
    const watches = await Promise.all(Array.from({ length: 10 }, open));
    const reading = Promise.all(watches.map((watch) => watch.text()));
    const signalled = performance.now();
    following.program.kill("SIGTERM");
    expect(await following.program.ended).toMatchObject({ code: 0, err: "" });
    expect(performance.now() - signalled).toBeLessThan(2000);
    for (const text of await reading) expect(text).toContain("event: stopping");
  }, LIMIT_MS);
});

describe.skipIf(process.versions.deno === undefined)("Deno without --allow-net for the admin", () => {
  function withFewPermissions(flags: string[], net: string[] = []): Program {
    const dir = leading.path(`replica-${used++}`);
    const allowed = [
      `--allow-net=${[leading.address, ...net]}`,
      `--allow-read=${dir}`,
      `--allow-write=${dir}`,
    ];
    const args = [
      "run",
      "--no-prompt",
      ...allowed,
      "mod.ts",
      "follow",
      leading.address,
      "--dir",
      dir,
      ...flags,
    ];
    return Program.start([process.execPath, ...args]);
  }

  test("follows all the same, and one warning names the flag", async () => {
    const { code, out, err } = await withFewPermissions(["--until-caught-up"]).ended;
    expect({ code, err }).toEqual({ code: 0, err: "" });
    expect(out.match(/warning .*/g)).toEqual([expect.stringContaining("--allow-net=127.0.0.1:9464")]);
    expect(out).toContain("caught up: 1,000 keys");
  }, LIMIT_MS);

  test("follows all the same where the port is taken, and no other is allowed", async () => {
    const held = await hold(9464);
    try {
      const { code, out, err } = await withFewPermissions(["--until-caught-up"], ["127.0.0.1:9464"]).ended;
      expect({ code, err }).toEqual({ code: 0, err: "" });
      expect(out.match(/warning .*/g)).toEqual([
        expect.stringContaining(
          "127.0.0.1:9464: the port is taken, and Deno was not given --allow-net=127.0.0.1:0 for a free one;",
        ),
      ]);
    } finally {
      await release(held);
    }
  }, LIMIT_MS);

  test("takes a free port where it is allowed one", async () => {
    const held = await hold(9464);
    try {
      const net = ["127.0.0.1:9464", "127.0.0.1:0"];
      const { code, out, err } = await withFewPermissions(["--until-caught-up"], net).ended;
      expect({ code, err }).toEqual({ code: 0, err: "" });
      expect(out).toMatch(/admin: http:\/\/127\.0\.0\.1:\d+\/$/m);
      expect(out).not.toContain("warning");
    } finally {
      await release(held);
    }
  }, LIMIT_MS);

  test("refuses to go over to a leader that it may not reach, and names the flag", async () => {
    await using program = withFewPermissions(["--allow-actions"], ["127.0.0.1:9464", "127.0.0.1:0"]);
    const url = await adminUrl(program);
    const response = await fetch(`${url}v1/retarget`, {
      method: "POST",
      headers: { "content-type": "application/json", "connection": "close" },
      body: '{"leader":"127.0.0.1:9"}',
    });
    expect([response.status, await response.json()]).toEqual([409, {
      error: {
        code: "permission",
        message: "Cannot retarget to 127.0.0.1:9: Deno was not given --allow-net=127.0.0.1:9",
      },
    }]);
    expect(JSON.parse((await ask(`${url}status`)).text).leader).toBe(leading.address);
  }, LIMIT_MS);

  test("is refused where the address was asked for", async () => {
    const { code, err } = await withFewPermissions(["--admin", "127.0.0.1:9464"]).ended;
    expect(err).toContain("--allow-net=127.0.0.1:9464");
    expect(code).toBe(3);
  }, LIMIT_MS);
});

describe("demo --admin", () => {
  test("prints the page's address, and lets the page act", async () => {
    await using program = Program.slotcask(["demo", "--admin", ":0"]);
    await program.says("page      http");
    const [, url] = /page {6}(http\S+)/.exec(program.out)!;
    expect((await ask(url)).text).toContain("<html");
    expect((await ask(`${url}v1/pause`, { method: "POST" })).status).toBe(200);
    await program.says("admin: pause done");
    program.kill("SIGTERM");
    expect(await program.ended).toMatchObject({ code: 0, err: "" });
  }, LIMIT_MS);

  test("off serves none", async () => {
    const { code, out } = await Program.slotcask(["demo", "--seconds", "0.5", "--admin", "off"]).ended;
    expect(code).toBe(0);
    expect(out).not.toContain("page");
  }, LIMIT_MS);
});

test("no module of the command line loads the admin before it is served", () => {
  const folder = `${ROOT}/src/cli`;
  const loads = readdirSync(folder).filter((name) =>
    /^(import|export) (?!type )[^;]*"(\.\.\/\.\.\/admin|hono|prom-client)/m.test(
      readFileSync(`${folder}/${name}`, "utf8"),
    )
  );
  expect(loads).toEqual([]);
});
