/** The product under the permissions that README.md publishes, and no others: every way to run a follower. */

import { describe, expect, test } from "bun:test";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { Program } from "../cli/program.ts";
import { README_LEADER, readmePermissionArguments } from "../harness/readme.ts";
import { ROOT, runtimePath } from "../harness/runtimes.ts";
import { startSmallLeader } from "../harness/small_leader.ts";

const LIMIT_MS = 60_000;
/** The admin's address in README's line. */
const README_ADMIN = "127.0.0.1:9464";
const deno = runtimePath("deno");

/** A port that nobody listens on. */
async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}

interface Run {
  /** More flags; ADMIN stands for the address that the permissions name. */
  flags: string[];
  /** Changes the permissions. */
  permissions?: (words: string[]) => string[];
}

/** A follower in a folder of its own, under README's permissions for its own leader and admin. */
async function withFollower(
  { flags, permissions = (words) => words }: Run,
  use: (program: Program, admin: string, folder: string) => Promise<void>,
): Promise<void> {
  const folder = mkdtempSync(`${tmpdir()}/slotcask-permissions-`);
  const admin = `127.0.0.1:${await freePort()}`;
  try {
    await using leader = await startSmallLeader();
    const line = readmePermissionArguments(leader.address).map((word) => word.replace(README_ADMIN, admin));
    const script = line.indexOf("mod.ts");
    const words = ["run", "--no-prompt", ...permissions(line.slice(0, script)), `${ROOT}/mod.ts`];
    const args = [
      ...words,
      ...line.slice(script + 1),
      ...flags.map((flag) => flag === "ADMIN" ? admin : flag),
    ];
    writeFileSync(`${folder}/outside`, "");
    await using program = Program.start([deno!, ...args], { cwd: folder });
    await use(program, `http://${admin}/`, folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

async function text(url: string, method = "GET"): Promise<string> {
  const answer = await fetch(url, { method, headers: { connection: "close" } });
  return `${answer.status} ${await answer.text()}`;
}

describe.skipIf(deno === undefined)("the published permissions are enough for", () => {
  test.each([
    ["a follower with its admin, and all that the admin does", {
      flags: ["--admin", "ADMIN", "--allow-actions"],
    }],
    [
      "slots on disk",
      { flags: ["--admin", "ADMIN", "--allow-actions", "--storage", "positional", "--sync", "batch"] },
    ],
    [
      "mapped slots, with --allow-ffi",
      {
        flags: ["--admin", "ADMIN", "--allow-actions", "--storage", "mapped"],
        permissions: (words) => [...words, "--allow-ffi"],
      },
    ],
  ] as [string, Run][])("%s", async (_name, run) => {
    await withFollower(run, async (program, admin) => {
      await program.says("caught up: 100 keys");
      expect(await text(`${admin}status`)).toMatch(/^200 .*"phase":"live"/);
      expect(await text(admin)).toMatch(/^200 <!doctype html>/i);
      for (const path of ["healthz", "readyz", "metrics", "openapi.json", "v1/keys"]) {
        expect([path, (await text(`${admin}${path}`)).slice(0, 3)]).toEqual([path, "200"]);
      }
      for (const action of ["pause", "resume", "rescan", "verify"]) {
        expect(await text(`${admin}v1/${action}`, "POST")).toMatch(/^20[02] /);
      }
      await program.says("verify done");
      program.kill("SIGTERM");
      const { code, out, err } = await program.ended;
      expect([code, err]).toEqual([0, ""]);
      expect(out).toContain("stopped cleanly with 100 keys");
    });
  }, LIMIT_MS);

  test("a follower without an admin, which needs no address for it", async () => {
    const permissions = (words: string[]) => words.map((word) => word.replace(/,127\.0\.0\.1:\d+$/, ""));
    await withFollower({ flags: ["--admin", "off", "--until-caught-up"], permissions }, async (program) => {
      const { code, out, err } = await program.ended;
      expect([code, err]).toEqual([0, ""]);
      expect(out).toContain("stopped cleanly with 100 keys");
    });
  }, LIMIT_MS);
});

describe.skipIf(deno === undefined)("without its permission", () => {
  test("a mapped follower names the flag", async () => {
    await withFollower({ flags: ["--storage", "mapped", "--until-caught-up"] }, async (program) => {
      const { code, err } = await program.ended;
      expect([code, err]).toEqual([expect.any(Number), expect.stringContaining("--allow-ffi")]);
      expect(code).toBeGreaterThan(0);
    });
  }, LIMIT_MS);

  test.each([
    ["a directory that was not granted", ["--dir", "./elsewhere", "--admin", "off"], "elsewhere"],
    ["a token file that was not granted", ["--admin-token-file", "./outside", "--admin", "ADMIN"], "outside"],
  ])("%s is not touched", async (_name, flags, path) => {
    await withFollower({ flags: [...flags, "--until-caught-up"] }, async (program, _admin, folder) => {
      const { code, err } = await program.ended;
      expect(code).toBeGreaterThan(0);
      expect(err).toContain(path);
      expect(err).toMatch(/--allow-(read|write)/);
      expect(existsSync(`${folder}/elsewhere`)).toBe(false);
    });
  }, LIMIT_MS);
});

test("README.md's line names its leader, its admin and one directory", () => {
  expect(readmePermissionArguments(README_LEADER).filter((word) => word.startsWith("--allow-"))).toEqual([
    `--allow-net=${README_LEADER},${README_ADMIN}`,
    "--allow-read=./replica",
    "--allow-write=./replica",
  ]);
});
