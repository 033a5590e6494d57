import { chmodSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import type { Command } from "../../src/cli/command.ts";
import { command as dump } from "../../src/cli/dump.ts";
import { command as get } from "../../src/cli/get.ts";
import { command as inspect } from "../../src/cli/inspect.ts";
import { command as verify } from "../../src/cli/verify.ts";
import type { Files } from "../../src/runtime/runtime.ts";
import { lockDirectory } from "../../src/storage/dir_lock.ts";
import {
  age,
  contentsOf,
  files,
  flip,
  keyOf,
  makeStore,
  markDirty,
  placeOf,
  process,
  resize,
  shardFile,
  slotAt,
  temporaryDirectory,
  VALUE_AT,
  valueOf,
} from "../directory/sample.ts";
import { denoProgram, run } from "../runtime/child.ts";
import { runCommand } from "./run_command.ts";

const KEY = keyOf(1).toHex();
const COMMANDS: [name: string, command: Command, args: string[]][] = [
  ["inspect", inspect, []],
  ["verify", verify, []],
  ["get", get, [KEY]],
  ["dump", dump, []],
];

/** Files that can only look. */
function readOnlyFiles(): Files {
  const looks = ["open", "close", "read", "size", "readFile", "exists", "list", "isLocked"];
  const refuse = (call: string) => () => {
    throw new Error(`An offline command called ${call}`);
  };
  const entries = Object.entries(files).map((
    [name, call],
  ) => [name, looks.includes(name) ? call : refuse(name)]);
  return {
    ...Object.fromEntries(entries),
    open(path: string, mode: string) {
      if (mode !== "read") throw new Error(`An offline command opened ${path} to ${mode}`);
      return files.open(path, "read");
    },
  };
}

describe("an offline command", () => {
  let directory: string;
  beforeEach(async () => {
    directory = temporaryDirectory();
    await makeStore(directory, { count: 200, deleted: [7] });
  });
  afterEach(() => {
    chmodSync(directory, 0o755);
    files.remove(directory);
  });

  for (const [name, command, args] of COMMANDS) {
    test.each([
      ["clean", () => {}],
      ["after a crash", () => markDirty(directory, 0)],
      ["with an unfinished shard", () => resize(shardFile(directory, 0), 0)],
      ["with a torn slot", () => {
        const { shard } = placeOf(directory, keyOf(2));
        markDirty(directory, shard);
        flip(shardFile(directory, shard), slotAt(placeOf(directory, keyOf(2)).slot, VALUE_AT));
      }],
      ["without a lock file", () => files.remove(`${directory}/db.lock`)],
    ])(`${name} changes nothing in a directory that is %s`, async (_, prepare) => {
      (prepare as () => void)();
      age(directory);
      const before = contentsOf(directory);
      const { out } = await runCommand(command, [directory, ...args], { files: readOnlyFiles() });
      expect(out + (name === "get" ? "." : "")).not.toBe("");
      expect(contentsOf(directory)).toEqual(before);
    });

    test(`${name} takes no lock, and minds none`, async () => {
      const lock = lockDirectory(files, directory, process.pid);
      age(directory);
      const before = contentsOf(directory);
      const { code } = await runCommand(command, [directory, ...args], { files: readOnlyFiles() });
      lock.release();
      expect(code).toBe(0);
      expect(contentsOf(directory)).toEqual(before);
    });
  }

  test("works on a directory that nobody may write", async () => {
    for (const path of Object.keys(contentsOf(directory))) {
      chmodSync(path, 0o555);
    }
    for (const [, command, args] of COMMANDS) {
      expect((await runCommand(command, [directory, ...args])).code).toBe(0);
    }
    for (const path of Object.keys(contentsOf(directory))) chmodSync(path, 0o755);
  });

  test.skipIf(denoProgram === undefined)(
    "needs Deno's permission to read the directory, no other",
    async () => {
      const program = fileURLToPath(new URL("../../mod.ts", import.meta.url));
      const allowed = [`--allow-read=${directory}`, "--no-prompt"];
      for (const [name, , args] of COMMANDS) {
        const { code, out, err } = await run([
          denoProgram!,
          "run",
          ...allowed,
          program,
          name,
          directory,
          ...args,
        ]);
        expect([name, code, err]).toEqual([name, 0, ""]);
        if (name === "get") expect(out).toBe(valueOf(1).toHex() + "\n");
        else expect(out).not.toBe("");
      }
    },
    20_000,
  );

  test("closes every file", async () => {
    const open = new Set<number>();
    const counting: Files = {
      ...files,
      open(path, mode) {
        const file = files.open(path, mode);
        open.add(file);
        return file;
      },
      close(file) {
        files.close(file);
        open.delete(file);
      },
    };
    files.remove(shardFile(directory, 1, "fixed.versions"));
    for (const [, command, args] of COMMANDS) {
      await runCommand(command, [directory, ...args], { files: counting });
      expect(open.size).toBe(0);
    }
  });
});
