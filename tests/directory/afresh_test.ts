import { describe, expect, test } from "bun:test";
import { Directory } from "../../src/directory/directory.ts";
import { errorWithCode } from "../../src/error_code.ts";
import type { Files } from "../../src/runtime/runtime.ts";
import {
  close,
  crashingFiles,
  create,
  open,
  opened,
  optionsOf,
  path,
  SLOW_MS,
  useFreshPath,
} from "./directory_kit.ts";
import { files, makeStore, resize, shardFile } from "./sample.ts";

useFreshPath();

describe("a data file that is made afresh", () => {
  /** A store of two shards, both of which saw a whole scan. */
  async function scanned(): Promise<void> {
    await makeStore(path);
    const directory = await open();
    for (const shard of [0, 1]) await directory.completeness.scanEnded(shard, 1000);
    await close(directory);
  }
  const completeIn = ({ completeness }: Directory) => [0, 1].map((shard) => completeness.isComplete(shard));

  test("of one shard does not inherit its whole scan, read only or not", async () => {
    await scanned();
    resize(shardFile(path, 1), 0);
    expect(completeIn(await open({ readOnly: true }))).toEqual([true, false]);
    const directory = await open();
    expect(completeIn(directory)).toEqual([true, false]);
    await close(directory);
    expect(completeIn(await open())).toEqual([true, false]);
  });

  test.each([
    ["all data files were emptied", () => [0, 1].forEach((shard) => resize(shardFile(path, shard), 0))],
    ["only slotcask.json was left", () => {
      for (const name of ["db.meta", "shard_000", "shard_001"]) files.remove(`${path}/${name}`);
    }],
  ])("of every shard, where %s", async (_, damage) => {
    await scanned();
    (damage as () => void)();
    const directory = await create();
    expect(completeIn(directory)).toEqual([false, false]);
    await close(directory);
    expect(completeIn(await open())).toEqual([false, false]);
  });

  test("is never missing and never trusted, wherever its making crashes", async () => {
    for (let step = 1;; step++) {
      files.remove(path);
      await scanned();
      resize(shardFile(path, 1), 0);
      let calls = 0;
      const crashing = crashingFiles(() => ++calls === step);
      const creating: Files["open"] = (file, mode) => {
        if (mode === "create" && ++calls === step) throw errorWithCode("open at the crash", "EIO");
        return files.open(file, mode);
      };
      const isDone = await Directory.open({ ...crashing, open: creating }, path, optionsOf())
        .then((directory) => opened.push(directory!), () => 0);
      if (isDone > 0) break;
      expect(files.exists(shardFile(path, 1))).toBe(true);
      const directory = await open();
      expect(completeIn(directory)).toEqual([true, false]);
      await close(directory);
      expect(step).toBeLessThan(100);
    }
  }, SLOW_MS);
});
