import { describe, expect, test } from "bun:test";
import { Directory, lockForWriting } from "../../src/directory/directory.ts";
import { verifyDirectory } from "../../src/directory/verify.ts";
import { ForeignDirectoryError, LockedError, ShapeError, StorageError } from "../../src/errors.ts";
import {
  close,
  crashingFiles,
  create,
  flagOf,
  opened,
  optionsOf,
  path,
  SLOW_MS,
  useFreshPath,
} from "./directory_kit.ts";
import { files, makeStore, process, resize, SHAPE, shardFile } from "./sample.ts";

useFreshPath();

describe("lockForWriting", () => {
  test("makes the directory, and refuses a second holder", () => {
    const lock = lockForWriting(files, `${path}/deeper`, process.pid);
    expect(() => lockForWriting(files, `${path}/deeper`, 1)).toThrow(LockedError);
    lock.release();
  });

  test("says so where the directory cannot be made", () => {
    files.close(files.open(path, "create"));
    expect(() => lockForWriting(files, path, 1)).toThrow(StorageError);
  });
});

describe("Directory.create", () => {
  test("makes an empty store that is open, and not clean until it is closed", async () => {
    const directory = await create();
    expect(directory.shape).toEqual(SHAPE);
    expect(directory.store.shards.map((shard) => [shard.id, shard.slotCount, shard.isEmpty])).toEqual([
      [0, 0, true],
      [1, 0, true],
    ]);
    expect([flagOf(0), flagOf(1)]).toEqual([0, 0]);
    expect(await close(directory)).toEqual([]);
    expect([flagOf(0), flagOf(1)]).toEqual([1, 1]);
    expect((await verifyDirectory(files, path)).damage.total).toBe(0);
  });

  test("takes 255 shards", async () => {
    const quick = {
      ...files,
      syncNow() {},
      sync: () => Promise.resolve(),
      syncDirectory() {},
      syncDirectoryAsync: () => Promise.resolve(),
    };
    const directory = await create({ ...SHAPE, shardCount: 255 }, quick);
    expect(directory.store.shards.length).toBe(255);
    expect(await close(directory)).toEqual([]);
    expect((await verifyDirectory(files, path)).damage.total).toBe(0);
  }, SLOW_MS);

  test("refuses where a store is", async () => {
    await makeStore(path);
    await expect(create()).rejects.toThrow(`Cannot create a store in ${path}: it holds one already`);
    await expect(create()).rejects.toBeInstanceOf(ForeignDirectoryError);
  });

  test("finishes a creation whose data files all crashed, of the same counts only", async () => {
    await close(await create());
    for (const shard of [0, 1]) resize(shardFile(path, shard), 0);
    expect(await Directory.open(files, path, optionsOf())).toBeUndefined();
    await expect(create({ ...SHAPE, shardCount: 3 })).rejects.toBeInstanceOf(ShapeError);
    const directory = await create({ ...SHAPE, keyLength: 4 });
    expect(directory.shape.keyLength).toBe(4);
  });

  test("starts afresh after a crash at any of its steps", async () => {
    for (let step = 1;; step++) {
      files.remove(path);
      let calls = 0;
      const crashing = crashingFiles(() => ++calls === step);
      const isDone = await create(SHAPE, crashing).then(() => true, () => false);
      if (isDone) break;
      const existing = await Directory.open(files, path, optionsOf());
      const directory = existing ?? await Directory.create(files, path, SHAPE, optionsOf());
      opened.push(directory);
      expect(directory.store.shards.map((shard) => shard.slotCount)).toEqual([0, 0]);
      expect(await close(directory)).toEqual([]);
      expect(step).toBeLessThan(100);
    }
  }, SLOW_MS);
});
