import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { formatAddress } from "../src/address.ts";
import { ClosedError, ForeignDirectoryError, LockedError, ShapeError, UsageError } from "../src/errors.ts";
import { crc32 } from "../src/fixed/crc32.ts";
import { CLEAN_FLAG_AT, HEADER_BYTES } from "../src/fixed/layout.ts";
import { shardOfKey } from "../src/fixed/routing.ts";
import { lead, openStore, OwnStore } from "../src/open_store.ts";
import { follow } from "../src/replica/follow.ts";
import { isLocked } from "../src/storage/dir_lock.ts";
import { STORAGE_KINDS } from "../src/storage/slot_file.ts";
import { rejection } from "./harness/failures.ts";
import "./harness/load_maps.ts";
import {
  begin,
  data,
  directory,
  end,
  files,
  filled,
  hex,
  key,
  open,
  overwrite,
  SHAPE,
  slotCount,
} from "./open_store_kit.ts";

beforeEach(begin);
afterEach(end);

describe.each(STORAGE_KINDS)("openStore, %s", (storage) => {
  test("puts, gets, deletes, and finds it all after a reopen", async () => {
    const store = await open({ ...SHAPE, shardCount: 3 }, { storage });
    for (let n = 0; n < 300; n++) store.put(key(n), filled(16, n));
    for (let n = 0; n < 300; n += 3) expect(store.delete(key(n))).toBe(true);
    store.put(key(1), filled(16, 0xaa));
    expect([store.delete(key(0)), store.has(key(0)), store.has(key(2)), store.size])
      .toEqual([false, false, true, 200]);
    expect(await store.close()).toEqual([]);

    const again = await open(undefined, { storage });
    expect([again.size, again.shape]).toEqual([200, { ...SHAPE, shardCount: 3 }]);
    expect([again.get(key(1)), again.get(key(3)), again.get(key(299))])
      .toEqual([filled(16, 0xaa), undefined, filled(16, 299 & 0xff)]);
    expect([...again.entries()].length).toBe(200);
  });

  test("writes what armdb writes, byte for byte", async () => {
    const store = await open(SHAPE, { storage });
    store.put(filled(8, 0x11), filled(16, 0xa1));
    store.put(filled(8, 0x22), filled(16, 0xa2));
    store.put(filled(8, 0x11), filled(16, 0xb1));
    store.put(filled(8, 0x33), filled(16, 0xa3));
    store.delete(filled(8, 0x22));
    await store.close();
    const bytes = data();
    const recorded = ["09000000" + "71825a6a" + "11".repeat(8) + "b1".repeat(16)];
    recorded.push("0a000000" + "ecccec61" + "22".repeat(8) + "a2".repeat(16));
    recorded.push("05000000" + "89f55ec1" + "33".repeat(8) + "a3".repeat(16));
    for (const [slot, expected] of recorded.entries()) {
      expect(hex(bytes.slice(HEADER_BYTES + slot * 32, HEADER_BYTES + (slot + 1) * 32))).toBe(expected);
    }
    expect(hex(files.readFile(`${directory}/db.meta`)!)).toBe("41524d44020101000000000000000000");
    const slots = slotCount();
    expect(hex(bytes.slice(0, 8)) + hex(bytes.slice(12, 18))).toBe("4649584402002000" + "080010000001");
    expect(bytes.length).toBe(HEADER_BYTES + slots * 32);
    const sidecar = files.readFile(`${directory}/shard_000/fixed.versions`)!;
    expect(sidecar.length).toBe(slots * 4 + 8);
    expect(hex(sidecar.slice(0, 16))).toBe("090000000a0000000500000000000000");
  });

  test("a write is in the file when put returns, and the file is not clean while it is open", async () => {
    const store = await open(SHAPE, { storage, sync: "none" });
    store.put(key(7), filled(16, 7));
    expect(hex(data().slice(HEADER_BYTES + 8, HEADER_BYTES + 16))).toBe(hex(key(7)));
    expect(data()[CLEAN_FLAG_AT]).toBe(0);
    await store.flush();
    await store.close();
    expect(data()[CLEAN_FLAG_AT]).toBe(1);
    await open(undefined, { storage });
    expect(data()[CLEAN_FLAG_AT]).toBe(0);
  });

  test("grows by 4,096 slots and more, and takes the lowest free slot again", async () => {
    const store = await open(SHAPE, { storage });
    for (let n = 0; n < 4097; n++) store.put(key(n), filled(16, n));
    expect(slotCount()).toBe(8192);
    store.delete(key(5));
    store.put(key(9999), filled(16, 9));
    expect(hex(data().slice(HEADER_BYTES + 5 * 32 + 8, HEADER_BYTES + 5 * 32 + 16))).toBe(hex(key(9999)));
    expect(slotCount()).toBe(8192);
  });

  test.each([[1, 0], [1, 1], [8, 65_512], [100, 20]])(
    "records of %d+%d bytes",
    async (keyLength, valueLength) => {
      const store = await open({ ...SHAPE, keyLength, valueLength }, { storage });
      store.put(filled(keyLength, 7), filled(valueLength, 9));
      await store.close();
      const again = await open(undefined, { storage });
      expect(again.get(filled(keyLength, 7))).toEqual(filled(valueLength, 9));
      expect(again.get(filled(keyLength, 8))).toBeUndefined();
    },
  );
});

