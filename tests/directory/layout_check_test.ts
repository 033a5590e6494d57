import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { createDataFile, createStoreFiles } from "../../src/directory/create.ts";
import { examineDirectory } from "../../src/directory/layout_check.ts";
import { DamagedDirectoryError, ForeignDirectoryError, ShapeError } from "../../src/errors.ts";
import {
  files,
  flip,
  makeStore,
  patch,
  resize,
  SHAPE,
  shardFile,
  slotAt,
  temporaryDirectory,
} from "./sample.ts";

let directory: string;
beforeEach(() => {
  directory = temporaryDirectory();
});
afterEach(() => files.remove(directory));

function errorOf(act: () => unknown): Error {
  try {
    act();
  } catch (error) {
    return error as Error;
  }
  throw new Error("It did not throw");
}

function touch(path: string): void {
  files.close(files.open(path, "create"));
}

describe("examineDirectory lets a store be created in", () => {
  test.each([
    ["a missing directory", () => files.remove(directory)],
    ["an empty one", () => {}],
    ["one with a lock alone", () => touch(`${directory}/db.lock`)],
    ["files of a creation that crashed", () => {
      createStoreFiles(files, directory, SHAPE);
      files.remove(`${directory}/db.meta`);
      touch(`${directory}/db.meta.tmp`);
      touch(`${directory}/slotcask.json`);
    }],
    ["folders without data files", () => files.makeDirectory(`${directory}/shard_007`)],
    ["grown files with no slot written", () => {
      createStoreFiles(files, directory, SHAPE);
      files.remove(`${directory}/db.meta`);
      resize(shardFile(directory, 0), slotAt(5000));
    }],
  ])("%s", (_, prepare) => {
    (prepare as () => void)();
    expect(examineDirectory(files, directory)).toBeUndefined();
  });
});

describe("examineDirectory refuses", () => {
  test("to bury what is not ours", () => {
    touch(`${directory}/thesis.tex`);
    const error = errorOf(() => examineDirectory(files, directory));
    expect(error).toBeInstanceOf(ForeignDirectoryError);
    expect(error.message).toBe(
      `Cannot create a replica in ${directory}: it holds "thesis.tex", which is not ours`,
    );
  });

  test("slots whose db.meta is missing, even one bit of them", async () => {
    await makeStore(directory, { count: 0 });
    files.remove(`${directory}/db.meta`);
    expect(examineDirectory(files, directory)).toBeUndefined();
    resize(shardFile(directory, 1), slotAt(9000));
    flip(shardFile(directory, 1), slotAt(8999, 31));
    const error = errorOf(() => examineDirectory(files, directory));
    expect(error).toBeInstanceOf(DamagedDirectoryError);
    expect(error.message).toBe(
      `Cannot open ${shardFile(directory, 1)}: it holds slots, but db.meta is missing`,
    );
  });

  test("a missing data file and a missing folder, by path", async () => {
    await makeStore(directory);
    files.remove(shardFile(directory, 1));
    const error = errorOf(() => examineDirectory(files, directory));
    expect(error).toBeInstanceOf(DamagedDirectoryError);
    expect(error.message).toContain(`${shardFile(directory, 1)}: it is missing`);
    files.remove(`${directory}/shard_001`);
    expect(errorOf(() => examineDirectory(files, directory)).message).toBe(error.message);
  });

  test("a truncated data file, with both lengths", async () => {
    await makeStore(directory);
    resize(shardFile(directory, 0), slotAt(4096) - 1);
    const error = errorOf(() => examineDirectory(files, directory));
    expect(error).toBeInstanceOf(DamagedDirectoryError);
    expect(error.message).toBe(
      `Cannot open ${shardFile(directory, 0)}: it has ${slotAt(4096) - 1} bytes, ` +
        `its 4096 slots need ${slotAt(4096)}: it was truncated`,
    );
    resize(shardFile(directory, 0), 4095);
    expect(errorOf(() => examineDirectory(files, directory)).message).toContain(
      "it has 4095 bytes, its header alone has 4096",
    );
  });

  test("shards of different lengths, with all four", async () => {
    await makeStore(directory);
    patch(shardFile(directory, 1), 12, [16, 0, 8, 0]);
    const error = errorOf(() => examineDirectory(files, directory));
    expect(error).toBeInstanceOf(DamagedDirectoryError);
    expect(error.message).toBe(
      `Cannot open ${shardFile(directory, 1)}: its records are 16+8 bytes, ` +
        `those of ${shardFile(directory, 0)} are 8+16`,
    );
  });

  test("a db.meta with garbage flags or of another backend", async () => {
    await makeStore(directory);
    patch(`${directory}/db.meta`, 8, [1]);
    expect(errorOf(() => examineDirectory(files, directory)).message).toBe(
      `Cannot open ${directory}/db.meta: flags or reserved bytes are not zero`,
    );
    patch(`${directory}/db.meta`, 5, [2]);
    expect(errorOf(() => examineDirectory(files, directory)).message).toContain("backend is 2");
  });
});

