import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { CursorFile } from "../../src/directory/cursor_file.ts";
import { decodeCursor, encodeCursor } from "../../src/fixed/cursor.ts";
import type { Files } from "../../src/runtime/runtime.ts";
import { until } from "../harness/until.ts";
import { files, temporaryDirectory } from "./sample.ts";

describe("CursorFile", () => {
  let directory: string;
  let path: string;
  beforeEach(() => {
    directory = temporaryDirectory();
    path = `${directory}/fixed_repl.cursor`;
  });
  afterEach(() => files.remove(directory));

  function saved() {
    const bytes = files.readFile(path);
    return bytes === undefined ? undefined : decodeCursor(bytes);
  }

  test("is absent before 1,000 events, and saved at the end of the batch that completes them", () => {
    const cursor = new CursorFile(files, path, 3);
    cursor.advance(999, 500, 7);
    expect(saved()).toBeUndefined();
    const before = Date.now();
    cursor.advance(256, 200, 9);
    expect(saved()).toMatchObject({ shard: 3, applied: 700, maxVersion: 9 });
    expect(saved()!.ackedAtMs).toBeGreaterThanOrEqual(before);
    expect(files.readFile(path)!.length).toBe(40);
    expect(files.list(directory)).toEqual(["fixed_repl.cursor"]);
    cursor.save();
  });

  test("counts skipped events towards a save, but not as applied", () => {
    const cursor = new CursorFile(files, path, 0);
    cursor.advance(1000, 0, 5);
    expect(saved()).toMatchObject({ applied: 0, maxVersion: 5 });
    cursor.save();
  });

  test("saves again a little later when events come fast, with what is known then", async () => {
    const cursor = new CursorFile(files, path, 0);
    for (let i = 1; i <= 50; i++) cursor.advance(1000, 1000, i);
    expect(saved()).toMatchObject({ applied: 1000, maxVersion: 1 });
    await until(() => saved()!.applied === 50_000, 2000);
    expect(saved()).toMatchObject({ maxVersion: 50 });
    cursor.save();
  });

  test("saves the rest at a clean stop, and nothing where nothing came", () => {
    const cursor = new CursorFile(files, path, 0);
    cursor.save();
    expect(saved()).toBeUndefined();
    cursor.advance(5, 4, 3);
    cursor.save();
    expect(saved()).toMatchObject({ applied: 4, maxVersion: 3 });
    const bytes = files.readFile(path)!.toHex();
    cursor.save();
    expect(files.readFile(path)!.toHex()).toBe(bytes);
  });

  test("leaves no file open behind a clean stop", () => {
    const open = new Set<number>();
    const counting: Files = {
      ...files,
      open(path, mode) {
        const file = files.open(path, mode);
        open.add(file);
        return file;
      },
      close(file) {
        open.delete(file);
        files.close(file);
      },
    };
    const cursor = new CursorFile(counting, path, 0);
    for (const applied of [1000, 2000]) {
      cursor.advance(1000, 1000, 1);
      expect(open.size).toBe(applied === 1000 ? 1 : 0);
      cursor.save();
      expect(open.size).toBe(0);
      expect(saved()).toMatchObject({ applied });
    }
  });

  test("goes on from the file's count", () => {
    const first = new CursorFile(files, path, 0);
    first.advance(10, 10, 3);
    first.save();
    const second = new CursorFile(files, path, 0);
    expect(second.applied).toBe(10);
    second.advance(5, 5, 4);
    second.save();
    expect(saved()).toMatchObject({ applied: 15, maxVersion: 4 });
  });

  test("begins at zero where the file is short or makes no sense", () => {
    const write = (bytes: Uint8Array) => {
      files.remove(path);
      const file = files.open(path, "create");
      files.write(file, bytes, 0, bytes.length, 0);
      files.close(file);
    };
    const good = encodeCursor({ shard: 0, applied: 12, maxVersion: 3, ackedAtMs: 1 });
    write(good);
    expect(new CursorFile(files, path, 0).applied).toBe(12);
    write(good.subarray(0, 39));
    expect(new CursorFile(files, path, 0).applied).toBe(0);
    write(new Uint8Array(40).fill(255));
    expect(new CursorFile(files, path, 0).applied).toBe(0);
  });

  test("lets replication go on where the disk refuses it", () => {
    const cursor = new CursorFile(files, `${directory}/none/fixed_repl.cursor`, 0);
    cursor.advance(5000, 5000, 1);
    cursor.save();
    expect(cursor.applied).toBe(5000);
  });
});