test.each(STORAGE_KINDS)("an iteration that a close interrupts says so, %s", async (storage) => {
  const store = await open(SHAPE, { storage });
  for (let n = 0; n < 5; n++) store.put(key(n), filled(16, n));
  const entries = store.entries();
  entries.next();
  await store.close();
  expect(() => entries.next()).toThrow("the store was closed");
  expect(entries.next().done).toBe(true);
});

describe.each(STORAGE_KINDS)("a directory of a replica whose scan was cut, %s", (storage) => {
  /** Key 1 in slots 0, 2 and 3: a scan that saw it move twice ended before it came to the slots that it left. */
  async function withEqualKeys(): Promise<OwnStore> {
    const store = await open(SHAPE);
    for (const [slot, n] of [1, 2, 3, 4].entries()) store.put(key(n), filled(16, slot));
    await store.close();
    const path = `${directory}/shard_000/fixed.data`;
    for (const slot of [2, 3]) {
      const record = data().slice(HEADER_BYTES + slot * 32, HEADER_BYTES + (slot + 1) * 32);
      record.set(key(1), 8);
      new DataView(record.buffer).setUint32(4, crc32(record, 8, 24, crc32(record, 0, 4)), true);
      overwrite(path, record, HEADER_BYTES + slot * 32);
    }
    overwrite(path, Uint8Array.of(0), CLEAN_FLAG_AT);
    return await open(undefined, { storage });
  }

  test("deletes a key from all of its slots, for good", async () => {
    const store = await withEqualKeys();
    expect([store.size, store.get(key(1))]).toEqual([2, filled(16, 3)]);
    expect([store.delete(key(1)), store.get(key(1)), store.delete(key(1)), store.size])
      .toEqual([true, undefined, false, 1]);
    await store.close();
    const again = await open(undefined, { storage });
    expect([again.get(key(1)), again.get(key(2))]).toEqual([undefined, filled(16, 1)]);
  });

  test("a put leaves one slot of the key, and the others are free", async () => {
    const store = await withEqualKeys();
    store.put(key(1), filled(16, 9));
    for (const n of [5, 6]) store.put(key(n), filled(16, n));
    const status = (slot: number) => data()[HEADER_BYTES + slot * 32] & 3;
    expect([status(3), hex(data().slice(HEADER_BYTES + 8, HEADER_BYTES + 16))]).toEqual([1, hex(key(5))]);
    store.delete(key(1));
    expect([store.get(key(1)), store.size]).toEqual([undefined, 3]);
  });

  test("its followers hear of each slot, the one that served the key last", async () => {
    const store = await withEqualKeys();
    await using leader = await lead(store, "127.0.0.1:0");
    const address = formatAddress(leader.address);
    await using follower = await follow(address, { dir: `${directory}-follower`, sync: "none" });
    try {
      await follower.caughtUp();
      expect([follower.size, follower.get(key(1))]).toEqual([2, filled(16, 3)]);
      const watched = follower.watch();
      store.delete(key(1));
      expect((await watched.next()).value).toEqual({ type: "delete", key: key(1), shard: 0 });
      expect([follower.get(key(1)), follower.size]).toEqual([undefined, 1]);
      const { slots } = follower.status().shards[0];
      expect([slots.occupied, slots.deleted]).toEqual([1, 3]);
    } finally {
      await follower.close();
      files.remove(`${directory}-follower`);
    }
  });
});

describe("a key in a shard that it does not route to", () => {
  const TWO = { ...SHAPE, shardCount: 2 };
  const home = (n: number) => shardOfKey(key(n), 0, TWO);
  /** A key of shard 0. */
  const N = [1, 2, 3, 4, 5, 6, 7, 8].find((n) => home(n) === 0)!;

  /** A store in which shard 1 holds the key too, or alone. */
  async function misrouted(alone: boolean): Promise<OwnStore> {
    const store = await open(TWO);
    store.put(key(N), filled(16, 1));
    await store.close();
    const copied = data();
    // The header's shard, and the flag: there is no sidecar of it.
    copied.set([1, 0], CLEAN_FLAG_AT - 1);
    overwrite(`${directory}/shard_001/fixed.data`, copied);
    const again = await open();
    if (!alone) return again;
    // The shard it routes to is deleted from by hand: `delete` is what is tested.
    await again.close();
    overwrite(`${directory}/shard_000/fixed.data`, Uint8Array.of(6), HEADER_BYTES);
    overwrite(`${directory}/shard_000/fixed.data`, Uint8Array.of(0), CLEAN_FLAG_AT);
    return await open();
  }

  test.each([false, true])("is deleted there (alone: %j)", async (alone) => {
    const store = await misrouted(alone);
    expect([store.has(key(N)), store.delete(key(N)), store.has(key(N)), store.size])
      .toEqual([true, true, false, 0]);
    expect([store.delete(key(N)), [...store.entries()]]).toEqual([false, []]);
  });

  test.each([false, true])("comes home with a put (alone: %j)", async (alone) => {
    const store = await misrouted(alone);
    store.put(key(N), filled(16, 2));
    expect([store.get(key(N)), store.size]).toEqual([filled(16, 2), 1]);
    expect([...store.entries()]).toEqual([[key(N), filled(16, 2)]]);
    await store.close();
    const again = await open();
    expect([again.get(key(N)), again.size, again.delete(key(N)), again.get(key(N))])
      .toEqual([filled(16, 2), 1, true, undefined]);
  });
});

