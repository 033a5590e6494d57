import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { Directory, type DirectoryOptions, lockForWriting } from "../../src/directory/directory.ts";
import { verifyDirectory } from "../../src/directory/verify.ts";
import {
  ClosedError,
  DamagedDirectoryError,
  ForeignDirectoryError,
  LockedError,
  ShapeError,
  StorageError,
} from "../../src/errors.ts";
import { applyEvent } from "../../src/fixed/apply.ts";
import { eventBytes } from "../../src/slot_events.ts";
import { errorWithCode } from "../../src/error_code.ts";
import type { Files } from "../../src/runtime/runtime.ts";
import { STORAGE_KINDS, type StorageKind } from "../../src/storage/slot_file.ts";
import { nextTurn, TimeSlice } from "../../src/time_slice.ts";
import { HeldFiles } from "../fakes/held_files.ts";
import { until } from "../harness/until.ts";
import {
  files,
  flip,
  KEY_AT,
  keyOf,
  makeStore,
  markDirty,
  patch,
  placeOf,
  process,
  readBytes,
  resize,
  SHAPE,
  shardFile,
  slotAt,
  slotBytes,
  temporaryDirectory,
  VALUE_AT,
  valueOf,
} from "./sample.ts";

const CLEAN_FLAG_AT = 17;
const SLOT_COUNT_AT = 8;
const SOON_MS = 10_000;
/** For tests of hundreds of syncs, on a busy disk. */
const SLOW_MS = 20_000;

let root: string;
let path: string;
const opened: Directory[] = [];
beforeEach(() => {
  root = temporaryDirectory();
  path = `${root}/replica`;
});
afterEach(async () => {
  for (const directory of opened.splice(0)) await directory.close(SOON_MS).catch(() => {});
  files.remove(root);
});

function optionsOf(more: Partial<DirectoryOptions> = {}): DirectoryOptions {
  return { storage: "resident", pid: process.pid, ...more };
}

async function open(more?: Partial<DirectoryOptions>, through = files): Promise<Directory> {
  const directory = (await Directory.open(through, path, optionsOf(more)))!;
  opened.push(directory);
  return directory;
}

async function create(shape = SHAPE, through = files): Promise<Directory> {
  files.makeDirectory(path);
  const directory = await Directory.create(through, path, shape, optionsOf());
  opened.push(directory);
  return directory;
}

function close(directory: Directory): Promise<number[]> {
  opened.splice(opened.indexOf(directory), 1);
  return directory.close(SOON_MS);
}

/** Writes a key and its value to a slot, at version 1. */
function put(directory: Directory, { shard, slot }: { shard: number; slot: number }, i: number): void {
  const record = new Uint8Array(24);
  record.set(keyOf(i));
  record.set(valueOf(i), 8);
  applyEvent(directory.store.shards[shard], slot, 5, eventBytes(record), 0);
}

function flagOf(shard: number): number {
  return readBytes(shardFile(path, shard), CLEAN_FLAG_AT, 1)[0];
}

function slotCountInFile(shard: number): number {
  return new DataView(readBytes(shardFile(path, shard), SLOT_COUNT_AT, 4).buffer).getUint32(0, true);
}

function get(directory: Directory, i: number): string | undefined {
  return directory.store.get(keyOf(i), { partial: true })?.toHex();
}

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

/** Files of which one changing call fails, and every one after it: the process is gone. */
function crashingFiles(crashes: () => boolean): Files {
  let isGone = false;
  const failing = (name: keyof Files) => (...args: unknown[]) => {
    isGone ||= crashes();
    if (isGone) throw errorWithCode(`${name} after the crash`, "EIO");
    return (files[name] as (...args: unknown[]) => unknown)(...args);
  };
  const changing = [
    "write",
    "truncate",
    "sync",
    "syncNow",
    "rename",
    "remove",
    "makeDirectory",
    "syncDirectory",
  ];
  const more = ["syncDirectoryAsync", "lock"];
  const names = [...changing, ...more] as (keyof Files)[];
  return { ...files, ...Object.fromEntries(names.map((name) => [name, failing(name)])) };
}

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

