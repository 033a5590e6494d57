import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { command } from "../../src/cli/inspect.ts";
import { Completeness, readCompleteness } from "../../src/directory/completeness.ts";
import { CursorFile } from "../../src/directory/cursor_file.ts";
import { ForeignDirectoryError } from "../../src/errors.ts";
import { lockDirectory } from "../../src/storage/dir_lock.ts";
import {
  files,
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
  temporaryDirectory,
} from "../directory/sample.ts";
import { failureOf, runCommand } from "./run_command.ts";

describe("inspect", () => {
  let directory: string;
  beforeEach(async () => {
    directory = temporaryDirectory();
    await makeStore(directory, { count: 100, deleted: [7, 8, 9] });
  });
  afterEach(() => files.remove(directory));

  // deno-lint-ignore no-explicit-any -- as a program reads it
  async function inspected(): Promise<any> {
    const { code, out, err } = await runCommand(command, [directory, "--json"]);
    expect([code, err]).toEqual([0, ""]);
    return JSON.parse(out);
  }

  test("counts slots by status, and names shape and bytes", async () => {
    const found = await inspected();
    expect(found).toMatchObject({
      directory,
      shape: SHAPE,
      slotBytes: 32,
      live: false,
      holder: null,
      clean: true,
      complete: null,
      leader: null,
      protocol: null,
      bytes: 2 * slotAt(4096),
      slots: { total: 8192, occupied: 97, deleted: 3, free: 8092, invalid: 0 },
      highestVersion: 2,
    });
    expect(found.shards.length).toBe(2);
    expect(found.shards[0].slots.occupied + found.shards[1].slots.occupied).toBe(97);
    expect(found.shards[1]).toMatchObject({
      shard: 1,
      clean: true,
      cursor: null,
      replica: null,
      problems: [],
    });
  });

  test("counts the same after a crash, from the slots", async () => {
    const clean = await inspected();
    for (const shard of [0, 1]) markDirty(directory, shard);
    const found = await inspected();
    expect(found.clean).toBe(false);
    expect(found.slots).toEqual(clean.slots);
    const { shard, slot } = placeOf(directory, keyOf(1));
    patch(shardFile(directory, shard), slotAt(slot), [3, 0x01]);
    expect(await inspected()).toMatchObject({ slots: { occupied: 96, invalid: 1 }, highestVersion: 64 });
  });

  test("goes by the sidecar where the flag is set, and says where it is bad", async () => {
    const { shard, slot } = placeOf(directory, keyOf(1));
    patch(shardFile(directory, shard), slotAt(slot), [2]);
    expect((await inspected()).slots.occupied).toBe(97);
    resize(shardFile(directory, shard, "fixed.versions"), 5);
    const found = await inspected();
    expect(found.slots.occupied).toBe(96);
    expect(found.shards[shard].problems).toEqual([
      `fixed.versions: it has 5 bytes, 4096 slots need ${4096 * 4 + 8}`,
    ]);
  });

  test("goes on behind a damaged shard", async () => {
    files.remove(`${directory}/shard_000`);
    const found = await inspected();
    expect(found).toMatchObject({ shape: SHAPE, clean: false, slots: { total: 4096 } });
    expect(found.shards[0].problems).toEqual([`${shardFile(directory, 0)} is missing`]);
  });

  test("shows cursor, leader and completeness of a replica", async () => {
    const before = Date.now();
    const cursor = new CursorFile(files, shardFile(directory, 1, "fixed_repl.cursor"), 1);
    cursor.advance(1200, 1100, 77);
    cursor.save();
    const path = `${directory}/slotcask.json`;
    const completeness = new Completeness(files, path, readCompleteness(files, path, 2));
    completeness.setLeader("127.0.0.1:9100", 2);
    await completeness.scanEnded(0, 1_700_000_000_000);
    const found = await inspected();
    expect(found).toMatchObject({ leader: "127.0.0.1:9100", protocol: 2, complete: false });
    expect(found.shards[0].replica).toEqual({
      complete: true,
      wholeScanAtMs: 1_700_000_000_000,
      scanningSinceMs: null,
    });
    expect(found.shards[1].replica.complete).toBe(false);
    expect(found.shards[1].cursor).toMatchObject({ applied: 1100, version: 77 });
    expect(found.shards[1].cursor.lastAckMs).toBeGreaterThanOrEqual(before);
    const { out } = await runCommand(command, [directory]);
    expect(out).toContain("complete         no: shard 1 without a finished whole scan\n");
    expect(out).toContain("leader           127.0.0.1:9100, protocol 2\n");
    expect(out).toContain("2023-11-14T22:13:20.000Z\n");
    await completeness.scanEnded(1, 1_700_000_000_000);
    expect((await inspected()).complete).toBe(true);
    await completeness.scanBegins(1, 1_700_000_000_001);
    expect((await inspected()).complete).toBe(false);
  });

  test("says who holds the directory", async () => {
    const lock = lockDirectory(files, directory, process.pid);
    expect(await inspected()).toMatchObject({ live: true, holder: process.pid });
    const { out } = await runCommand(command, [directory]);
    lock.release();
    expect(out).toContain(`live             yes, process ${process.pid} holds it\n`);
    expect((await runCommand(command, [directory])).out).toContain("live             no\n");
  });

  test("prints facts and a table", async () => {
    const { out } = await runCommand(command, [directory]);
    const lines = out.split("\n");
    expect(lines.slice(0, 8)).toEqual([
      `directory        ${directory}`,
      "shape            2 shards of 8+16 bytes, slots of 32 bytes",
      "slots            8192: 97 occupied, 3 deleted, 8092 free",
      "highest version  2",
      "clean            yes",
      "complete         not a replica (no slotcask.json)",
      "live             no",
      "bytes            270336",
    ]);
    expect(lines[9].split(/ {2,}/).filter((cell) => cell !== "")).toEqual([
      "shard",
      "slots",
      "occupied",
      "deleted",
      "free",
      "highest version",
      "clean",
      "bytes",
      "applied",
      "cursor version",
      "last ack",
      "whole scan",
    ]);
    expect(lines.slice(9, 12).map((line) => line.length)).toEqual(Array(3).fill(lines[9].length));
    expect(lines.slice(12)).toEqual([""]);
  });

  test("refuses a directory without a store", async () => {
    expect(await failureOf(command, [`${directory}/none`])).toBeInstanceOf(ForeignDirectoryError);
  });
});
