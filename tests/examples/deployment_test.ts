import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import process from "node:process";
import { commands } from "../../src/cli/commands.ts";
import { isClean, Leading } from "../cli/leading.ts";
import { Program } from "../cli/program.ts";
import { runChild, type RuntimeName, runtimePath } from "../harness/runtimes.ts";
import { toolPath } from "../harness/tools.ts";
import { until } from "../harness/until.ts";
import { dockerInstructions, installPackage, readExample, unitSettings } from "./deployment.ts";

const LIMIT_MS = 60_000;
const PATIENCE_MS = 8000;
const STOP_MS = 2000;
const TOKEN = "token-of-the-tests";
const deno = runtimePath("deno");
const analyze = toolPath("systemd-analyze");

const unit = unitSettings(readExample("slotcask.service"));
const unitWords = unit.get("ExecStart")!.split(/\s+/);
const docker = dockerInstructions(readExample("Dockerfile"));

/** What stands behind an instruction: words where it is JSON. */
function inDockerfile(name: string): string {
  return docker.findLast(({ word }) => word === name)!.rest;
}

const dockerStart: string[] = [
  ...JSON.parse(inDockerfile("ENTRYPOINT")),
  ...JSON.parse(inDockerfile("CMD")),
];
const dockerProbe: string[] = JSON.parse(inDockerfile("HEALTHCHECK").replace(/^.*? CMD /, ""));

/** Where the words of both point to, and where that is in a test. */
function placesIn(folder: string, leader: string): [from: string, to: string][] {
  return [
    ["/opt/slotcask", `${folder}/opt/slotcask`],
    ["%S/slotcask", `${folder}/data`],
    ["/data", `${folder}/data`],
    ["%d/admin-token", `${folder}/admin.token`],
    ["/run/secrets/admin-token", `${folder}/admin.token`],
    ["leader:9100", leader],
    ["127.0.0.1:9464", "127.0.0.1:0"],
    ["0.0.0.0:9464", "127.0.0.1:0"],
  ];
}

/** The words as they run in a test: other places, the same flags. */
function moved(words: string[], folder: string, leader: string): string[] {
  const places = placesIn(folder, leader);
  // One pass over all places, so that what one of them put there is not moved by the next.
  const pattern = new RegExp(places.map(([from]) => from.replaceAll(/[.%]/g, "\\$&")).join("|"), "g");
  return words.map((word) => word.replace(pattern, (from) => places.find((place) => place[0] === from)![1]));
}

/** The flags behind `follow`. */
function followFlags(words: string[]): string[] {
  return words.slice(words.indexOf("follow")).filter((word) => word.startsWith("--"));
}

describe("examples/slotcask.service", () => {
  test("starts the runtime itself, with permissions for its own folders, its leader and its admin", () => {
    expect(unitWords[0]).toBe("/usr/local/bin/deno");
    expect(unitWords.filter((word) => word.startsWith("--allow"))).toEqual([
      "--allow-net=leader:9100,127.0.0.1:9464",
      "--allow-read=%S/slotcask,%d/admin-token",
      "--allow-write=%S/slotcask",
    ]);
  });

  test("does not start again what a person must mend", () => {
    expect(unit.get("RestartPreventExitStatus")).toBe("2 3");
    expect(unit.get("KillSignal")).toBe("SIGTERM");
    expect(Number(unit.get("TimeoutStopSec")) * 1000).toBeGreaterThan(STOP_MS);
  });

  test.skipIf(analyze === undefined)("is a unit in which systemd-analyze finds nothing", async () => {
    const folder = mkdtempSync(`${tmpdir()}/slotcask-unit-`);
    try {
      // It looks whether the program is there.
      const text = readExample("slotcask.service").replace("/usr/local/bin/deno", process.execPath);
      writeFileSync(`${folder}/slotcask.service`, text);
      const args = ["verify", "--man=no", `${folder}/slotcask.service`];
      expect(await runChild(analyze!, args, { timeoutMs: LIMIT_MS })).toEqual({ code: 0, output: "" });
    } finally {
      rmSync(folder, { recursive: true });
    }
  }, LIMIT_MS);
});

