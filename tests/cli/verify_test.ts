import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { command } from "../../src/cli/verify.ts";
import { ForeignDirectoryError, UsageError } from "../../src/errors.ts";
import { lockDirectory } from "../../src/storage/dir_lock.ts";
import {
  files,
  flip,
  keyOf,
  makeStore,
  markDirty,
  placeOf,
  process,
  SHAPE,
  shardFile,
  slotAt,
  temporaryDirectory,
  VALUE_AT,
} from "../directory/sample.ts";
import { failureOf, runCommand } from "./run_command.ts";

describe("verify", () => {
  let directory: string;
  beforeEach(async () => {
    directory = temporaryDirectory();
    await makeStore(directory);
  });
  afterEach(() => files.remove(directory));

  test("says that there is no damage, with 0", async () => {
    expect(await runCommand(command, [directory])).toEqual({
      code: 0,
      out:
        `${directory}: 2 shards of 8+16 bytes, 8192 slots checked, 100 of them occupied\nno damage found\n`,
      err: "",
    });
  });

  test("lists damage by shard, slot and kind, with 1", async () => {
    const { shard, slot } = placeOf(directory, keyOf(1));
    flip(shardFile(directory, shard), slotAt(slot, VALUE_AT));
    files.remove(shardFile(directory, 1 - shard));
    const { code, out } = await runCommand(command, [directory]);
    expect(code).toBe(1);
    const lines = out.split("\n").slice(1, 3).sort();
    expect(lines[shard]).toMatch(new RegExp(`^shard ${shard} slot ${slot} crc: CRC is 0x`));
    expect(lines[1 - shard]).toBe(
      `shard ${1 - shard} slot - missing: ${shardFile(directory, 1 - shard)} is missing`,
    );
    expect(out).toMatch(/\ndamage found: 2 \((1 crc, 1 missing|1 missing, 1 crc)\)\n$/);
  });

  test("prints the same as one JSON object", async () => {
    const { shard, slot } = placeOf(directory, keyOf(1));
    flip(shardFile(directory, shard), slotAt(slot, VALUE_AT));
    const { code, out } = await runCommand(command, [directory, "--json"]);
    expect(code).toBe(1);
    expect(JSON.parse(out)).toMatchObject({
      directory,
      live: false,
      shape: SHAPE,
      slots: 8192,
      occupied: 100,
      damage: { total: 1, counts: { crc: 1 }, list: [{ shard, slot, kind: "crc" }] },
      unsettled: { total: 0, counts: {}, list: [] },
    });
  });

  test("says live, and calls a CRC unsettled, where a process holds the directory", async () => {
    const { shard, slot } = placeOf(directory, keyOf(1));
    markDirty(directory, shard);
    flip(shardFile(directory, shard), slotAt(slot, VALUE_AT));
    const lock = lockDirectory(files, directory, process.pid);
    const { code, out } = await runCommand(command, [directory]);
    lock.release();
    expect(code).toBe(0);
    expect(out).toContain("100 of them occupied, live\nlive: a process holds this directory");
    expect(out).toContain(
      `unsettled, a write under way or damage: 1 (1 crc)\nshard ${shard} slot ${slot} crc: `,
    );
    expect(out).toMatch(/\nno damage found\n$/);
  });

  test("counts what it does not list", async () => {
    files.remove(directory);
    await makeStore(directory, { count: 1001, shape: { ...SHAPE, shardCount: 1 } });
    for (let slot = 0; slot < 1001; slot++) flip(shardFile(directory, 0), slotAt(slot, VALUE_AT));
    const { out } = await runCommand(command, [directory]);
    expect(out).toContain("\n... and 1 more: 1000 are listed per shard\ndamage found: 1001 (1001 crc)\n");
  });

  test("wants one directory, which holds a store", async () => {
    expect(await failureOf(command, [])).toBeInstanceOf(UsageError);
    expect(await failureOf(command, [directory, "more"])).toBeInstanceOf(UsageError);
    expect(await failureOf(command, [directory, "--jsn"])).toBeInstanceOf(UsageError);
    expect(await failureOf(command, [`${directory}/none`])).toBeInstanceOf(ForeignDirectoryError);
  });

  test("takes its flag from the environment too", async () => {
    const { out } = await runCommand(command, [directory], { env: { SLOTCASK_JSON: "true" } });
    expect(JSON.parse(out).damage.total).toBe(0);
  });
});
