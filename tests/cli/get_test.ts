import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { command } from "../../src/cli/get.ts";
import { Directory } from "../../src/directory/directory.ts";
import { ForeignDirectoryError, UsageError } from "../../src/errors.ts";
import {
  files,
  flip,
  keyOf,
  makeStore,
  markDirty,
  patch,
  placeOf,
  process,
  SHAPE,
  shardFile,
  slotAt,
  slotBytes,
  temporaryDirectory,
  VALUE_AT,
  valueOf,
} from "../directory/sample.ts";
import { failureOf, runCommand } from "./run_command.ts";

const KEY = keyOf(1).toHex();

describe("get", () => {
  let directory: string;
  beforeEach(async () => {
    directory = temporaryDirectory();
    await makeStore(directory, { count: 3000, deleted: [7] });
  });
  afterEach(() => files.remove(directory));

  /** What a store that has opened the directory serves. */
  async function served(key: Uint8Array): Promise<string | undefined> {
    const options = { readOnly: true, storage: "resident" as const, pid: process.pid };
    const opened = (await Directory.open(files, directory, options))!;
    const value = opened.store.get(key, { partial: true });
    await opened.close(0);
    return value?.toHex();
  }

  test("prints the value of the first key, the last one and one between, clean and after a crash", async () => {
    for (const isClean of [true, false]) {
      if (!isClean) { for (const shard of [0, 1]) markDirty(directory, shard); }
      for (const i of [0, 1, 1500, 2999]) {
        const expected = { code: 0, out: valueOf(i).toHex() + "\n", err: "" };
        expect(await runCommand(command, [directory, keyOf(i).toHex()])).toEqual(expected);
      }
    }
  });

  test("takes hex digits of either case", async () => {
    const key = keyOf(0xab);
    const { out } = await runCommand(command, [directory, key.toHex().toUpperCase()]);
    expect(out).toBe(valueOf(0xab).toHex() + "\n");
  });

  test.each([["never put", 999_999], ["deleted", 7]])("answers 1 for a key that was %s", async (_, i) => {
    const hexKey = keyOf(i as number).toHex();
    const { code, out, err } = await runCommand(command, [directory, hexKey]);
    expect([code, out]).toEqual([1, ""]);
    expect(err).toBe(`Cannot find ${hexKey}: no slot of ${directory} serves it\n`);
  });

  test("prints an empty line for an empty value", async () => {
    files.remove(directory);
    await makeStore(directory, { count: 3, shape: { ...SHAPE, valueLength: 0 } });
    expect(await runCommand(command, [directory, KEY])).toEqual({ code: 0, out: "\n", err: "" });
  });

  test("goes by the sidecar while the flag is set, and by the slot after a crash", async () => {
    const { shard, slot } = placeOf(directory, keyOf(1));
    patch(shardFile(directory, shard), slotAt(slot), slotBytes(9, keyOf(1), valueOf(2)));
    const clean = await runCommand(command, [directory, KEY]);
    expect([clean.code, await served(keyOf(1))]).toEqual([1, undefined]);
    expect(clean.err).toContain(
      "that does not prove its absence: a slot may hold it whose CRC does not match",
    );
    markDirty(directory, shard);
    const { out } = await runCommand(command, [directory, KEY]);
    expect(out).toBe(valueOf(2).toHex() + "\n");
    expect(await served(keyOf(1))).toBe(out.trim());
  });

  test("serves the slot of equal keys that the store serves", async () => {
    const { shard, slot } = placeOf(directory, keyOf(1));
    markDirty(directory, shard);
    const data = shardFile(directory, shard);
    for (const [at, round] of [[4000, 1], [3500, 2]]) {
      patch(data, slotAt(at), slotBytes(9, keyOf(1), valueOf(1, round)));
      const { out } = await runCommand(command, [directory, KEY]);
      expect(out.trim()).toBe((await served(keyOf(1)))!);
      expect(out.trim()).toBe(valueOf(1, 1).toHex());
    }
    flip(data, slotAt(4000, VALUE_AT));
    const { out } = await runCommand(command, [directory, KEY]);
    expect(out.trim()).toBe(valueOf(1, 2).toHex());
    expect(await served(keyOf(1))).toBe(out.trim());
    expect(slot).toBeLessThan(3500);
  });

  test("finds a key in the wrong shard, but prefers the right one", async () => {
    const { shard, slot } = placeOf(directory, keyOf(1));
    const wrong = 1 - shard;
    markDirty(directory, wrong);
    patch(shardFile(directory, wrong), slotAt(4000), slotBytes(9, keyOf(1), valueOf(1, 1)));
    expect((await runCommand(command, [directory, KEY])).out.trim()).toBe(valueOf(1).toHex());
    expect(await served(keyOf(1))).toBe(valueOf(1).toHex());
    markDirty(directory, shard);
    patch(shardFile(directory, shard), slotAt(slot), [2]);
    expect((await runCommand(command, [directory, KEY])).out.trim()).toBe(valueOf(1, 1).toHex());
    expect(await served(keyOf(1))).toBe(valueOf(1, 1).toHex());
  });

  test("says what a miss does not prove in a replica without a whole scan", async () => {
    const shards = [{ wholeScanAtMs: null, scanningSinceMs: null }, {
      wholeScanAtMs: 5,
      scanningSinceMs: null,
    }];
    const state = new TextEncoder().encode(JSON.stringify({ format: 1, shards }));
    files.close(files.open(`${directory}/slotcask.json`, "create"));
    patch(`${directory}/slotcask.json`, 0, state);
    const missing = [9000, 9001, 9002, 9003, 9004, 9005, 9006, 9007].map((i) => keyOf(i).toHex());
    const errors: string[] = [];
    for (const key of missing) errors.push((await runCommand(command, [directory, key])).err);
    const doubts = errors.filter((err) =>
      err.includes("that does not prove its absence: shard 0 has not finished")
    );
    expect(doubts.length).toBeGreaterThan(0);
    expect(doubts.length).toBeLessThan(missing.length);
  });

  test.each([
    ["no hex", "xyz", 'Cannot use HEXKEY "xyz": a key is an even number of hex digits, 0-9 and a-f'],
    [
      "half a byte",
      "abc",
      'Cannot use HEXKEY "abc": a key is an even number of hex digits, 0-9 and a-f, it has 3',
    ],
    ["nothing", "", 'Cannot use HEXKEY "": a key is an even number of hex digits, 0-9 and a-f, it has 0'],
  ])("refuses %s", async (_, hexKey, message) => {
    const error = await failureOf(command, [directory, hexKey]);
    expect(error).toBeInstanceOf(UsageError);
    expect(error.message).toBe(message);
  });

  test("names both lengths of a key that is too short", async () => {
    const error = await failureOf(command, [directory, "abcd"]);
    expect(error).toBeInstanceOf(UsageError);
    expect(error.message).toBe(
      `Cannot use HEXKEY: it has 2 bytes (4 hex digits), keys of ${directory} have 8 (16 hex digits)`,
    );
  });

  test("refuses a directory without a store", async () => {
    expect(await failureOf(command, [`${directory}/none`, KEY])).toBeInstanceOf(ForeignDirectoryError);
  });
});
