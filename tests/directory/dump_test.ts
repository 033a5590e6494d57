import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { Directory } from "../../src/directory/directory.ts";
import { type DumpFormat, type DumpResult, dumpStore } from "../../src/directory/dump.ts";
import { rereadUnverified } from "../../src/directory/reread.ts";
import { STORAGE_KINDS, type StorageKind } from "../../src/storage/slot_file.ts";
import {
  files,
  flip,
  keyOf,
  makeStore,
  markDirty,
  patch,
  placeOf,
  process,
  shardFile,
  slotAt,
  slotBytes,
  temporaryDirectory,
  VALUE_AT,
  valueOf,
} from "./sample.ts";

for (const storage of STORAGE_KINDS as StorageKind[]) {
  describe(`dumpStore, ${storage}`, () => {
    let path: string;
    let directory: Directory | undefined;
    beforeEach(async () => {
      path = temporaryDirectory();
      await makeStore(path, { count: 3000, deleted: [7] });
    });
    afterEach(async () => {
      await directory?.close(0);
      files.remove(path);
    });

    async function open(): Promise<Directory> {
      return directory = (await Directory.open(files, path, { storage, readOnly: true, pid: process.pid }))!;
    }

    async function dumpOf(format: DumpFormat): Promise<DumpResult & { lines: string[] }> {
      let text = "";
      const write = (chunk: Uint8Array) => void (text += new TextDecoder().decode(chunk));
      const result = await dumpStore(directory!.store, write, { format });
      return { ...result, lines: text.split("\n").slice(0, -1) };
    }

    test("writes every key once, sorted, with its own value and place", async () => {
      await open();
      const { lines, ...result } = await dumpOf("jsonl");
      expect(result).toEqual({ keys: 2999, changed: 0 });
      const numbers = Array.from({ length: 3000 }, (_, i) => i).filter((i) => i !== 7);
      const { store } = directory!;
      expect(lines.map((line) => JSON.parse(line))).toEqual(numbers.map((i) => {
        const { shard, slot, version } = store.lookup(keyOf(i));
        return { key: keyOf(i).toHex(), value: valueOf(i).toHex(), shard, slot, version };
      }));
    });

    test("never writes a torn value, or one under another key, that was written after the open", async () => {
      const { shard, slot } = placeOf(path, keyOf(1));
      const other = placeOf(path, keyOf(2));
      for (const each of [0, 1]) markDirty(path, each);
      await open();
      flip(shardFile(path, shard), slotAt(slot, VALUE_AT));
      patch(shardFile(path, other.shard), slotAt(other.slot), slotBytes(9, keyOf(5000), valueOf(3)));
      const { lines, ...result } = await dumpOf("hex");
      if (storage === "resident") {
        expect(result).toEqual({ keys: 2999, changed: 0 });
        expect(lines.slice(1, 3)).toEqual([1, 2].map((i) => `${keyOf(i).toHex()} ${valueOf(i).toHex()}`));
      } else {
        expect(result).toEqual({ keys: 2998, changed: 1 });
        expect(lines.slice(0, 2)).toEqual([0, 3].map((i) => `${keyOf(i).toHex()} ${valueOf(i).toHex()}`));
        expect(lines.at(-1)).toBe(`${keyOf(5000).toHex()} ${valueOf(3).toHex()}`);
      }
    });

    test("rereadUnverified takes up what another process has finished writing", async () => {
      const { shard, slot } = placeOf(path, keyOf(1));
      const deleted = placeOf(path, keyOf(2));
      const torn = placeOf(path, keyOf(3));
      for (const each of [0, 1]) markDirty(path, each);
      for (const place of [{ shard, slot }, deleted, torn]) {
        flip(shardFile(path, place.shard), slotAt(place.slot, VALUE_AT));
      }
      const { store } = await open();
      expect(store.size).toBe(2996);
      patch(shardFile(path, shard), slotAt(slot), slotBytes(9, keyOf(1), valueOf(1, 1)));
      patch(shardFile(path, deleted.shard), slotAt(deleted.slot), [10]);
      expect(await rereadUnverified(store, 1)).toBe(1);
      expect(store.get(keyOf(1), { partial: true })).toEqual(valueOf(1, 1));
      expect(store.lookup(keyOf(1)).version).toBe(2);
      expect([...store.shards[torn.shard].unverified]).toEqual([torn.slot]);
      const { lines } = await dumpOf("hex");
      expect(lines.slice(0, 3)).toEqual([
        `${keyOf(0).toHex()} ${valueOf(0).toHex()}`,
        `${keyOf(1).toHex()} ${valueOf(1, 1).toHex()}`,
        `${keyOf(4).toHex()} ${valueOf(4).toHex()}`,
      ]);
    });

    test("rereadUnverified waits for nothing where all is well", async () => {
      const { store } = await open();
      const startedAt = performance.now();
      expect(await rereadUnverified(store, 60_000)).toBe(0);
      expect(performance.now() - startedAt).toBeLessThan(4000);
    });
  });
}
