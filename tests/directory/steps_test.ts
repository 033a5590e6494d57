import { describe, expect, test } from "bun:test";
import { Directory } from "../../src/directory/directory.ts";
import { verifyDirectory } from "../../src/directory/verify.ts";
import { ClosedError } from "../../src/errors.ts";
import type { Files } from "../../src/runtime/runtime.ts";
import { nextTurn, TimeSlice } from "../../src/time_slice.ts";
import { HeldFiles } from "../fakes/held_files.ts";
import { until } from "../harness/until.ts";
import {
  close,
  create,
  flagOf,
  get,
  open,
  opened,
  optionsOf,
  path,
  put,
  slotCountInFile,
  SOON_MS,
  useFreshPath,
} from "./directory_kit.ts";
import { files, SHAPE, valueOf } from "./sample.ts";

useFreshPath();

describe("steps", () => {
  /** Slots of four windows, and of as many pages of metas. */
  const MANY = 200_000;

  /** A slice that is always over, and counts its yields. */
  class Counting extends TimeSlice {
    yields = 0;
    constructor() {
      super(0);
    }
    override yield(): Promise<void> {
      this.yields++;
      return super.yield();
    }
  }

  test("growing yields, and shows its slots only once all are there", async () => {
    files.makeDirectory(path);
    const slice = new Counting();
    const directory = (await Directory.create(files, path, SHAPE, optionsOf({ slice })))!;
    opened.push(directory);
    const shard = directory.store.shards[0];
    await directory.grow(0, 60_000, true);
    slice.yields = 0;
    const growing = directory.grow(0, MANY, true);
    for (let turn = 0; turn < 2; turn++) {
      await nextTurn();
      expect([shard.slotCount, shard.file.recordCount, slotCountInFile(0)]).toEqual([60_000, 60_000, 60_000]);
    }
    await growing;
    expect([shard.slotCount, slotCountInFile(0)]).toEqual([MANY, MANY]);
    expect(slice.yields).toBeGreaterThanOrEqual(3);
  });

  test("closing and opening yield, and write and read no more than 512 KiB at once", async () => {
    files.makeDirectory(path);
    const slice = new Counting();
    let largest = 0;
    const measured: Files = {
      ...files,
      write(file, bytes, at, length, position) {
        largest = Math.max(largest, length);
        files.write(file, bytes, at, length, position);
      },
      read(file, bytes, at, length, position) {
        largest = Math.max(largest, length);
        return files.read(file, bytes, at, length, position);
      },
    };
    const directory =
      (await Directory.create(measured, path, { ...SHAPE, shardCount: 1 }, optionsOf({ slice })))!;
    opened.push(directory);
    await directory.grow(0, MANY, true);
    put(directory, { shard: 0, slot: MANY - 1 }, 1);
    slice.yields = 0;
    expect(await close(directory)).toEqual([]);
    expect(slice.yields).toBeGreaterThanOrEqual(MANY / 65_536);
    expect((await verifyDirectory(files, path)).damage.total).toBe(0);
    slice.yields = 0;
    const again = await open({ slice }, { ...measured, readFile: refuseLarge });
    expect(slice.yields).toBeGreaterThanOrEqual(2 * MANY / 65_536);
    expect(get(again, 1)).toBe(valueOf(1).toHex());
    expect(largest).toBeLessThanOrEqual(512 << 10);
  });

  function refuseLarge(file: string): Uint8Array | undefined {
    const bytes = files.readFile(file);
    if (bytes !== undefined && bytes.length > 512 << 10) throw new Error(`${file} was read at once`);
    return bytes;
  }

  test("a close leaves a shard alone whose growth does not end, and closes its file behind it", async () => {
    const held = new HeldFiles();
    const directory = await create({ ...SHAPE, shardCount: 1 }, held.files);
    held.hold("fixed.data");
    const growing = directory.grow(0, 100);
    await until(() => held.calls.at(-1) === "sync fixed.data", SOON_MS);
    held.calls.length = 0;
    opened.splice(opened.indexOf(directory), 1);
    expect(await directory.close(100)).toEqual([0]);
    expect(held.calls).toEqual([]);
    held.release();
    await expect(growing).rejects.toThrow(ClosedError);
    await until(() => held.calls.length > 0, SOON_MS);
    expect([held.calls, flagOf(0)]).toEqual([["close fixed.data"], 0]);
  });

  test("a close while a shard grows leaves metas, file and sidecar of one length", async () => {
    const directory = await create();
    const growing = directory.grow(0, MANY, true).catch((error) => error);
    expect(await close(directory)).toEqual([]);
    expect(["undefined", "ClosedError"]).toContain(String((await growing)?.name));
    expect((await verifyDirectory(files, path)).damage.total).toBe(0);
  });
});
