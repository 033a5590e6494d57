import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { LISTED_PER_SHARD } from "../../src/directory/damage.ts";
import { verifyDirectory } from "../../src/directory/verify.ts";
import { ForeignDirectoryError } from "../../src/errors.ts";
import type { Files } from "../../src/runtime/runtime.ts";
import { lockDirectory } from "../../src/storage/dir_lock.ts";
import {
  CRC_AT,
  files,
  flip,
  KEY_AT,
  keyOf,
  makeStore,
  markDirty,
  patch,
  placeOf,
  process,
  resize,
  SHAPE,
  shardFile,
  slotAt,
  slotBytes,
  temporaryDirectory,
  VALUE_AT,
  valueOf,
} from "./sample.ts";

let directory: string;
beforeEach(() => {
  directory = temporaryDirectory();
});
afterEach(() => files.remove(directory));

/** "shard/slot kind" of each damage. */
async function damageOf(path = directory): Promise<string[]> {
  const { damage } = await verifyDirectory(files, path);
  expect(damage.total).toBe(damage.listed.length);
  return damage.listed.map(({ shard, slot, kind }) => `${shard ?? "-"}/${slot ?? "-"} ${kind}`);
}

async function textsOf(path = directory): Promise<string[]> {
  return (await verifyDirectory(files, path)).damage.listed.map((damage) => damage.text);
}

describe("verifyDirectory of a good directory", () => {
  test("counts slots and finds nothing", async () => {
    await makeStore(directory, { count: 100, deleted: [3, 4, 5] });
    const report = await verifyDirectory(files, directory);
    expect(report).toMatchObject({ directory, live: false, shape: SHAPE, slots: 2 * 4096, occupied: 97 });
    expect(report.damage.total).toBe(0);
    expect(report.unsettled.total).toBe(0);
  });

  test("ignores the sidecar where the clean flag is not set", async () => {
    await makeStore(directory);
    for (const shard of [0, 1]) {
      markDirty(directory, shard);
      flip(shardFile(directory, shard, "fixed.versions"), 0);
    }
    expect(await damageOf()).toEqual([]);
  });

  test("does not mind free and deleted slots whose bytes match no CRC", async () => {
    await makeStore(directory, { deleted: [1] });
    const { damage } = await verifyDirectory(files, directory);
    expect(damage.total).toBe(0);
    flip(shardFile(directory, 0), slotAt(4000, VALUE_AT));
    expect(await damageOf()).toEqual([]);
  });

  test("takes a shard whose creation crashed as empty", async () => {
    await makeStore(directory, { count: 20 });
    resize(shardFile(directory, 1), 0);
    const report = await verifyDirectory(files, directory);
    expect(report.damage.total).toBe(0);
    expect(report.slots).toBe(4096);
  });
});

