import { describe, expect, test } from "bun:test";
import { Ajv2020 } from "ajv/dist/2020.js";
import { readFileSync } from "node:fs";
import type { CliContext } from "../../src/cli/command.ts";
import { readConfigFile } from "../../src/cli/config_file.ts";
import { followFlags, parseFollow } from "../../src/cli/follow_flags.ts";
import { tokenOf } from "../../src/cli/token.ts";
import { UsageError } from "../../src/errors.ts";
import type { Files, Runtime } from "../../src/runtime/runtime.ts";
import { ROOT } from "../harness/runtimes.ts";

const TOKEN = "never-to-be-told";

/** Files with these texts. */
function filesOf(texts: Record<string, string>): Files {
  const readFile = (path: string) =>
    Object.hasOwn(texts, path) ? new TextEncoder().encode(texts[path]) : undefined;
  return { readFile } as unknown as Files;
}

interface Start {
  args?: string[];
  env?: Record<string, string>;
  config?: unknown;
  texts?: Record<string, string>;
}

function parse({ args = [], env = {}, config, texts = {} }: Start) {
  const files = filesOf({ "c.json": JSON.stringify(config ?? {}), ...texts });
  const context = { runtime: { files } as Runtime, env: (name: string) => env[name] } as CliContext;
  return parseFollow(["--config", "c.json", ...args], context);
}

function problemOf(start: Start): string {
  try {
    parse(start);
  } catch (error) {
    expect(error).toBeInstanceOf(UsageError);
    return (error as Error).message;
  }
  throw new Error("It was accepted");
}

