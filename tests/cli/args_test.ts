import { describe, expect, test } from "bun:test";
import { parseFlags, variableOf } from "../../src/cli/args.ts";
import {
  choice,
  durationOr,
  onOff,
  optionalNumber,
  optionalText,
  percentage,
  text,
} from "../../src/cli/flags.ts";
import { UsageError } from "../../src/errors.ts";

const FLAGS = {
  "dir": text("a path", "./replica"),
  "until-caught-up": onOff(),
  "sync": durationOr(["none", "batch"], 50),
  "log": choice(["text", "json"], "text"),
  "limit": percentage(0.1),
  "seconds": optionalNumber("a number above 0"),
  "out": optionalText("a path"),
};

function parse(args: string[], variables: Record<string, string> = {}, positionals: string[] = []) {
  return parseFlags(args, { flags: FLAGS, positionals }, { env: (name) => variables[name] });
}

function problemOf(
  args: string[],
  variables: Record<string, string> = {},
  positionals: string[] = [],
): string {
  try {
    parse(args, variables, positionals);
  } catch (error) {
    expect(error).toBeInstanceOf(UsageError);
    return (error as Error).message;
  }
  throw new Error(`${args.join(" ")} was accepted`);
}

describe("parseFlags", () => {
  test("without arguments gives the fallbacks", () => {
    expect(parse([])).toEqual({
      flags: {
        "dir": "./replica",
        "until-caught-up": false,
        "sync": 50,
        "log": "text",
        "limit": 0.1,
        "seconds": undefined,
        "out": undefined,
      },
      positionals: [],
    });
  });

  test("takes values behind a space or an equals sign", () => {
    const { flags } = parse(["--dir", "a b", "--sync=2s", "--limit", "12.5%", "--seconds=1.5", "--out=x"]);
    expect(flags).toMatchObject({ dir: "a b", sync: 2000, limit: 0.125, seconds: 1.5, out: "x" });
  });

  test("takes switches and positionals in any order, and everything behind -- as positional", () => {
    expect(parse(["--until-caught-up", "a", "--log", "json", "--", "--b"], {}, ["A", "B"])).toMatchObject({
      flags: { "until-caught-up": true, "log": "json" },
      positionals: ["a", "--b"],
    });
  });

  test("takes flags from the environment", () => {
    const variables = { SLOTCASK_DIR: "d", SLOTCASK_UNTIL_CAUGHT_UP: "yes", SLOTCASK_SYNC: "batch" };
    expect(parse([], variables).flags).toMatchObject({ dir: "d", "until-caught-up": true, sync: "batch" });
  });

  test("a flag beats the environment, also a bad one", () => {
    expect(parse(["--dir", "mine", "--sync", "none"], { SLOTCASK_DIR: "theirs", SLOTCASK_SYNC: "x" }).flags)
      .toMatchObject({ dir: "mine", sync: "none" });
  });

  test("an empty variable counts as unset", () => {
    expect(parse([], { SLOTCASK_DIR: "", SLOTCASK_SYNC: "" }).flags).toMatchObject({
      dir: "./replica",
      sync: 50,
    });
  });

  test("the last of a repeated flag counts", () => {
    expect(parse(["--dir", "a", "--dir", "b"]).flags.dir).toBe("b");
  });

  test.each([
    [["--foo"], "Cannot use --foo: there is no such flag, allowed are --dir, "],
    [["-x"], "Cannot use -x: there is no such flag"],
    [["--constructor"], "Cannot use --constructor: there is no such flag"],
    [["--dir"], "Cannot use --dir: its value is missing, allowed is a path"],
    [["--dir", "--log", "json"], "Cannot use --dir: its value is missing"],
    [["--dir="], "Cannot use --dir=: allowed is a path"],
    [["--until-caught-up=no"], "Cannot use --until-caught-up=no: it takes no value"],
    [["--sync", "5"], "Cannot use --sync=5: allowed is none, batch or a duration such as 50ms"],
    [["--sync", "0ms"], "Cannot use --sync=0ms: allowed is"],
    [["--log", "xml"], "Cannot use --log=xml: allowed is text or json"],
    [["--limit", "101%"], "Cannot use --limit=101%: allowed is 0% to 100%"],
    [["--limit", "0.1"], "Cannot use --limit=0.1: allowed is 0% to 100%"],
    [["--seconds", "0"], "Cannot use --seconds=0: allowed is a number above 0"],
    [["--seconds", "1e3"], "Cannot use --seconds=1e3: allowed is a number above 0"],
    [["extra"], 'Cannot use the argument "extra": the arguments are none'],
  ])("refuses %j", (args, message) => {
    expect(problemOf(args)).toContain(message);
  });

  test("names the variable of a bad value", () => {
    expect(problemOf([], { SLOTCASK_SYNC: "often" })).toContain(
      "Cannot use SLOTCASK_SYNC=often: allowed is none,",
    );
    expect(problemOf([], { SLOTCASK_UNTIL_CAUGHT_UP: "maybe" })).toBe(
      "Cannot use SLOTCASK_UNTIL_CAUGHT_UP=maybe: allowed is true or false",
    );
  });

  test("names the positional that is missing, or too many", () => {
    expect(problemOf([], {}, ["LEADER"])).toBe("Cannot go on: LEADER is missing");
    expect(problemOf(["a", "b"], {}, ["LEADER"])).toBe(
      'Cannot use the argument "b": the arguments are LEADER',
    );
  });

  test("names a flag that must be given, once", () => {
    const spec = { flags: { listen: text("HOST:PORT") }, positionals: [] };
    const given = (args: string[]) => () => parseFlags(args, spec, { env: () => undefined });
    expect(given([])).toThrow(/^Cannot go on: --listen is missing, allowed is HOST:PORT$/);
    expect(given(["--listen"])).toThrow(/^Cannot use --listen: its value is missing, allowed is HOST:PORT$/);
  });

  test("reports all problems together", () => {
    const problem = problemOf(["--log", "xml", "--foo"], { SLOTCASK_LIMIT: "x" });
    for (const part of ["--log=xml", "--foo", "SLOTCASK_LIMIT=x"]) expect(problem).toContain(part);
  });
});

test("variableOf is in capitals, with underscores", () => {
  expect(variableOf("until-caught-up")).toBe("SLOTCASK_UNTIL_CAUGHT_UP");
});