describe("steps", () => {
  /** Slots of four windows, and of as many pages of metas. */
  const MANY = 200_000;

  /** A slice that is always over, and counts its yields. */
  class Counting extends TimeSlice {
    yields = 0;
    constructor() {
      super(0);
    }
    override yield(): Promise<void> {
      this.yields++;
      return super.yield();
    }
  }

  test("growing yields, and shows its slots only once all are there", async () => {
    files.makeDirectory(path);
    const slice = new Counting();
    const directory = (await Directory.create(files, path, SHAPE, optionsOf({ slice })))!;
    opened.push(directory);
    const shard = directory.store.shards[0];
    await directory.grow(0, 60_000, true);
    slice.yields = 0;
    const growing = directory.grow(0, MANY, true);
    for (let turn = 0; turn < 2; turn++) {
      await nextTurn();
      expect([shard.slotCount, shard.file.recordCount, slotCountInFile(0)]).toEqual([60_000, 60_000, 60_000]);
    }
    await growing;
    expect([shard.slotCount, slotCountInFile(0)]).toEqual([MANY, MANY]);
    expect(slice.yields).toBeGreaterThanOrEqual(3);
  });

  test("closing and opening yield, and write and read no more than 512 KiB at once", async () => {
    files.makeDirectory(path);
    const slice = new Counting();
    let largest = 0;
    const measured: Files = {
      ...files,
      write(file, bytes, at, length, position) {
        largest = Math.max(largest, length);
        files.write(file, bytes, at, length, position);
      },
      read(file, bytes, at, length, position) {
        largest = Math.max(largest, length);
        return files.read(file, bytes, at, length, position);
      },
    };
    const directory =
      (await Directory.create(measured, path, { ...SHAPE, shardCount: 1 }, optionsOf({ slice })))!;
    opened.push(directory);
    await directory.grow(0, MANY, true);
    put(directory, { shard: 0, slot: MANY - 1 }, 1);
    slice.yields = 0;
    expect(await close(directory)).toEqual([]);
    expect(slice.yields).toBeGreaterThanOrEqual(MANY / 65_536);
    expect((await verifyDirectory(files, path)).damage.total).toBe(0);
    slice.yields = 0;
    const again = await open({ slice }, { ...measured, readFile: refuseLarge });
    expect(slice.yields).toBeGreaterThanOrEqual(2 * MANY / 65_536);
    expect(get(again, 1)).toBe(valueOf(1).toHex());
    expect(largest).toBeLessThanOrEqual(512 << 10);
  });

  function refuseLarge(file: string): Uint8Array | undefined {
    const bytes = files.readFile(file);
    if (bytes !== undefined && bytes.length > 512 << 10) throw new Error(`${file} was read at once`);
    return bytes;
  }

  test("a close leaves a shard alone whose growth does not end, and closes its file behind it", async () => {
    const held = new HeldFiles();
    const directory = await create({ ...SHAPE, shardCount: 1 }, held.files);
    held.hold("fixed.data");
    const growing = directory.grow(0, 100);
    await until(() => held.calls.at(-1) === "sync fixed.data", SOON_MS);
    held.calls.length = 0;
    opened.splice(opened.indexOf(directory), 1);
    expect(await directory.close(100)).toEqual([0]);
    expect(held.calls).toEqual([]);
    held.release();
    await expect(growing).rejects.toThrow(ClosedError);
    await until(() => held.calls.length > 0, SOON_MS);
    expect([held.calls, flagOf(0)]).toEqual([["close fixed.data"], 0]);
  });

  test("a close while a shard grows leaves metas, file and sidecar of one length", async () => {
    const directory = await create();
    const growing = directory.grow(0, MANY, true).catch((error) => error);
    expect(await close(directory)).toEqual([]);
    expect(["undefined", "ClosedError"]).toContain(String((await growing)?.name));
    expect((await verifyDirectory(files, path)).damage.total).toBe(0);
  });
});

describe("Directory.grow", () => {
  test("makes the file longer, then its header, by 4,096 slots or an eighth", async () => {
    const directory = await create();
    await directory.grow(0, 1);
    expect([directory.store.shards[0].slotCount, slotCountInFile(0)]).toEqual([4096, 4096]);
    expect(files.readFile(shardFile(path, 0))!.length).toBe(slotAt(4096));
    await directory.grow(0, 4096);
    expect(directory.store.shards[0].slotCount).toBe(4096);
    await directory.grow(0, 40_960, true);
    expect(slotCountInFile(0)).toBe(40_960);
    await directory.grow(0, 40_961);
    expect(slotCountInFile(0)).toBe(40_960 + 5120);
    expect(slotCountInFile(1)).toBe(0);
  });

  test("is durable before the slots may be used", async () => {
    const directory = await create();
    const shard = directory.store.shards[1];
    const growing = directory.grow(1, 10);
    expect(shard.slotCount).toBe(0);
    await growing;
    expect(shard.slotCount).toBe(4096);
    expect(shard.file.unsynced).toBe(false);
    put(directory, { shard: 1, slot: 4095 }, 1);
    shard.file.flush();
    expect(readBytes(shardFile(path, 1), slotAt(4095, KEY_AT), 8)).toEqual(keyOf(1));
  });

  test("never shrinks a file that two grow at once", async () => {
    const directory = await create();
    await Promise.all([
      directory.grow(0, 9000, true),
      directory.grow(0, 5000, true),
      directory.grow(0, 7000),
    ]);
    expect([slotCountInFile(0), directory.store.shards[0].slotCount]).toEqual([9000, 9000]);
  });

  test("growNow has grown when it returns", async () => {
    const directory = await create();
    directory.growNow(0, 1);
    expect([directory.store.shards[0].slotCount, slotCountInFile(0)]).toEqual([4096, 4096]);
    expect(directory.store.shards[0].file.unsynced).toBe(false);
  });

  test("names the file where the disk is full, and leaves the shard as it was", async () => {
    let isFull = false;
    const full: Files = {
      ...files,
      truncate(file, size) {
        if (isFull) throw errorWithCode("no space", "ENOSPC");
        files.truncate(file, size);
      },
    };
    const directory = await create(SHAPE, full);
    isFull = true;
    const error = await directory.grow(1, 1).catch((error) => error);
    expect(error).toBeInstanceOf(StorageError);
    expect(error.message).toBe(`Cannot grow ${shardFile(path, 1)}: No space left on device (ENOSPC)`);
    expect([directory.store.shards[1].slotCount, slotCountInFile(1)]).toEqual([0, 0]);
    expect(() => directory.growNow(1, 1)).toThrow(StorageError);
    isFull = false;
    await directory.grow(1, 1);
    expect(slotCountInFile(1)).toBe(4096);
  });
});

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