describe("verifyDirectory finds", () => {
  beforeEach(() => makeStore(directory));

  test("a flipped bit in value, key and CRC", async () => {
    const { shard, slot } = placeOf(directory, keyOf(1));
    const data = shardFile(directory, shard);
    for (const byte of [CRC_AT, KEY_AT, VALUE_AT + 15]) {
      flip(data, slotAt(slot, byte));
      expect(await damageOf()).toEqual([`${shard}/${slot} crc`]);
      flip(data, slotAt(slot, byte));
    }
    expect(await damageOf()).toEqual([]);
  });

  test("a flipped bit with both CRCs in words", async () => {
    const { shard, slot } = placeOf(directory, keyOf(1));
    flip(shardFile(directory, shard), slotAt(slot, CRC_AT));
    const [text] = await textsOf();
    expect(text).toMatch(/^CRC is 0x[0-9a-f]{8}, its bytes give 0x[0-9a-f]{8}$/);
  });

  test("status 3, and that the sidecar says otherwise", async () => {
    const { shard, slot } = placeOf(directory, keyOf(1));
    patch(shardFile(directory, shard), slotAt(slot), [0b111]);
    expect(await damageOf()).toEqual([`${shard}/${slot} sidecar`, `${shard}/${slot} status`]);
    expect(await textsOf()).toEqual([
      "status 3 at version 1 in fixed.data, and OCCUPIED at version 1 in fixed.versions",
      "status is 3, known are 0 to 2",
    ]);
  });

  test("a slot that was written while the flag was set", async () => {
    const { shard } = placeOf(directory, keyOf(1));
    patch(shardFile(directory, shard), slotAt(4095), slotBytes(2 << 2 | 2, keyOf(1), valueOf(1)));
    expect(await damageOf()).toEqual([`${shard}/4095 sidecar`]);
    markDirty(directory, shard);
    expect(await damageOf()).toEqual([]);
  });

  test("a sidecar that is missing, cut, of another count, or with a flipped bit", async () => {
    const sidecar = shardFile(directory, 1, "fixed.versions");
    const good = files.readFile(sidecar)!;
    for (
      const damage of [
        () => files.remove(sidecar),
        () => resize(sidecar, good.length - 1),
        () => patch(sidecar, good.length - 8, [1]),
        () => flip(sidecar, 3),
      ]
    ) {
      damage();
      expect(await damageOf()).toEqual(["1/- sidecar"]);
      files.remove(sidecar);
      files.close(files.open(sidecar, "create"));
      patch(sidecar, 0, good);
    }
    expect(await damageOf()).toEqual([]);
  });

  test("a key in the wrong shard", async () => {
    const { shard, slot } = placeOf(directory, keyOf(1));
    const wrong = 1 - shard;
    markDirty(directory, wrong);
    patch(shardFile(directory, wrong), slotAt(4000), slotBytes(5, keyOf(1), valueOf(1)));
    expect(await damageOf()).toEqual([`${wrong}/4000 misrouted`]);
    expect(await textsOf()).toEqual([`its key 0000000000000001 belongs to shard ${shard}`]);
    expect(slot).toBeLessThan(4000);
  });

  test("a key that two and three slots hold", async () => {
    const { shard, slot } = placeOf(directory, keyOf(1));
    markDirty(directory, shard);
    patch(shardFile(directory, shard), slotAt(2000), slotBytes(9, keyOf(1), valueOf(1)));
    expect(await damageOf()).toEqual([`${shard}/2000 duplicate`]);
    expect(await textsOf()).toEqual([`its key 0000000000000001 is in slot ${slot} too`]);
    patch(shardFile(directory, shard), slotAt(4001), slotBytes(13, keyOf(1), valueOf(2)));
    expect(await damageOf()).toEqual([`${shard}/2000 duplicate`, `${shard}/4001 duplicate`]);
  });

  test("no duplicate where the other slot is deleted or torn", async () => {
    const { shard, slot } = placeOf(directory, keyOf(1));
    markDirty(directory, shard);
    patch(shardFile(directory, shard), slotAt(4000), slotBytes(9, keyOf(1), valueOf(1)));
    patch(shardFile(directory, shard), slotAt(slot), [10]);
    expect(await damageOf()).toEqual([]);
    patch(shardFile(directory, shard), slotAt(slot), [5]);
    flip(shardFile(directory, shard), slotAt(slot, VALUE_AT));
    expect(await damageOf()).toEqual([`${shard}/${slot} crc`]);
  });

  test("a data file shorter than its header says, and checks the slots that are there", async () => {
    const { shard, slot } = placeOf(directory, keyOf(1));
    const data = shardFile(directory, shard);
    resize(data, slotAt(slot + 1) + 5);
    flip(data, slotAt(slot, VALUE_AT));
    const report = await verifyDirectory(files, directory);
    expect(await damageOf()).toEqual([`${shard}/- truncated`, `${shard}/${slot} crc`]);
    expect(report.slots).toBe(4096 + slot + 1);
    expect(report.damage.listed[0].text).toBe(
      `Cannot open ${data}: it has ${slotAt(slot + 1) + 5} bytes, its 4096 slots need ${slotAt(4096)}: ` +
        "it was truncated",
    );
  });

  test("a count in the header that the file is too short for", async () => {
    patch(shardFile(directory, 0), 11, [0x01]);
    expect(await damageOf()).toEqual(["0/- truncated", "0/- sidecar"]);
  });

  test("a missing data file and a missing folder, and goes on", async () => {
    files.remove(shardFile(directory, 0));
    flip(shardFile(directory, 1), slotAt(0, VALUE_AT));
    expect(await damageOf()).toEqual(["0/- missing", "1/0 crc"]);
    files.remove(`${directory}/shard_000`);
    expect(await damageOf()).toEqual(["0/- missing", "1/0 crc"]);
  });

  test("a data file that cannot be read, and goes on", async () => {
    files.remove(shardFile(directory, 0));
    files.makeDirectory(shardFile(directory, 0));
    expect(await damageOf()).toEqual(["0/- unreadable"]);
    expect((await textsOf())[0]).toContain("(EISDIR)");
  });

  test.each([
    ["magic", 0, /it begins with "GIXD", not with "FIXD"/],
    ["format version", 4, /format version is 3, known is 2/],
    ["slot size", 6, /slot size is 33 in the header, and 32 by key and value length/],
    ["shard id", 16, /shard id is 0 in the header, and 1 by its folder/],
  ])("a header with another %s", async (_, at, text) => {
    flip(shardFile(directory, 1), at);
    expect(await damageOf()).toEqual(["1/- header"]);
    expect((await textsOf())[0]).toMatch(text as RegExp);
  });

  test("lengths that differ from those of the other shards", async () => {
    patch(shardFile(directory, 1), 12, [16, 0, 8, 0]);
    expect(await damageOf()).toEqual(["1/- header"]);
    expect((await textsOf())[0]).toContain("are 16+8 bytes, those of");
  });

  test("a clean flag that is neither 0 nor 1, and scans the slots", async () => {
    patch(shardFile(directory, 1), 17, [7]);
    flip(shardFile(directory, 1), slotAt(0, VALUE_AT));
    expect(await damageOf()).toEqual(["1/- header", "1/0 crc"]);
    expect((await textsOf())[0]).toContain("is 7, known are 0 and 1");
  });

  test("slots behind a header of zeros", async () => {
    patch(shardFile(directory, 1), 0, new Uint8Array(4096));
    expect(await damageOf()).toEqual(["1/- header"]);
  });

  test("slots without a db.meta", async () => {
    files.remove(`${directory}/db.meta`);
    expect(await damageOf()).toEqual(["-/- missing"]);
    expect((await textsOf())[0]).toMatch(/^Cannot open .*: it holds slots, but db.meta is missing$/);
  });

  test("damage in every shard although none tells the shape", async () => {
    files.remove(shardFile(directory, 0));
    resize(shardFile(directory, 1), 100);
    expect(await damageOf()).toEqual(["0/- missing", "1/- header"]);
    expect((await verifyDirectory(files, directory)).shape).toBeUndefined();
  });
});

