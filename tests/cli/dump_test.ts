import { symlinkSync } from "node:fs";
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { command } from "../../src/cli/dump.ts";
import { command as get } from "../../src/cli/get.ts";
import { ForeignDirectoryError, StorageError, UsageError } from "../../src/errors.ts";
import { lockDirectory } from "../../src/storage/dir_lock.ts";
import {
  files,
  flip,
  keyOf,
  makeStore,
  markDirty,
  patch,
  placeOf,
  process,
  resize,
  SHAPE,
  shardFile,
  slotAt,
  slotBytes,
  temporaryDirectory,
  VALUE_AT,
  valueOf,
} from "../directory/sample.ts";
import { failureOf, runCommand } from "./run_command.ts";

function textOf(path: string): string {
  return new TextDecoder().decode(files.readFile(path));
}

function linesOf(numbers: number[]): string {
  return numbers.map((i) => `${keyOf(i).toHex()} ${valueOf(i).toHex()}\n`).join("");
}

describe("dump", () => {
  let root: string;
  let directory: string;
  beforeEach(async () => {
    root = temporaryDirectory();
    directory = `${root}/replica`;
    await makeStore(directory, { count: 1000, deleted: [7] });
  });
  afterEach(() => files.remove(root));

  const numbers = Array.from({ length: 1000 }, (_, i) => i).filter((i) => i !== 7);

  test("prints all keys sorted, clean and after a crash", async () => {
    for (const isClean of [true, false]) {
      if (!isClean) { for (const shard of [0, 1]) markDirty(directory, shard); }
      expect(await runCommand(command, [directory])).toEqual({ code: 0, out: linesOf(numbers), err: "" });
    }
  });

  test("prints places and versions as jsonl", async () => {
    const { out } = await runCommand(command, [directory, "--format", "jsonl"]);
    const lines = out.trimEnd().split("\n").map((line) => JSON.parse(line));
    expect(lines.map((line) => line.key)).toEqual(numbers.map((i) => keyOf(i).toHex()));
    for (const i of [0, 1, 500]) {
      expect(lines[numbers.indexOf(i)]).toEqual({
        key: keyOf(i).toHex(),
        value: valueOf(i).toHex(),
        ...placeOf(directory, keyOf(i)),
        version: 1,
      });
    }
  });

  test("writes a file whole, over an older and longer one", async () => {
    const path = `${root}/out.txt`;
    files.close(files.open(path, "create"));
    resize(path, 200_000);
    expect(await runCommand(command, [directory, "--out", path])).toEqual({ code: 0, out: "", err: "" });
    expect(textOf(path)).toBe(linesOf(numbers));
    expect(files.list(root)!.sort()).toEqual(["out.txt", "replica"]);
  });

  test("prints nothing for an empty store", async () => {
    files.remove(directory);
    await makeStore(directory, { count: 0 });
    expect(await runCommand(command, [directory])).toEqual({ code: 0, out: "", err: "" });
    await runCommand(command, [directory, "--out", `${root}/empty`]);
    expect(textOf(`${root}/empty`)).toBe("");
  });

  test("prints a key and a space for an empty value", async () => {
    files.remove(directory);
    await makeStore(directory, { count: 2, shape: { ...SHAPE, valueLength: 0 } });
    const { out } = await runCommand(command, [directory]);
    expect(out).toBe(`${keyOf(0).toHex()} \n${keyOf(1).toHex()} \n`);
  });

  test("prints one line for equal keys: the value that get prints", async () => {
    const { shard, slot } = placeOf(directory, keyOf(1));
    for (const each of [0, 1]) markDirty(directory, each);
    patch(shardFile(directory, shard), slotAt(4000), slotBytes(9, keyOf(1), valueOf(1, 1)));
    patch(shardFile(directory, 1 - shard), slotAt(4000), slotBytes(9, keyOf(1), valueOf(1, 2)));
    const key = keyOf(1).toHex();
    const lineOf = async () => (await runCommand(command, [directory])).out.split("\n")[1];
    const expected = async () => `${key} ${(await runCommand(get, [directory, key])).out.trim()}`;
    expect(await lineOf()).toBe(await expected());
    expect(await lineOf()).toBe(`${key} ${valueOf(1, 1).toHex()}`);
    for (const at of [slot, 4000]) patch(shardFile(directory, shard), slotAt(at), [2]);
    expect(await lineOf()).toBe(await expected());
    expect(await lineOf()).toBe(`${key} ${valueOf(1, 2).toHex()}`);
    const { out } = await runCommand(command, [directory]);
    expect(out.split("\n").length - 1).toBe(numbers.length);
  });

  test("leaves slots out whose CRC does not match, and says so", async () => {
    const { shard, slot } = placeOf(directory, keyOf(1));
    flip(shardFile(directory, shard), slotAt(slot, VALUE_AT));
    const { code, out, err } = await runCommand(command, [directory]);
    expect([code, out]).toEqual([0, linesOf(numbers.filter((i) => i !== 1))]);
    expect(err).toBe("1 slots whose CRC does not match are not in the dump: see verify\n");
  });

  test("says live where a process holds the directory, and reads a torn slot again", async () => {
    const { shard, slot } = placeOf(directory, keyOf(1));
    const [data, at] = [shardFile(directory, shard), slotAt(slot, VALUE_AT)];
    markDirty(directory, shard);
    flip(data, at);
    const lock = lockDirectory(files, directory, process.pid);
    let isHealed = false;
    const healing = {
      ...files,
      isLocked(path: string): boolean {
        if (!isHealed) flip(data, at);
        isHealed = true;
        return files.isLocked(path);
      },
    };
    const { code, out, err } = await runCommand(command, [directory], { files: healing });
    lock.release();
    expect([code, isHealed, out]).toEqual([0, true, linesOf(numbers)]);
    expect(err).toBe("live: a process holds this directory and may have written while it was read\n");
  });

  test.each([
    ["in the directory", "replica/out.txt"],
    ["in a shard's folder", "replica/shard_000/out.txt"],
    ["deeper", "replica/a/b/out.txt"],
    ["by a way around", "replica/../replica/out.txt"],
    ["behind a link", "link/out.txt"],
  ])("refuses --out %s", async (_, path) => {
    symlinkSync(`${directory}/shard_000`, `${root}/link`);
    files.makeDirectory(`${directory}/a/b`);
    const before = files.list(directory)!.length;
    const error = await failureOf(command, [directory, "--out", `${root}/${path}`]);
    expect(error).toBeInstanceOf(UsageError);
    expect(error.message).toBe(
      `Cannot use --out=${root}/${path}: it is inside an armdb directory, allowed is a path outside`,
    );
    expect(files.list(directory)!.length).toBe(before);
    expect(files.list(shardFile(directory, 0, ""))).not.toContain("out.txt");
  });

  test("replaces a link to a slot file, and does not write through it", async () => {
    const data = shardFile(directory, 0);
    const before = files.readFile(data)!.toHex();
    symlinkSync(data, `${root}/out.txt`);
    await runCommand(command, [directory, "--out", `${root}/out.txt`]);
    expect(textOf(`${root}/out.txt`)).toBe(linesOf(numbers));
    expect(files.readFile(data)!.toHex()).toBe(before);
  });

  test("refuses devices, and a format that there is none of", async () => {
    expect(await failureOf(command, [directory, "--out", "/dev/null"])).toBeInstanceOf(UsageError);
    expect((await failureOf(command, [directory, "--format", "csv"])).message).toBe(
      "Cannot use --format=csv: allowed is hex or jsonl",
    );
  });

  test("leaves nothing behind where the file cannot be written", async () => {
    const missing = await failureOf(command, [directory, "--out", `${root}/none/out.txt`]);
    expect(missing).toBeInstanceOf(StorageError);
    files.makeDirectory(`${root}/folder/inside`);
    const folder = await failureOf(command, [directory, "--out", `${root}/folder`]);
    expect(folder).toBeInstanceOf(StorageError);
    expect(files.list(root)!.sort()).toEqual(["folder", "replica"]);
  });

  test("leaves nothing behind where a signal ends it", async () => {
    let stop = () => {};
    const stopping = {
      ...files,
      write(...args: Parameters<typeof files.write>) {
        files.write(...args);
        stop();
      },
    };
    const signals = {
      ...process,
      onStopSignal(callback: (signal: "SIGINT") => void) {
        stop = () => callback("SIGINT");
        return () => {};
      },
      exit(code: number): never {
        throw new Error(`exit ${code}`);
      },
    };
    const options = { files: stopping, process: signals };
    const end = runCommand(command, [directory, "--out", `${root}/out.txt`], options);
    await expect(end).rejects.toThrow("exit 130");
    expect(files.list(root)).toEqual(["replica"]);
  });

  test("refuses a directory without a store", async () => {
    expect(await failureOf(command, [root])).toBeInstanceOf(ForeignDirectoryError);
  });
});
