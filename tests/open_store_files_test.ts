import { afterEach, beforeEach, describe, expect, spyOn, test } from "bun:test";
import { StorageError } from "../src/errors.ts";
import { crc32 } from "../src/fixed/crc32.ts";
import { CLEAN_FLAG_AT, sealSidecar } from "../src/fixed/layout.ts";
import { nextTurn } from "../src/time_slice.ts";
import "./harness/load_maps.ts";
import { until } from "./harness/until.ts";
import {
  begin,
  data,
  directory,
  end,
  files,
  filled,
  key,
  open,
  overwrite,
  SHAPE,
  slotCount,
} from "./open_store_kit.ts";

beforeEach(begin);
afterEach(end);

describe("growth", () => {
  test("comes before it is needed, and then no put waits for the disk", async () => {
    const store = await open(SHAPE, { sync: "none" });
    const syncNow = spyOn(files, "syncNow");
    let syncs = 0;
    const { sync } = files;
    spyOn(files, "sync").mockImplementation(async (file) => {
      await sync(file);
      syncs++;
    });
    // The file begins with no slot, and the first put makes 4,096: its length is durable before the header tells it.
    for (let n = 0; n < 3840; n++) store.put(key(n), filled(16, 1));
    expect([syncNow.mock.calls.length, slotCount()]).toEqual([2, 4096]);
    store.put(key(3840), filled(16, 1));
    await until(() => syncs === 2, 3000, "the growth's sync");
    for (let n = 3841; n < 5000; n++) store.put(key(n), filled(16, 1));
    expect([syncNow.mock.calls.length, syncs, slotCount(), store.size]).toEqual([2, 2, 8192, 5000]);
  });

  test("blocks a burst that outruns it, and both end with one file", async () => {
    const store = await open(SHAPE, { sync: "none" });
    const syncNow = spyOn(files, "syncNow");
    for (let n = 0; n < 9000; n++) store.put(key(n), filled(16, n));
    expect([syncNow.mock.calls.length, slotCount()]).toEqual([6, 12288]);
    expect(await store.close()).toEqual([]);
    const again = await open();
    expect([again.size, slotCount(), again.get(key(8999))]).toEqual([9000, 12288, filled(16, 8999)]);
  });

  test("that is under way does not spoil a close", async () => {
    const store = await open(SHAPE, { sync: "none" });
    for (let n = 0; n < 3841; n++) store.put(key(n), filled(16, n));
    expect(await store.close()).toEqual([]);
    const sidecar = files.readFile(`${directory}/shard_000/fixed.versions`)!;
    // It is given up: nobody has used its slots.
    expect([data()[CLEAN_FLAG_AT], slotCount(), sidecar.length]).toEqual([1, 4096, 4096 * 4 + 8]);
  });

  test("that fails ahead fails once, and the put that needs it says so", async () => {
    const store = await open(SHAPE, { sync: "none" });
    for (let n = 0; n < 3840; n++) store.put(key(n), filled(16, 1));
    const truncate = spyOn(files, "truncate").mockImplementation(() => {
      throw Object.assign(new Error("no space left"), { code: "ENOSPC" });
    });
    store.put(key(3840), filled(16, 1));
    await until(() => truncate.mock.calls.length > 0, 3000, "the growth");
    for (let n = 3841; n < 4096; n++) store.put(key(n), filled(16, 1));
    await nextTurn();
    expect(truncate.mock.calls.length).toBe(1);
    expect(() => store.put(key(4096), filled(16, 1))).toThrow(StorageError);
    truncate.mockRestore();
    store.put(key(4096), filled(16, 1));
    expect(store.size).toBe(4097);
  });
});

describe("the sidecar", () => {
  const path = () => `${directory}/shard_000/fixed.versions`;

  /** A closed store of keys 1 and 2 in slots 0 and 1. */
  async function closedStore(): Promise<Uint8Array> {
    const store = await open(SHAPE);
    store.put(key(1), filled(16, 1));
    store.put(key(2), filled(16, 2));
    await store.close();
    return files.readFile(path())!;
  }

  /** The sidecar, sealed again, with a DELETED slot 1 of version 2. */
  function withoutKey2(sidecar: Uint8Array): Uint8Array {
    const bytes = sidecar.slice();
    bytes.set([0x0a, 0, 0, 0], 4);
    sealSidecar(bytes, slotCount(), crc32(bytes, 0, slotCount() * 4));
    return bytes;
  }

  test("of a clean file is believed", async () => {
    overwrite(path(), withoutKey2(await closedStore()));
    const store = await open();
    expect([store.has(key(1)), store.has(key(2))]).toEqual([true, false]);
  });

  test("of a file that was not closed is not: the slots are read", async () => {
    overwrite(path(), withoutKey2(await closedStore()));
    overwrite(`${directory}/shard_000/fixed.data`, Uint8Array.of(0), CLEAN_FLAG_AT);
    const store = await open();
    expect([store.has(key(1)), store.has(key(2))]).toEqual([true, true]);
  });

  test.each(["missing", "short", "long", "miscounted", "damaged"])(
    "that is %s is not: the slots are read",
    async (how) => {
      const sidecar = withoutKey2(await closedStore());
      files.remove(path());
      if (how === "short") overwrite(path(), sidecar.slice(0, -1));
      if (how === "long") overwrite(path(), Uint8Array.of(...sidecar, 0));
      if (how === "damaged") overwrite(path(), sidecar.map((byte, i) => i === 9 ? byte ^ 1 : byte));
      if (how === "miscounted") {
        sealSidecar(sidecar, slotCount(), 0);
        new DataView(sidecar.buffer).setUint32(sidecar.length - 8, 3, true);
        overwrite(path(), sidecar);
      }
      const store = await open();
      expect([store.size, store.get(key(2))]).toEqual([2, filled(16, 2)]);
      await store.close();
      expect(data()[CLEAN_FLAG_AT]).toBe(1);
    },
  );
});
