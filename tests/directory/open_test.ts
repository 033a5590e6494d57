import { describe, expect, test } from "bun:test";
import { Directory } from "../../src/directory/directory.ts";
import { errorWithCode } from "../../src/error_code.ts";
import { DamagedDirectoryError, StorageError } from "../../src/errors.ts";
import type { Files } from "../../src/runtime/runtime.ts";
import { STORAGE_KINDS, type StorageKind } from "../../src/storage/slot_file.ts";
import { close, flagOf, get, open, optionsOf, path, useFreshPath } from "./directory_kit.ts";
import {
  files,
  flip,
  keyOf,
  makeStore,
  markDirty,
  patch,
  placeOf,
  readBytes,
  resize,
  shardFile,
  slotAt,
  slotBytes,
  VALUE_AT,
  valueOf,
} from "./sample.ts";

useFreshPath();

for (const storage of STORAGE_KINDS as StorageKind[]) {
  describe(`Directory.open, ${storage}`, () => {
    test("serves the same clean and after a crash, and clears the flag durably first", async () => {
      await makeStore(path, { count: 300, deleted: [5] });
      const clean = await open({ storage });
      expect([flagOf(0), flagOf(1)]).toEqual([0, 0]);
      const served = (directory: Directory) => [0, 5, 299, 300].map((i) => get(directory, i));
      expect(served(clean)).toEqual([valueOf(0).toHex(), undefined, valueOf(299).toHex(), undefined]);
      expect(clean.store.size).toBe(299);
      const crashed = await open({ storage, readOnly: true });
      expect(served(crashed)).toEqual(served(clean));
      expect(crashed.store.shards.map((shard) => shard.maxVersion)).toEqual(
        clean.store.shards.map((shard) => shard.maxVersion),
      );
    });

    test.each([
      ["missing", () => files.remove(shardFile(path, 0, "fixed.versions"))],
      ["cut", () => resize(shardFile(path, 0, "fixed.versions"), 100)],
      ["torn", () => flip(shardFile(path, 0, "fixed.versions"), 1)],
    ])("reads every slot where the sidecar is %s", async (_, damage) => {
      await makeStore(path);
      (damage as () => void)();
      const directory = await open({ storage });
      expect(directory.store.size).toBe(100);
      expect(directory.store.shards[0].unverified.size).toBe(0);
    });

    test("does not serve a torn slot, nor calls its shard clean again", async () => {
      await makeStore(path);
      const { shard, slot } = placeOf(path, keyOf(1));
      markDirty(path, shard);
      flip(shardFile(path, shard), slotAt(slot, VALUE_AT));
      const directory = await open({ storage });
      expect(get(directory, 1)).toBeUndefined();
      expect([...directory.store.shards[shard].unverified]).toEqual([slot]);
      expect(await close(directory)).toEqual([shard]);
      expect([flagOf(shard), flagOf(1 - shard)]).toEqual([0, 1]);
    });

    test("takes status 3 as torn", async () => {
      await makeStore(path);
      const { shard, slot } = placeOf(path, keyOf(1));
      markDirty(path, shard);
      patch(shardFile(path, shard), slotAt(slot), [7]);
      const directory = await open({ storage });
      expect(get(directory, 1)).toBeUndefined();
      expect([...directory.store.shards[shard].unverified]).toEqual([slot]);
    });

    test("trusts the sidecar before a slot that was written under the flag", async () => {
      await makeStore(path);
      const { shard } = placeOf(path, keyOf(1));
      patch(shardFile(path, shard), slotAt(4095), slotBytes(5, keyOf(777), valueOf(777)));
      const directory = await open({ storage });
      expect(get(directory, 777)).toBeUndefined();
      expect(get(directory, 1)).toBe(valueOf(1).toHex());
    });

    test("finds a key in the wrong shard", async () => {
      await makeStore(path);
      const wrong = 1 - placeOf(path, keyOf(1)).shard;
      const { shard, slot } = placeOf(path, keyOf(1));
      for (const each of [0, 1]) markDirty(path, each);
      patch(shardFile(path, shard), slotAt(slot), [2]);
      patch(shardFile(path, wrong), slotAt(4000), slotBytes(5, keyOf(1), valueOf(9)));
      expect(get(await open({ storage }), 1)).toBe(valueOf(9).toHex());
    });

    test("starts a data file afresh whose creation crashed, but not where it only reads", async () => {
      await makeStore(path);
      resize(shardFile(path, 0), 0);
      const reading = await open({ storage, readOnly: true });
      expect(reading.store.shards[0].slotCount).toBe(0);
      expect(files.readFile(shardFile(path, 0))!.length).toBe(0);
      await open({ storage });
      expect(readBytes(shardFile(path, 0), 0, 4).toHex()).toBe("46495844");
    });

    test("refuses a truncated file and a missing one, and closes what it had opened", async () => {
      await makeStore(path);
      resize(shardFile(path, 1), slotAt(10));
      await expect(open({ storage })).rejects.toBeInstanceOf(DamagedDirectoryError);
      files.remove(shardFile(path, 1));
      await expect(open({ storage })).rejects.toThrow(`Cannot open ${shardFile(path, 1)}: it is missing`);
      expect([flagOf(0), files.exists(shardFile(path, 1))]).toEqual([1, false]);
    });
  });
}

describe("Directory.open", () => {
  test("answers undefined where there is no store yet", async () => {
    expect(await Directory.open(files, path, optionsOf())).toBeUndefined();
    files.makeDirectory(path);
    expect(await Directory.open(files, path, optionsOf())).toBeUndefined();
    expect(files.list(path)).toEqual([]);
  });

  test("closes every shard where one cannot be read", async () => {
    await makeStore(path);
    let openFiles = 0;
    const failing: Files = {
      ...files,
      open(file, mode) {
        if (mode === "write" && file.includes("shard_001")) throw errorWithCode("too many", "EMFILE");
        openFiles++;
        return files.open(file, mode);
      },
      close(file) {
        openFiles--;
        files.close(file);
      },
    };
    const error = await open({}, failing).catch((error) => error);
    expect(error).toBeInstanceOf(StorageError);
    expect(error.message).toContain("Too many open files in this process (EMFILE)");
    expect([openFiles, flagOf(0)]).toEqual([0, 1]);
  });
});