describe("examineDirectory answers", () => {
  test("shape, headers and lengths", async () => {
    await makeStore(directory, { shape: { ...SHAPE, prefixBits: 60 } });
    const found = examineDirectory(files, directory)!;
    expect(found.shape).toEqual({ ...SHAPE, prefixBits: 60 });
    expect(found.shards).toMatchObject([0, 1].map((shard) => ({
      path: shardFile(directory, shard),
      bytes: slotAt(4096),
      header: { shard, slotCount: 4096, slotSize: 32, clean: true },
    })));
  });

  test("a file that is longer than its slots", async () => {
    await makeStore(directory);
    resize(shardFile(directory, 0), slotAt(4096) + 12_345);
    expect(examineDirectory(files, directory)!.shards[0].header!.slotCount).toBe(4096);
  });

  test("no header for a creation that crashed: empty, or zero", async () => {
    await makeStore(directory);
    resize(shardFile(directory, 0), 0);
    expect(examineDirectory(files, directory)).toMatchObject({ shape: SHAPE, shards: [{ bytes: 0 }, {}] });
    resize(shardFile(directory, 0), 4096);
    expect(examineDirectory(files, directory)!.shards[0].header).toBeUndefined();
    resize(shardFile(directory, 1), 0);
    expect(examineDirectory(files, directory)!.shape).toBeUndefined();
    resize(shardFile(directory, 0), 100);
    expect(errorOf(() => examineDirectory(files, directory))).toBeInstanceOf(DamagedDirectoryError);
  });
});

describe("createStoreFiles", () => {
  test("writes db.meta, and a header a shard", () => {
    createStoreFiles(files, directory, { ...SHAPE, prefixBits: 3 });
    expect(files.list(directory)!.sort()).toEqual(["db.meta", "shard_000", "shard_001"]);
    expect(files.readFile(`${directory}/db.meta`)!.toHex()).toBe("41524d4402010203" + "00".repeat(8));
    for (const shard of [0, 1]) {
      const header = files.readFile(shardFile(directory, shard))!;
      expect(header.length).toBe(4096);
      expect(header.subarray(0, 18).toHex()).toBe(`464958440200200000000000080010000${shard}00`);
      expect(header.subarray(18).every((byte) => byte === 0)).toBe(true);
      expect(files.list(`${directory}/shard_00${shard}`)).toEqual(["fixed.data"]);
    }
  });

  test("refuses a shape that armdb could not hold, before it writes", () => {
    for (const shape of [{ shardCount: 0 }, { shardCount: 256 }, { keyLength: 0 }, { valueLength: 65_530 }]) {
      expect(errorOf(() => createStoreFiles(files, directory, { ...SHAPE, ...shape }))).toBeInstanceOf(
        ShapeError,
      );
    }
    expect(files.list(directory)).toEqual([]);
  });

  test("createDataFile starts a file afresh: no old bytes stay", async () => {
    await makeStore(directory);
    createDataFile(files, directory, 0, SHAPE);
    expect(files.readFile(shardFile(directory, 0))!.length).toBe(4096);
  });
});
