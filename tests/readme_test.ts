import { describe, expect, test } from "bun:test";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { posix } from "node:path";
import { commands } from "../src/cli/commands.ts";
import { DEFAULT_BACKOFF } from "../src/replication/backoff.ts";
import { DEFAULT_LEADER_LIMITS } from "../src/replication/leader_connection.ts";
import { DEFAULT_RESCAN } from "../src/replication/links.ts";
import { DEFAULT_TIMES } from "../src/replication/times.ts";
import { codeBlocks, readmePermissionArguments, readReadme } from "./harness/readme.ts";
import { type ChildResult, ROOT, runChild, runtimePath } from "./harness/runtimes.ts";
import { startSmallLeader } from "./harness/small_leader.ts";

const LIMIT_MS = 60_000;
const deno = runtimePath("deno");
const PAGES = ["README.md", "CHANGELOG.md", "CONTRIBUTING.md", ...pagesIn("docs")];

function pagesIn(folder: string): string[] {
  return readdirSync(`${ROOT}/${folder}`).filter((name) => name.endsWith(".md")).map((name) =>
    `${folder}/${name}`
  );
}

function read(path: string): string {
  return readFileSync(`${ROOT}/${path}`, "utf8");
}

function flagsIn(text: string): string[] {
  return text.match(/(?<![\w-])--[a-z][a-z-]*/g) ?? [];
}

/** The flags that `--help` of a command names. */
function flagsOf(name: string): string[] {
  const command = commands.find((command) => command.name === name);
  return command === undefined ? [] : flagsIn(command.usage);
}

describe("README.md", () => {
  const readme = readReadme();
  const [table] = codeBlocks(readme, "text");

  test("has less than 120 lines", () => expect(readme.split("\n").length).toBeLessThan(120));

  test("has a program of ten lines", () => {
    expect(codeBlocks(readme, "ts")[0].split("\n").filter((line) => line !== "").length).toBeLessThanOrEqual(
      10,
    );
  });

  test("lists the commands that there are", () => {
    const listed = table.trim().split("\n").map((line) => line.split(" ")[0]);
    expect(listed.sort()).toEqual(commands.map(({ name }) => name).sort());
  });

  test("gives each command flags that it has", () => {
    const uses = [...table.split("\n"), ...codeBlocks(readme, "sh").flatMap((block) => block.split("\n"))]
      .map((line) => /^(?:.*\bmod\.ts )?([a-z]+) (.*?)(?:#.*)?$/.exec(line))
      .filter((use) => use !== null && commands.some(({ name }) => name === use[1]));
    const unknown = uses.flatMap((use) =>
      flagsIn(use![2]).filter((flag) => !flagsOf(use![1]).includes(flag))
    );
    expect(uses.length).toBeGreaterThan(commands.length);
    expect(unknown).toEqual([]);
  });

  test("names in its text no flag that is neither a command's nor a runtime's", () => {
    const runtimes = ["--allow-net", "--allow-read", "--allow-write", "--allow-env", "--bun", "--help"];
    const known = [...runtimes, ...commands.flatMap(({ name }) => flagsOf(name))];
    expect(flagsIn(readme).filter((flag) => !known.includes(flag))).toEqual([]);
  });
});

describe("the permissions of README.md", () => {
  const permissions = readmePermissionArguments("").filter((word) => word.startsWith("--allow-"));

  /** Follows a leader with README's command but for the permission `without`, until it has caught up. */
  async function followOnce(without?: string): Promise<ChildResult & { hasData: boolean }> {
    const cwd = mkdtempSync(`${tmpdir()}/slotcask-readme-`);
    try {
      await using leader = await startSmallLeader();
      const words = readmePermissionArguments(leader.address)
        .filter((word) => without === undefined || !word.startsWith(without))
        .map((word) => word === "mod.ts" ? `${ROOT}/mod.ts` : word);
      const args = ["run", "--no-prompt", ...words, "--until-caught-up", "--timeout", without ? "1s" : "30s"];
      const ended = await runChild(deno!, args, { cwd, timeoutMs: LIMIT_MS });
      return { ...ended, hasData: existsSync(`${cwd}/replica/shard_001/fixed.versions`) };
    } finally {
      rmSync(cwd, { recursive: true });
    }
  }

  test("are three", () => expect(permissions.length).toBe(3));

  test.skipIf(deno === undefined)("are enough to follow until caught up", async () => {
    const { code, output, hasData } = await followOnce();
    expect(`${code} ${output}`).toMatch(/^0 /);
    expect(hasData).toBe(true);
  }, LIMIT_MS);

  test.skipIf(deno === undefined).each(["--allow-net", "--allow-read", "--allow-write"])(
    "are needed: without %s it ends with an error",
    async (permission) => {
      const { code, output } = await followOnce(permission);
      expect(code).toBeGreaterThan(0);
      expect(output).toContain(permission);
    },
    LIMIT_MS,
  );
});

describe.each(PAGES)("%s", (page) => {
  test("links to files that there are", () => {
    const links = [...read(page).matchAll(/\]\((?!https?:)([^)#]+)/g)].map(([, link]) => link);
    expect(links.filter((link) => !existsSync(`${ROOT}/${posix.join(posix.dirname(page), link)}`))).toEqual(
      [],
    );
  });

  test("names tasks that deno.json has", () => {
    const tasks = Object.keys(JSON.parse(read("deno.json")).tasks);
    const named = [...read(page).matchAll(/(?:deno|deno@[\d.]+) task ([\w:]+)/g)].map(([, task]) => task);
    expect(named.filter((task) => !tasks.includes(task))).toEqual([]);
  });
});

test("docs/protocol.md explains every interval and limit of a session", () => {
  const all = { ...DEFAULT_TIMES, ...DEFAULT_BACKOFF, ...DEFAULT_RESCAN, ...DEFAULT_LEADER_LIMITS };
  const page = read("docs/protocol.md");
  expect(Object.keys(all).filter((name) => !page.includes(`| \`${name}\``))).toEqual([]);
});
