import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { commands } from "../../src/cli/commands.ts";
import { run } from "../../src/cli/main.ts";
import { detectRuntime } from "../../src/runtime/mod.ts";
import { ROOT } from "../harness/runtimes.ts";

async function slotcask(args: string[], variables: Record<string, string> = {}) {
  let out = "", err = "";
  const code = await run(args, {
    runtime: detectRuntime(),
    env: (name) => variables[name],
    out: (text) => out += text,
    err: (text) => err += text,
  });
  return { code, out, err };
}

const NAMES = ["follow", "demo", "status", "ctl", "lead", "inspect", "verify", "get", "dump"];

describe("slotcask", () => {
  test("has the commands", () => expect(commands.map(({ name }) => name)).toEqual(NAMES));

  test.each([[["--help"]], [["-h"]], [["help"]]])("%j lists every command", async (args) => {
    const { code, out, err } = await slotcask(args);
    expect({ code, err }).toEqual({ code: 0, err: "" });
    for (const { name, summary } of commands) expect(out).toMatch(new RegExp(`^  ${name} +${summary}$`, "m"));
    expect(out).toContain("Examples:");
  });

  test.each(NAMES.map((name) => [name]))(
    "%s --help has usage and examples, whatever else is given",
    async (name) => {
      const help = await slotcask([name, "--nonsense", "--help"]);
      expect(help).toMatchObject({ code: 0, err: "" });
      expect(help.out).toContain(`slotcask ${name}`);
      expect(help.out).toMatch(/^Examples?:$/m);
      for (const line of help.out.split("\n")) expect(line.length).toBeLessThan(121);
      expect(await slotcask(["help", name])).toEqual(help);
    },
  );

  test("--version is that of deno.json and package.json", async () => {
    for (const file of ["deno.json", "package.json"]) {
      const { version } = JSON.parse(readFileSync(`${ROOT}/${file}`, "utf8"));
      expect((await slotcask(["--version"])).out).toContain(`slotcask ${version} (`);
    }
  });

  test.each([
    [[], "COMMAND is missing, allowed are follow, demo,"],
    [["folow"], 'Cannot use the command "folow": allowed are follow, demo,'],
    [["help", "folow"], 'Cannot use the command "folow"'],
    [["--follow"], 'Cannot use the command "--follow"'],
    [["follow"], "LEADER is missing"],
    [["follow", "nowhere"], 'Cannot use the address "nowhere"'],
    [["follow", ":0"], 'Cannot use the address ":0"'],
    [["follow", ":9", "--nudge", "2"], "Cannot use --nudge=2: allowed is off or a duration"],
    [["follow", ":9", "--protocol", "3"], "Cannot use --protocol=3: allowed is auto, 1 or 2"],
    [["follow", ":9", "--storage", "disk"], "Cannot use --storage=disk: allowed is resident"],
    [["follow", ":9", "extra"], 'Cannot use the argument "extra"'],
    [["follow", ":9", "--admin", "0.0.0.0:9464"], "Cannot serve the admin at 0.0.0.0:9464 without a token"],
    [
      ["follow", ":9", "--admin", "on"],
      "Cannot use --admin=on: allowed is HOST:PORT, [v6]:PORT, :PORT or off",
    ],
    [["follow", ":9", "--max-staleness", "2s"], "allowed is a duration of 6s or more: an idle leader speaks"],
    [
      ["follow", ":9", "--config", "not/here.json"],
      "Cannot read the config file not/here.json: there is no such",
    ],
    [["demo", "--admin", "[::]:9464"], "Cannot serve the admin at [::]:9464 without a token"],
    [["status", "--admin", "nowhere"], "Cannot use --admin: allowed is HOST:PORT or a URL"],
    [["ctl"], "ACTION is missing"],
    [["lead", "dir"], "--listen is missing, allowed is HOST:PORT"],
    [["lead", "dir", "--listen", "9100"], 'Cannot use the address "9100"'],
    [["lead", "--listen", ":0"], "DIR is missing"],
    [["demo", "--seconds", "soon"], "Cannot use --seconds=soon: allowed is a number above 0"],
  ])("%j is a usage error in one line", async (args, message) => {
    const { code, out, err } = await slotcask(args);
    expect({ code, out }).toEqual({ code: 2, out: "" });
    expect(err).toContain(message);
    expect(err).toMatch(/^slotcask: [^\n]+\n$/);
  });

  test("a garbage variable is a usage error that names it", async () => {
    const { code, err } = await slotcask(["follow", ":9"], { SLOTCASK_DIVERGENCE_LIMIT: "lots" });
    expect(code).toBe(2);
    expect(err).toBe("slotcask: Cannot use SLOTCASK_DIVERGENCE_LIMIT=lots: allowed is 0% to 100%\n");
  });
});
