import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { gunzipSync } from "node:zlib";
import { readTar, type TarFile } from "../scripts/tar.ts";
import { readmeProgram } from "./harness/readme.ts";
import { type ChildResult, ROOT, runChild, type RuntimeName, runtimePath } from "./harness/runtimes.ts";
import { putUser, startSmallLeader } from "./harness/small_leader.ts";

const LIMIT_MS = 60_000;
// SLOTCASK_DENO and SLOTCASK_BUN tell where the runtimes are; `task test` sets them.
const deno = runtimePath("deno");

/** How each runtime starts a file, and the installed command. */
const STARTS: Record<RuntimeName, { file: string[]; command: string[] }> = {
  deno: { file: ["run", "-A", "--check"], command: ["run", "-A", "npm:slotcask"] },
  bun: { file: ["run"], command: ["x", "--bun", "slotcask"] },
};

describe.skipIf(deno === undefined)("the npm package", () => {
  let folder: string;
  let app: string;
  let files: TarFile[];

  /** Runs an executable in the folder where the package is installed. */
  const runInApp = (executable: string, args: string[]): Promise<ChildResult> =>
    runChild(executable, args, { cwd: app, timeoutMs: LIMIT_MS });

  beforeAll(async () => {
    folder = mkdtempSync(`${tmpdir()}/slotcask-pack-`);
    app = `${folder}/app`;
    mkdirSync(app);
    const tarball = `${folder}/slotcask.tgz`;
    const packed = await runChild(deno!, ["run", "-A", "scripts/pack.ts", "--output", tarball]);
    expect(packed).toMatchObject({ code: 0 });
    files = readTar(gunzipSync(readFileSync(tarball)));
    const installed = await runInApp("npm", ["install", "--no-audit", "--no-fund", tarball]);
    expect(installed).toMatchObject({ code: 0 });
  }, LIMIT_MS);

  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  test("holds one package.json, with the name, the version and the dependencies of ours", () => {
    const ours = JSON.parse(readFileSync(`${ROOT}/package.json`, "utf8"));
    const manifests = files.filter(({ name }) => name.endsWith("package.json"));
    expect(manifests.map(({ name }) => name)).toEqual(["package/package.json"]);
    const { name, version, dependencies } = ours;
    expect(JSON.parse(text(manifests[0]))).toMatchObject({ name, version, dependencies });
  });

  test("holds README, license and types, and no TypeScript source or test", () => {
    const names = files.map(({ name }) => name.replace("package/", ""));
    expect(names).toEqual(expect.arrayContaining(["README.md", "LICENSE", "mod.js", "mod.d.ts"]));
    expect(names.filter((name) => /(?<!\.d)\.ts$|_test\b|\.lock$/.test(name))).toEqual([]);
  });

  test("names no path of the machine that packed it", () => {
    const telling = files.filter((file) =>
      [ROOT, folder, tmpdir() + "/", "file:///", "sourceMappingURL"].some((part) => text(file).includes(part))
    );
    expect(telling.map(({ name }) => name)).toEqual([]);
  });

  test("tells Node's users which runtimes it needs", async () => {
    const { code, output } = await runInApp("node", ["node_modules/.bin/slotcask", "--help"]);
    expect(output).toMatch(/^slotcask runs on Deno 2 and Bun 1, and this is Node\./);
    expect(code).toBe(1);
  }, LIMIT_MS);

  describe.each(["deno", "bun"] as const)("in %s", (name) => {
    const runtime = runtimePath(name);

    test.skipIf(runtime === undefined)("has the command slotcask", async () => {
      const { code, output } = await runInApp(runtime!, [...STARTS[name].command, "--help"]);
      expect(output).toContain("Usage: slotcask COMMAND");
      expect(code).toBe(0);
    }, LIMIT_MS);

    test.skipIf(runtime === undefined)("runs README's program", async () => {
      await using leader = await startSmallLeader();
      writeFileSync(
        `${app}/${name}_program.ts`,
        readmeProgram(leader.address).replace("replica", `of-${name}`),
      );
      // The program ends with the first change that it sees.
      const changes = setInterval(() => putUser(leader.store, 42), 10);
      const { code, output } = await runInApp(runtime!, [...STARTS[name].file, `./${name}_program.ts`])
        .finally(() => clearInterval(changes));
      expect(output).toContain("100 keys, user:042 has 16 bytes\n");
      expect(code).toBe(0);
    }, LIMIT_MS);
  });
});

function text({ bytes }: TarFile): string {
  return new TextDecoder().decode(bytes);
}
