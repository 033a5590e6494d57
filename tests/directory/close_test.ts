import { describe, expect, test } from "bun:test";
import { Directory } from "../../src/directory/directory.ts";
import { verifyDirectory } from "../../src/directory/verify.ts";
import type { Files } from "../../src/runtime/runtime.ts";
import { close, create, flagOf, get, open, opened, path, put, useFreshPath } from "./directory_kit.ts";
import { files, makeStore, SHAPE, shardFile, slotAt, valueOf } from "./sample.ts";

const CLEAN_FLAG_AT = 17;
useFreshPath();

describe("Directory.close", () => {
  /** A directory with a staged slot in shard 0. */
  async function written(through = files): Promise<Directory> {
    const directory = await create(SHAPE, through);
    await directory.grow(0, 1);
    put(directory, { shard: 0, slot: 3 }, 1);
    return directory;
  }

  test("flushes, writes the sidecar and then the flag", async () => {
    const order: string[] = [];
    const recording: Files = {
      ...files,
      write(file, bytes, at, length, position) {
        if (position === CLEAN_FLAG_AT) order.push(`flag ${bytes[at]}`);
        else if (position === slotAt(3)) order.push("slot");
        files.write(file, bytes, at, length, position);
      },
      rename(from, to) {
        if (to.endsWith("fixed.versions")) order.push("sidecar");
        files.rename(from, to);
      },
      sync(file) {
        order.push("sync");
        return files.sync(file);
      },
    };
    const directory = await create({ ...SHAPE, shardCount: 1 }, recording);
    await directory.grow(0, 1);
    put(directory, { shard: 0, slot: 3 }, 1);
    order.length = 0;
    expect(await close(directory)).toEqual([]);
    expect(order.filter((step, i) => step !== order[i - 1])).toEqual([
      "slot",
      "sync",
      "sidecar",
      "flag 1",
      "sync",
    ]);
    const sidecar = files.readFile(shardFile(path, 0, "fixed.versions"))!;
    expect(sidecar.length).toBe(4096 * 4 + 8);
    expect(sidecar.subarray(12, 20).toHex()).toBe("0500000000000000");
    expect((await verifyDirectory(files, path)).damage.total).toBe(0);
  });

  test("leaves shards dirty whose sync does not end in time, and comes back", async () => {
    let isSlow = false;
    const ofShard0 = new Set<number>();
    const slow: Files = {
      ...files,
      open(file, mode) {
        const opened = files.open(file, mode);
        if (file.endsWith("shard_000/fixed.data")) ofShard0.add(opened);
        else ofShard0.delete(opened);
        return opened;
      },
      sync: (file) => isSlow && ofShard0.has(file) ? new Promise(() => {}) : Promise.resolve(),
      syncDirectoryAsync: () => Promise.resolve(),
    };
    const directory = await written(slow);
    isSlow = true;
    opened.splice(opened.indexOf(directory), 1);
    expect(await directory.close(500)).toEqual([0]);
    expect([flagOf(0), flagOf(1)]).toEqual([0, 1]);
    expect(get(await open(), 1)).toBe(valueOf(1).toHex());
  });

  test("leaves a shard dirty whose sidecar cannot be written", async () => {
    const directory = await written();
    files.makeDirectory(shardFile(path, 0, "fixed.versions"));
    expect(await close(directory)).toEqual([0]);
    expect(flagOf(0)).toBe(0);
  });

  test("writes nothing where it only reads, and reports nothing dirty", async () => {
    await makeStore(path);
    const before = files.readFile(shardFile(path, 0))!.toHex();
    const directory = await open({ readOnly: true });
    expect(await close(directory)).toEqual([]);
    expect(files.readFile(shardFile(path, 0))!.toHex()).toBe(before);
  });
});