describe("verifyDirectory bounds its list", () => {
  test("lists the first findings and counts all", async () => {
    await makeStore(directory, { count: 2500, shape: { ...SHAPE, shardCount: 1 } });
    const data = shardFile(directory, 0);
    const bytes = files.readFile(data)!;
    for (let slot = 0; slot < 2500; slot++) bytes[slotAt(slot, VALUE_AT)] ^= 1;
    patch(data, 0, bytes);
    const { damage } = await verifyDirectory(files, directory);
    expect(damage.total).toBe(2500);
    expect(damage.counts).toEqual({ crc: 2500 });
    expect(damage.listed.length).toBe(LISTED_PER_SHARD);
    expect(damage.listed.at(-1)).toMatchObject({ slot: 999 });
  });
});

describe("verifyDirectory refuses", () => {
  test.each([
    ["a missing directory", () => files.remove(directory)],
    ["an empty one", () => {}],
    ["one with other files", () => files.close(files.open(`${directory}/note.txt`, "create"))],
    ["a file", () => {
      files.remove(directory);
      files.close(files.open(directory, "create"));
    }],
    ["an unfinished creation", () => files.makeDirectory(`${directory}/shard_000`)],
  ])("%s", async (_, prepare) => {
    (prepare as () => void)();
    const error = await verifyDirectory(files, directory).catch((error) => error);
    expect(error).toBeInstanceOf(ForeignDirectoryError);
    expect(error.message).toBe(`Cannot open ${directory}: there is no armdb fixed store in it`);
  });

  test("a db.meta that is none, and one of another version", async () => {
    await makeStore(directory);
    patch(`${directory}/db.meta`, 4, [3]);
    await expect(verifyDirectory(files, directory)).rejects.toThrow("format version is 3, known is 2");
    patch(`${directory}/db.meta`, 0, [0]);
    await expect(verifyDirectory(files, directory)).rejects.toBeInstanceOf(ForeignDirectoryError);
  });
});

