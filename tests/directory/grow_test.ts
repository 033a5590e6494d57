import { describe, expect, test } from "bun:test";
import { errorWithCode } from "../../src/error_code.ts";
import { StorageError } from "../../src/errors.ts";
import type { Files } from "../../src/runtime/runtime.ts";
import { create, path, put, slotCountInFile, useFreshPath } from "./directory_kit.ts";
import { files, KEY_AT, keyOf, readBytes, SHAPE, shardFile, slotAt } from "./sample.ts";

useFreshPath();

describe("Directory.grow", () => {
  test("makes the file longer, then its header, by 4,096 slots or an eighth", async () => {
    const directory = await create();
    await directory.grow(0, 1);
    expect([directory.store.shards[0].slotCount, slotCountInFile(0)]).toEqual([4096, 4096]);
    expect(files.readFile(shardFile(path, 0))!.length).toBe(slotAt(4096));
    await directory.grow(0, 4096);
    expect(directory.store.shards[0].slotCount).toBe(4096);
    await directory.grow(0, 40_960, true);
    expect(slotCountInFile(0)).toBe(40_960);
    await directory.grow(0, 40_961);
    expect(slotCountInFile(0)).toBe(40_960 + 5120);
    expect(slotCountInFile(1)).toBe(0);
  });

  test("is durable before the slots may be used", async () => {
    const directory = await create();
    const shard = directory.store.shards[1];
    const growing = directory.grow(1, 10);
    expect(shard.slotCount).toBe(0);
    await growing;
    expect(shard.slotCount).toBe(4096);
    expect(shard.file.unsynced).toBe(false);
    put(directory, { shard: 1, slot: 4095 }, 1);
    shard.file.flush();
    expect(readBytes(shardFile(path, 1), slotAt(4095, KEY_AT), 8)).toEqual(keyOf(1));
  });

  test("never shrinks a file that two grow at once", async () => {
    const directory = await create();
    await Promise.all([
      directory.grow(0, 9000, true),
      directory.grow(0, 5000, true),
      directory.grow(0, 7000),
    ]);
    expect([slotCountInFile(0), directory.store.shards[0].slotCount]).toEqual([9000, 9000]);
  });

  test("growNow has grown when it returns", async () => {
    const directory = await create();
    directory.growNow(0, 1);
    expect([directory.store.shards[0].slotCount, slotCountInFile(0)]).toEqual([4096, 4096]);
    expect(directory.store.shards[0].file.unsynced).toBe(false);
  });

  test("names the file where the disk is full, and leaves the shard as it was", async () => {
    let isFull = false;
    const full: Files = {
      ...files,
      truncate(file, size) {
        if (isFull) throw errorWithCode("no space", "ENOSPC");
        files.truncate(file, size);
      },
    };
    const directory = await create(SHAPE, full);
    isFull = true;
    const error = await directory.grow(1, 1).catch((error) => error);
    expect(error).toBeInstanceOf(StorageError);
    expect(error.message).toBe(`Cannot grow ${shardFile(path, 1)}: No space left on device (ENOSPC)`);
    expect([directory.store.shards[1].slotCount, slotCountInFile(1)]).toEqual([0, 0]);
    expect(() => directory.growNow(1, 1)).toThrow(StorageError);
    isFull = false;
    await directory.grow(1, 1);
    expect(slotCountInFile(1)).toBe(4096);
  });
});