describe("examples/Dockerfile", () => {
  test("starts the runtime itself, as another user than root", () => {
    expect(dockerStart[0]).toBe("deno");
    expect(inDockerfile("USER")).toBe("deno");
  });

  test("declares what it keeps and where it listens", () => {
    expect(inDockerfile("VOLUME")).toBe("/data");
    expect(inDockerfile("EXPOSE")).toBe("9464");
  });
});

test.each([["slotcask.service", unitWords], ["Dockerfile", dockerStart]] as [string, string[]][])(
  "examples/%s uses flags that follow has",
  (_name, words) => {
    const { usage } = commands.find(({ name }) => name === "follow")!;
    expect(followFlags(words).filter((flag) => !usage.includes(`  ${flag}`))).toEqual([]);
  },
);

describe.skipIf(deno === undefined)("what they start", () => {
  let folder: string;
  let leading: Leading;

  beforeAll(async () => {
    folder = mkdtempSync(`${tmpdir()}/slotcask-deployed-`);
    await installPackage(folder, LIMIT_MS);
    writeFileSync(`${folder}/admin.token`, `${TOKEN}\n`, { mode: 0o600 });
    leading = await Leading.start(100);
  }, LIMIT_MS);

  afterAll(async () => {
    await leading?.[Symbol.asyncDispose]();
    rmSync(folder, { recursive: true, force: true });
  });

  /** Runs words until they are ready, then stops them by SIGTERM. */
  async function runOnce(words: string[], whileReady: (url: string) => Promise<void>): Promise<void> {
    rmSync(`${folder}/data`, { recursive: true, force: true });
    mkdirSync(`${folder}/data`);
    const env = { DENO_DIR: `${folder}/cache` };
    await using program = Program.start(moved(words, folder, leading.address), { cwd: folder, env });
    const url = () => /http:\/\/127\.0\.0\.1:\d+/.exec(program.out + program.err)?.[0];
    await until(() => url() !== undefined, PATIENCE_MS, "the admin's address");
    await until(async () => await statusOf(`${url()}/readyz`) === 200, PATIENCE_MS, "ready");
    await whileReady(url()!);
    const stoppedAt = performance.now();
    program.kill("SIGTERM");
    expect((await program.ended).code).toBe(0);
    expect(performance.now() - stoppedAt).toBeLessThan(STOP_MS);
    expect(isClean(`${folder}/data/replica`)).toBe(true);
  }

  test.each(["deno", "bun"] as RuntimeName[])("runs as the unit says, under %s", async (runtime) => {
    const program = unitWords.findIndex((word) => word.startsWith("/opt/slotcask/"));
    const words = runtime === "bun" ? unitWords.slice(program) : unitWords.slice(1);
    await runOnce([runtimePath(runtime) ?? deno!, ...words], async (url) => {
      expect(await statusOf(`${url}/`)).toBe(200);
      expect(await statusOf(`${url}/status`)).toBe(401);
      expect(await statusOf(`${url}/v1/backup`, "POST")).toBe(202);
    });
  }, LIMIT_MS);

  test("runs as the image does, and its probe says so", async () => {
    const probe = (url: string) =>
      runChild(deno!, dockerProbe.slice(1).map((word) => word.replace("http://127.0.0.1:9464", url)));
    let lastUrl = "";
    await runOnce([deno!, ...dockerStart.slice(1)], async (url) => {
      lastUrl = url;
      expect(await probe(url)).toMatchObject({ code: 0 });
    });
    expect((await probe(lastUrl)).code).toBe(1);
  }, LIMIT_MS);
});

async function statusOf(url: string, method = "GET"): Promise<number> {
  const headers: HeadersInit = method === "POST" ? { authorization: `Bearer ${TOKEN}` } : {};
  const response = await fetch(url, { method, headers });
  await response.body?.cancel();
  return response.status;
}