describe("follow --config", () => {
  test("takes everything from the file", () => {
    const config = {
      "$schema": "https://example.org/config.schema.json",
      "leader": "leader:9100",
      "dir": "there",
      "sync": "batch",
      "protocol": 2,
      "nudge": "off",
      "divergence-limit": "5%",
      "until-caught-up": true,
      "admin": ":0",
      "max-staleness": "1m",
    };
    const { flags, positionals } = parse({ config });
    expect(positionals).toEqual(["leader:9100"]);
    expect(flags).toMatchObject({
      "dir": "there",
      "sync": "batch",
      "protocol": "2",
      "nudge": "off",
      "divergence-limit": 0.05,
      "until-caught-up": true,
      "admin": { host: "127.0.0.1", port: 0, isAsked: true },
      "max-staleness": 60_000,
    });
  });

  test("flags beat the environment, which beats the file", () => {
    const config = { leader: "file:1", dir: "file", log: "json", storage: "positional" };
    const env = { SLOTCASK_DIR: "environment", SLOTCASK_LOG: "text" };
    const { flags, positionals } = parse({ config, env, args: ["flag:1", "--dir", "flag"] });
    expect(positionals).toEqual(["flag:1"]);
    expect(flags).toMatchObject({ dir: "flag", log: "text", storage: "positional" });
  });

  test("is named by SLOTCASK_CONFIG, too", () => {
    const files = filesOf({ "d.json": '{"leader": ":9"}' });
    const env = (name: string) => name === "SLOTCASK_CONFIG" ? "d.json" : undefined;
    const { positionals } = parseFollow([], { runtime: { files }, env } as CliContext);
    expect(positionals).toEqual([":9"]);
  });

  test("reports the problems of flags, environment, file and between them together", () => {
    const problem = problemOf({
      args: ["--nudge", "2", "--admin-token", TOKEN, "--admin-token-file", "t"],
      env: { SLOTCASK_TIMEOUT: "soon" },
      config: { "leader": "nowhere", "dir": 5, "sink": 1, "until-caught-up": "yes" },
      texts: { t: TOKEN },
    });
    expect(problem.split("; ").map((part) => part.replace(/ allowed is .*/, ""))).toEqual([
      expect.stringMatching(
        /^Cannot use "sink" in c\.json: there is no such field, allowed are leader, dir, /,
      ),
      'Cannot use "dir" = 5 in c.json:',
      'Cannot use "until-caught-up" = "yes" in c.json:',
      "Cannot use SLOTCASK_TIMEOUT=soon:",
      "Cannot use --nudge=2:",
      expect.stringMatching(/^Cannot use the address "nowhere"/),
      expect.stringMatching(/^Cannot use both admin-token and admin-token-file/),
    ]);
    expect(problem).not.toContain(TOKEN);
  });

  const FLAG = ["--admin-token", "flag"], FLAG_FILE = ["--admin-token-file", "f"];
  const VARIABLE = { SLOTCASK_ADMIN_TOKEN: "variable" }, VARIABLE_FILE = { SLOTCASK_ADMIN_TOKEN_FILE: "v" };
  const FIELD = { "leader": ":9", "admin-token": "field" },
    FIELD_FILE = { "leader": ":9", "admin-token-file": "c" };
  test.each<[Start, string]>([
    [{ args: FLAG_FILE, env: VARIABLE, config: FIELD }, "flag-file"],
    [{ args: FLAG, env: VARIABLE_FILE, config: FIELD_FILE }, "flag"],
    [{ env: VARIABLE, config: FIELD_FILE }, "variable"],
    [{ env: VARIABLE_FILE, config: FIELD }, "variable-file"],
    [{ env: { SLOTCASK_ADMIN_TOKEN: "" }, config: FIELD_FILE }, "field-file"],
    [{ args: FLAG, env: { SLOTCASK_ADMIN_TOKEN_FILE: "there is none" }, config: FIELD }, "flag"],
  ])("of two tokens the higher source wins: %j", (start, token) => {
    const texts = { f: "flag-file", v: "variable-file", c: "field-file" };
    expect(tokenOf(parse({ config: { leader: ":9" }, ...start, texts }).flags)).toBe(token);
  });

  test.each<[Start]>([
    [{ args: [...FLAG, ...FLAG_FILE], env: VARIABLE }],
    [{ env: { ...VARIABLE, ...VARIABLE_FILE }, config: FIELD }],
    [{ config: { ...FIELD, ...FIELD_FILE } }],
  ])("two tokens from one source are refused: %j", (start) => {
    const texts = { f: "flag-file", v: "variable-file", c: "field-file" };
    expect(problemOf({ config: { leader: ":9" }, ...start, texts })).toContain(
      "Cannot use both admin-token and admin-token-file: give one of them",
    );
  });

  test.each<[Start, string]>([
    [{ config: { leader: 9100 } }, '"leader" = 9100 in c.json: allowed is a text'],
    [{ config: { leader: ":9", config: "d.json" } }, '"config" in c.json: there is no such field'],
    [{ config: { leader: ":9", protocol: 3 } }, '"protocol" = 3 in c.json: allowed is auto, 1 or 2'],
    [{ config: { leader: ":9", sync: 50 } }, '"sync" = 50 in c.json: allowed is none, batch or a duration'],
    [{ config: { "leader": ":9", "max-staleness": "5s" } }, "an idle leader speaks every 5 s"],
    [
      { config: { leader: ":9", admin: "everywhere" } },
      '"admin" = "everywhere" in c.json: allowed is HOST:PORT',
    ],
    [{ config: { leader: ":9", dir: null } }, '"dir" = null in c.json: allowed is a path'],
    [{ config: [] }, "Cannot use the config file c.json: it must hold one JSON object"],
    [
      { texts: { "c.json": "" }, args: [":9"] },
      "Cannot use the config file c.json: it is not JSON: Unexpected ",
    ],
    [
      { args: [":9", "--config", "none.json"] },
      "Cannot read the config file none.json: there is no such file",
    ],
    [
      { args: [":9", "--max-staleness", "5s"] },
      "Cannot use --max-staleness=5s: allowed is a duration of 6s or more",
    ],
    [{ args: [":9", "--admin", "0.0.0.0:9464"] }, "Cannot serve the admin at 0.0.0.0:9464 without a token"],
    [
      { args: [":9", "--admin", "[::]:1", "--allow-actions"] },
      "Cannot serve the admin at [::]:1 without a token",
    ],
    [
      { args: [":9", "--admin-token-file", "none"] },
      "Cannot read the token file none: there is no such file",
    ],
    [
      { args: [":9", "--admin-token-file", "t"], texts: { t: "\n" } },
      "Cannot use the token file t: it is empty",
    ],
  ])("refuses %j", (start, message) => {
    expect(problemOf(start)).toContain(message);
  });

  test.each<[Start]>([
    [{ texts: { "c.json": "{" } }],
    [{ texts: { "c.json": "[]" } }],
    [{ args: ["--config", "none.json"] }],
    [{ args: ["--config", "none.json", "--admin", "0.0.0.0:1"] }],
  ])("calls nothing missing that a file may hold which cannot be read: %j", (start) => {
    expect(problemOf(start)).toMatch(/^Cannot (use|read) the config file [^;]+$/);
  });

  test("reports other problems beside a file that cannot be read", () => {
    expect(problemOf({ args: ["a", "b", "--config", "none.json", "--sync", "x"] }).split("; ")).toEqual([
      expect.stringContaining("Cannot read the config file none.json"),
      expect.stringContaining("Cannot use --sync=x"),
      expect.stringContaining('Cannot use the argument "b"'),
      expect.stringContaining('Cannot use the address "a"'),
    ]);
  });

  test.each<[Start]>([
    [{ args: [":9", "--admin-token", `${TOKEN} `] }],
    [{ args: [":9"], env: { SLOTCASK_ADMIN_TOKEN: `${TOKEN}\n` } }],
    [{ config: { "leader": ":9", "admin-token": [TOKEN] } }],
    [{ args: [":9", "--admin-token-file", "t"], texts: { t: `${TOKEN} \n` } }],
    [{ texts: { "c.json": `{"admin-token": ${TOKEN}}` } }],
    [{ texts: { "c.json": `"admin-token": "${TOKEN}"` } }],
    [{ texts: { "c.json": `{"admin-token": "${TOKEN}" no` } }],
  ])("does not repeat a token that it refuses (%#)", (start) => {
    const problem = problemOf(start);
    expect(problem).toContain("Cannot use ");
    expect(problem).not.toContain("never");
  });

  test("names the place of a mistake where the runtime does", () => {
    let place: string | undefined;
    try {
      JSON.parse("{\n1}");
    } catch (error) {
      place = /line \d+ column \d+/.exec((error as Error).message)?.[0];
    }
    const problem = problemOf({ texts: { "c.json": "{\n1}" } });
    expect(problem).toMatch(/c\.json: it is not JSON: \S+/);
    if (place !== undefined) expect(problem).toContain(place);
  });

  test("a file that cannot be read is a usage error", () => {
    const files = {
      readFile: () => {
        throw new Error("EISDIR: it is a directory");
      },
    } as unknown as Files;
    expect(() => readConfigFile(files, "dir")).toThrow(/^Cannot read the config file dir: EISDIR/);
  });
});