describe("verifyDirectory of a directory in use", () => {
  const rereadAfterMs = [1, 1];
  let data: string;
  let place: { shard: number; slot: number };

  beforeEach(async () => {
    await makeStore(directory);
    place = placeOf(directory, keyOf(1));
    data = shardFile(directory, place.shard);
    markDirty(directory, place.shard);
  });

  /** Files that call back once, after the first read of a slot. */
  function afterFirstRead(callback: () => void): Files {
    let isDone = false;
    return {
      ...files,
      read(file, bytes, at, length, position) {
        const read = files.read(file, bytes, at, length, position);
        if (position >= 4096 && !isDone) {
          isDone = true;
          callback();
        }
        return read;
      },
    };
  }

  async function whileLocked<T>(act: () => Promise<T>): Promise<T> {
    const lock = lockDirectory(files, directory, process.pid);
    try {
      return await act();
    } finally {
      lock.release();
    }
  }

  test("reads a slot again that was torn, and takes it as good", async () => {
    const at = slotAt(place.slot, VALUE_AT);
    flip(data, at);
    const healing = afterFirstRead(() => flip(data, at));
    const report = await whileLocked(() => verifyDirectory(healing, directory, { rereadAfterMs }));
    expect(report).toMatchObject({ live: true, occupied: 100 });
    expect([report.damage.total, report.unsettled.total]).toEqual([0, 0]);
  });

  test("does not call a CRC damage that stays wrong", async () => {
    flip(data, slotAt(place.slot, VALUE_AT));
    const report = await whileLocked(() => verifyDirectory(files, directory, { rereadAfterMs }));
    expect(report.damage.total).toBe(0);
    expect(report.unsettled.listed).toMatchObject([{ ...place, kind: "crc" }]);
  });

  test("forgets an equal key once the other slot has lost it", async () => {
    patch(data, slotAt(4000), slotBytes(9, keyOf(1), valueOf(1)));
    const moving = {
      ...files,
      read(...args: Parameters<Files["read"]>) {
        if (args[4] > slotAt(3000)) patch(data, slotAt(place.slot), [10]);
        return files.read(...args);
      },
    };
    const report = await whileLocked(() => verifyDirectory(moving, directory, { rereadAfterMs }));
    expect([report.damage.total, report.unsettled.total]).toEqual([0, 0]);
  });

  test("still calls status 3 and a misrouted key damage", async () => {
    patch(data, slotAt(4000), [7]);
    const wrong = shardFile(directory, 1 - place.shard);
    markDirty(directory, 1 - place.shard);
    patch(wrong, slotAt(4000), slotBytes(5, keyOf(1), valueOf(1)));
    const report = await whileLocked(() => verifyDirectory(files, directory, { rereadAfterMs }));
    expect(report.damage.counts).toEqual({ status: 1, misrouted: 1 });
  });

  test("notices that somebody opened it meanwhile", async () => {
    flip(data, slotAt(place.slot, VALUE_AT));
    let lock: { release(): void } | undefined;
    const taken = afterFirstRead(() => lock = lockDirectory(files, directory, process.pid));
    const report = await verifyDirectory(taken, directory, { rereadAfterMs });
    lock!.release();
    expect(report.live).toBe(true);
    expect([report.damage.total, report.unsettled.total]).toEqual([0, 1]);
    expect((await verifyDirectory(files, directory)).damage.total).toBe(1);
  });
});
