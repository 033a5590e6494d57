import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import process from "node:process";
import { requireTool, toolPath } from "./tools.ts";

const VARIABLES = ["PATH", "SLOTCASK_PROMTOOL", "SLOTCASK_INTEROP"];

describe("a tool", () => {
  const before = new Map<string, string | undefined>();
  let folder: string;

  beforeEach(() => {
    for (const name of VARIABLES) {
      before.set(name, process.env[name]);
      delete process.env[name];
    }
    folder = mkdtempSync(`${tmpdir()}/slotcask-tools-`);
    for (const name of ["a", "b", "c"]) mkdirSync(`${folder}/${name}`);
    process.env.PATH = ["a", "b", "c"].map((name) => `${folder}/${name}`).join(":");
  });

  afterEach(() => {
    rmSync(folder, { recursive: true });
    for (const [name, value] of before) {
      if (value === undefined) delete process.env[name];
      else process.env[name] = value;
    }
  });

  test("is the first in PATH that can be run", () => {
    writeFileSync(`${folder}/a/promtool`, "", { mode: 0o644 });
    writeFileSync(`${folder}/b/promtool`, "", { mode: 0o755 });
    writeFileSync(`${folder}/c/promtool`, "", { mode: 0o755 });
    expect(toolPath("promtool")).toBe(`${folder}/b/promtool`);
  });

  test("is what its variable says, wherever that is", () => {
    process.env.SLOTCASK_PROMTOOL = "/elsewhere/promtool";
    expect(toolPath("promtool")).toBe("/elsewhere/promtool");
  });

  test("that is missing leaves its tests out", () => {
    expect(requireTool("promtool")).toBeUndefined();
  });

  test("that is missing is an error where nothing may be left out", () => {
    process.env.SLOTCASK_INTEROP = "required";
    expect(() => requireTool("promtool")).toThrow("PATH holds no promtool");
  });
});