describe("docs/config.schema.json", () => {
  const schema = JSON.parse(readFileSync(`${ROOT}/docs/config.schema.json`, "utf8"));
  const properties: Record<string, { default?: unknown; description?: string }> = schema.properties;
  const flags = followFlags(filesOf({ t: TOKEN }));
  const isValid = new Ajv2020().compile(schema);

  test("has the flags and the argument as fields, and no other", () => {
    const names = Object.keys(flags).filter((name) => name !== "config");
    expect(Object.keys(properties).sort()).toEqual(["$schema", "leader", ...names].sort());
  });

  test.each(Object.entries(flags).map(([name, flag]) => [name, flag] as const))(
    "has the default of --%s",
    (name, flag) => {
      const given = properties[name]?.default;
      const value = given === undefined ? undefined : flag.read(String(given));
      const fallback = flag.fallback!();
      // Where the admin is served by default is no wish: that is the one difference.
      if (name === "admin") expect(value).toEqual({ ...fallback as object, isAsked: true });
      else expect(value).toEqual(fallback);
    },
  );

  test.each<[string, unknown]>([
    ["leader", ":9"],
    ["leader", 9],
    ["dir", ""],
    ["dir", "d"],
    ["until-caught-up", true],
    ["until-caught-up", "true"],
    ["timeout", "1.5s"],
    ["timeout", "1.5"],
    ["timeout", 60],
    ["storage", "mapped"],
    ["storage", "disk"],
    ["sync", "none"],
    ["sync", "often"],
    ["protocol", 1],
    ["protocol", "2"],
    ["protocol", 3],
    ["nudge", "off"],
    ["nudge", "on"],
    ["rescan", "6h"],
    ["on-divergence", "hold"],
    ["on-divergence", "ignore"],
    ["divergence-limit", "12.5%"],
    ["divergence-limit", "100%"],
    ["divergence-limit", "101%"],
    ["divergence-limit", 0.1],
    ["max-slots", 1],
    ["max-slots", "268435456"],
    ["max-slots", 268435456],
    ["max-slots", "268435457"],
    ["max-slots", 268435457],
    ["max-slots", 0],
    ["max-slots", 1.5],
    ["max-slots", "many"],
    ["log", "json"],
    ["admin", "off"],
    ["admin", "[::1]:0"],
    ["admin", "9464"],
    ["admin", true],
    ["admin-token", "t"],
    ["admin-token", "t t"],
    ["admin-token-file", "t"],
    ["admin-token-file", ""],
    ["allow-actions", false],
    ["allow-actions", 0],
    ["max-staleness", "1m"],
    ["backup-dir", "b"],
    ["$schema", "https://example.org"],
    ["unknown", 1],
  ])("says of %s: %j what the reader says", (name, value) => {
    const config = { leader: ":9", [name]: value };
    let isRead = true;
    try {
      parse({ config, texts: { t: TOKEN } });
    } catch {
      isRead = false;
    }
    expect(isValid(config)).toBe(isRead);
  });
});