describe("openStore refuses", () => {
  test("a directory that is not there, without a shape", async () => {
    const error = await rejection(openStore(`${directory}/none`));
    expect(error).toBeInstanceOf(ForeignDirectoryError);
    expect(error.message).toBe(
      `Cannot open ${directory}/none: there is no armdb fixed store in it, and no shape to create one`,
    );
    expect(files.exists(`${directory}/none`)).toBe(false);
  });

  test("an empty directory, without a shape, and lets go of its lock", async () => {
    expect(await rejection(openStore(directory))).toBeInstanceOf(ForeignDirectoryError);
    expect(isLocked(files, directory)).toBe(false);
  });

  test("another shape, and leaves the directory closed and clean", async () => {
    await (await open(SHAPE)).close();
    const error = await rejection(openStore(directory, { ...SHAPE, valueLength: 17 }));
    expect(error).toBeInstanceOf(ShapeError);
    expect(error.message).toBe(`Cannot follow: value length is 17 at the call, and 16 in ${directory}`);
    expect([isLocked(files, directory), data()[CLEAN_FLAG_AT]]).toEqual([false, 1]);
  });

  test("a shape that armdb cannot hold", async () => {
    expect(await rejection(openStore(directory, { ...SHAPE, keyLength: 0 }))).toBeInstanceOf(ShapeError);
    expect(isLocked(files, directory)).toBe(false);
  });

  test("a directory that is held, and one that is not ours", async () => {
    const store = await open(SHAPE);
    expect(await rejection(openStore(directory))).toBeInstanceOf(LockedError);
    await store.close();
    const other = `${directory}/other`;
    files.makeDirectory(other);
    files.makeDirectory(`${other}/photos`);
    expect(await rejection(openStore(other, SHAPE))).toBeInstanceOf(ForeignDirectoryError);
    expect(files.list(other)!.includes("db.meta")).toBe(false);
  });
});

describe("a store", () => {
  test("names the lengths that a key and a value must have, and writes nothing", async () => {
    const store = await open(SHAPE);
    const thrown = (act: () => unknown): string => {
      try {
        act();
      } catch (error) {
        expect(error).toBeInstanceOf(UsageError);
        return (error as Error).message;
      }
      return "";
    };
    expect(thrown(() => store.put(filled(7, 1), filled(16, 1))))
      .toBe("Cannot put this key: it has 7 bytes, keys here have 8");
    expect(thrown(() => store.put(filled(8, 1), filled(17, 1))))
      .toBe("Cannot put this value: it has 17 bytes, values here have 16");
    expect(thrown(() => store.delete(filled(9, 1)))).toBe(
      "Cannot delete this key: it has 9 bytes, keys here have 8",
    );
    expect(thrown(() => store.get(filled(9, 1)))).toContain("it has 9 bytes");
    expect([store.size, slotCount()]).toEqual([0, 0]);
  });

  test("answers what it has without ever being led: its own misses are certain", async () => {
    const store = await open(SHAPE);
    expect([store.get(key(1)), store.has(key(1))]).toEqual([undefined, false]);
  });

  test("a closed one refuses, may be closed again, and lets go of its lock", async () => {
    const store = await open(SHAPE);
    expect(isLocked(files, directory)).toBe(true);
    expect(await Promise.all([store.close(), store.close()])).toEqual([[], []]);
    expect(isLocked(files, directory)).toBe(false);
    for (const use of [() => store.get(key(1)), () => store.put(key(1), filled(16, 1)), () => store.size]) {
      expect(use).toThrow(ClosedError);
    }
    expect(() => store.delete(key(1))).toThrow("Cannot delete: the store is closed");
  });

  test("`await using` closes it", async () => {
    {
      await using store = await openStore(directory, SHAPE);
      store.put(key(1), filled(16, 1));
    }
    expect([isLocked(files, directory), data()[CLEAN_FLAG_AT]]).toEqual([false, 1]);
  });
});
