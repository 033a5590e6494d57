import { describe, expect, test } from "bun:test";
import { recoverShard } from "../../src/fixed/recover.ts";
import { DELETED, FREE, OCCUPIED, packMeta } from "../../src/fixed/meta.ts";
import { HEADER_BYTES } from "../../src/fixed/layout.ts";
import { hashKey, shardOfKey } from "../../src/fixed/routing.ts";
import type { Shard } from "../../src/fixed/shard.ts";
import { STORAGE_KINDS } from "../../src/storage/slot_file.ts";
import { TimeSlice } from "../../src/time_slice.ts";
import { MemoryFiles } from "../fakes/memory_files.ts";
import {
  apply,
  damage,
  keyOf,
  makeShard,
  occupiedBytes,
  openShard,
  SHAPE,
  type ShardOptions,
  slotWords,
  type TestShard,
  valueIn,
  valueOf,
} from "../fakes/shard_kit.ts";

function get(shard: Shard, key: string): string | undefined {
  return valueIn(shard, key, (bytes) => hashKey(bytes, 0, bytes.length));
}

function bytesOfHex(hex: string): Uint8Array {
  return Uint8Array.from(hex.match(/../g)!, (pair) => parseInt(pair, 16));
}

/** A disk with these slots. */
function diskOf(slots: Uint8Array[]): MemoryFiles {
  const disk = new MemoryFiles();
  disk.bytes = Uint8Array.from([...new Uint8Array(HEADER_BYTES), ...slots.flatMap((slot) => [...slot])]);
  return disk;
}

async function recover(
  disk: MemoryFiles,
  slotCount: number,
  options: ShardOptions & { sidecar?: Uint8Array; slice?: TimeSlice } = {},
): Promise<Shard> {
  const shard = openShard(disk, slotCount, options);
  await recoverShard(shard, slotCount, {
    sidecar: options.sidecar,
    slice: options.slice ?? new TimeSlice(1000),
  });
  return shard;
}

/** A shard of 6 slots: a put, b deleted, a reset, one never written, c put, d put twice. */
function written(): TestShard {
  const made = makeShard(6);
  apply(made.shard, [
    { slot: 0, version: 3, key: "a", value: "1" },
    { slot: 1, version: 4, key: "b", value: "2" },
    { slot: 2, version: 9 },
    { slot: 4, version: 1, key: "c", value: "3" },
    { slot: 5, version: 1, key: "d", value: "4" },
  ]);
  apply(made.shard, [{ slot: 1, version: 5, key: "b" }, { slot: 5, version: 2, key: "d", value: "5" }]);
  return made;
}

function sidecarOf(shard: Shard): Uint8Array {
  const bytes = new Uint8Array(shard.slotCount * 4 + 8);
  shard.metas.copyPageTo(0, bytes);
  return bytes;
}

describe.each(STORAGE_KINDS)("recoverShard from a %s file", (kind) => {
  test.each([["dirty", false], ["clean, with its sidecar", true]])(
    "%s: finds all as it was",
    async (_, clean) => {
      const { shard: before, disk } = written();
      const shard = await recover(disk, 6, { kind, sidecar: clean ? sidecarOf(before) : undefined });
      const words = [0, 1, 2, 3, 4, 5].map((slot) => slotWords(shard, slot));
      expect(words).toEqual(["occupied 3", "deleted 5", "free 9", "never", "occupied 1", "occupied 2"]);
      expect(["a", "b", "c", "d"].map((key) => get(shard, key))).toEqual(["1", undefined, "3", "5"]);
      expect([shard.occupied, shard.deleted, shard.written, shard.maxVersion]).toEqual([3, 1, 5, 9]);
      expect([shard.unverified.size, shard.counters.crcErrors, shard.misrouted]).toEqual([0, 0, false]);
    },
  );

  test("the sidecar's metas count, where the file is clean", async () => {
    const { shard: before, disk } = written();
    before.metas.set(0, packMeta(4, DELETED));
    before.metas.set(4, packMeta(2, OCCUPIED));
    const shard = await recover(disk, 6, { kind, sidecar: sidecarOf(before) });
    expect([slotWords(shard, 0), get(shard, "a")]).toEqual(["deleted 4", undefined]);
    // Its bytes are of another version than the sidecar says: they cannot be trusted.
    expect([slotWords(shard, 4), [...shard.unverified], get(shard, "c")]).toEqual([
      "occupied 2",
      [4],
      undefined,
    ]);
  });

  test.each([0, 4, 8, 14])(
    "a torn slot (byte %d) is unknown, not served, and healed by its own version",
    async (at) => {
      const { disk } = written();
      damage(disk, 0, at, 0x80);
      const shard = await recover(disk, 6, { kind });
      expect([[...shard.unverified], shard.counters.crcErrors, get(shard, "a")]).toEqual([[0], 1, undefined]);
      expect([shard.occupied, shard.index.keys]).toEqual([3, 2]);
      if (at === 0) return; // The version itself is torn: only a scan may overwrite it.
      expect(apply(shard, [{ slot: 0, version: 3, key: "a", value: "1" }])).toBe(1);
      expect([shard.unverified.size, get(shard, "a"), shard.occupied]).toEqual([0, "1", 3]);
    },
  );

  test("a torn slot is freed of its doubt by a delete of the same version", async () => {
    const { disk } = written();
    damage(disk, 0, 9, 1);
    const shard = await recover(disk, 6, { kind });
    expect(apply(shard, [{ slot: 0, version: 3, key: "a" }])).toBe(1);
    expect([shard.unverified.size, shard.occupied, slotWords(shard, 0)]).toEqual([0, 2, "deleted 3"]);
  });

  test("the bytes of DELETED and FREE slots are not looked at", async () => {
    const { disk } = written();
    for (const slot of [1, 2, 3]) damage(disk, slot, 6, 0xff);
    const shard = await recover(disk, 6, { kind });
    expect([shard.unverified.size, shard.occupied]).toEqual([0, 3]);
  });

  test.each([[false], [true]])("status 3 counts as OCCUPIED and unknown; sidecar: %p", async (clean) => {
    const { shard: before, disk } = written();
    const sidecar = sidecarOf(before);
    sidecar[0] |= 3;
    disk.bytes[HEADER_BYTES] |= 3;
    const shard = await recover(disk, 6, { kind, sidecar: clean ? sidecar : undefined });
    expect([slotWords(shard, 0), [...shard.unverified], get(shard, "a")]).toEqual([
      "occupied 3",
      [0],
      undefined,
    ]);
    expect(shard.occupied).toBe(3);
  });

  test("equal keys: one is served, both are known", async () => {
    const a = (version: number, value: string) =>
      occupiedBytes(packMeta(version, OCCUPIED), keyOf("a"), valueOf(value));
    const shard = await recover(diskOf([a(1, "1"), a(7, "2")]), 2, { kind });
    expect([shard.index.keys, shard.index.duplicates, shard.occupied]).toEqual([1, 1, 2]);
    const served = get(shard, "a");
    expect(["1", "2"]).toContain(served);
    // A cut scan left the old slot: its delete must not drop the key, whichever slot was served.
    apply(shard, [{ slot: 1, version: 8, key: "a" }]);
    expect([get(shard, "a"), shard.index.duplicates]).toEqual(["1", 0]);
  });

  test.each([["down", 1, 0], ["up", 0, 1]])(
    "a cut move %s: the delete of the old slot keeps the key",
    async (_, from, to) => {
      const slots: Uint8Array[] = [];
      slots[from] = occupiedBytes(packMeta(3, OCCUPIED), keyOf("a"), valueOf("old"));
      slots[to] = occupiedBytes(packMeta(1, OCCUPIED), keyOf("a"), valueOf("new"));
      const shard = await recover(diskOf(slots), 2, { kind });
      apply(shard, [{ slot: from, version: 4, key: "a" }]);
      expect(get(shard, "a")).toBe("new");
    },
  );

  test("equal keys far apart: the highest slot that can be trusted is served", async () => {
    const count = 5000;
    const keyIn = (slot: number) => slot % 1000 === 7 ? "same" : slot.toString(36);
    const slots = Array.from(
      { length: count },
      (_, slot) => occupiedBytes(packMeta(1, OCCUPIED), keyOf(keyIn(slot)), valueOf(slot.toString(36))),
    );
    const disk = diskOf(slots);
    damage(disk, 4007, 9, 1);
    const shard = await recover(disk, count, { kind });
    expect([get(shard, "same"), get(shard, "5"), get(shard, (4999).toString(36))])
      .toEqual([(3007).toString(36), "5", (4999).toString(36)]);
    expect([shard.index.keys, shard.index.duplicates, [...shard.unverified]]).toEqual([4996, 3, [4007]]);
    apply(shard, [{ slot: 3007, version: 2, key: "same" }]);
    expect(get(shard, "same")).toBe((2007).toString(36));
  });

  test("a key of another shard is served and noted", async () => {
    const shape = { ...SHAPE, shardCount: 2 };
    const home = shardOfKey(keyOf("a"), 0, shape);
    const slots = [occupiedBytes(packMeta(1, OCCUPIED), keyOf("a"), valueOf("1"))];
    expect((await recover(diskOf(slots), 1, { kind, shape, id: home })).misrouted).toBe(false);
    const shard = await recover(diskOf(slots), 1, { kind, shape, id: 1 - home });
    expect([shard.misrouted, get(shard, "a")]).toEqual([true, "1"]);
  });

  test("versions beyond half the ring are the highest all the same", async () => {
    const slot = occupiedBytes(packMeta(0x3e00_0000, FREE), keyOf("a"), valueOf("1"));
    expect((await recover(diskOf([slot]), 1, { kind })).maxVersion).toBe(0x3e00_0000);
  });

  test("a slice that is over yields, and nothing is lost over many loads", async () => {
    const count = 40_000;
    const made = makeShard(count);
    for (let first = 0; first < count; first += 1000) {
      apply(
        made.shard,
        Array.from({ length: 1000 }, (_, i) => ({
          slot: first + i,
          version: 1,
          key: (first + i).toString(36),
          value: "v",
        })),
      );
    }
    const slice = new TimeSlice(0);
    let yields = 0;
    const turn = slice.yield.bind(slice);
    slice.yield = () => {
      yields++;
      return turn();
    };
    const shard = await recover(made.disk, count, { kind, slice });
    expect(yields).toBeGreaterThan(30);
    expect([shard.index.keys, get(shard, "0"), get(shard, (count - 1).toString(36))]).toEqual([
      count,
      "v",
      "v",
    ]);
  });

  test("a real armdb's slots are read as they are", async () => {
    const shape = { shardCount: 1, keyLength: 8, valueLength: 16, prefixBits: 0 };
    const disk = diskOf([
      "0900000071825a6a1111111111111111b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1",
      "0a000000ecccec612222222222222222a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2",
      "0500000089f55ec13333333333333333a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3",
      "00".repeat(32),
    ].map(bytesOfHex));
    const shard = await recover(disk, 4, { kind, shape });
    expect([0, 1, 2, 3].map((slot) => slotWords(shard, slot)))
      .toEqual(["occupied 2", "deleted 2", "occupied 1", "never"]);
    expect([shard.unverified.size, shard.index.keys]).toEqual([0, 2]);
    const key = bytesOfHex("33".repeat(8));
    expect(shard.find(hashKey(key, 0, 8), key)).toBe(2);
  });

  test("a real armdb's slot with padding", async () => {
    const shape = { shardCount: 1, keyLength: 20, valueLength: 3, prefixBits: 0 };
    const disk = diskOf([bytesOfHex("05000000d9256309" + "41".repeat(20) + "626262" + "00")]);
    const shard = await recover(disk, 1, { kind, shape });
    expect([slotWords(shard, 0), shard.unverified.size]).toEqual(["occupied 1", 0]);
  });
});

describe.each([[1, 0], [1, 1], [8, 0], [3, 65_517], [65_520, 0], [8, 65_512]])(
  "records of %d+%d bytes",
  (keyLength, valueLength) => {
    test.each(STORAGE_KINDS)("%s: recovers", async (kind) => {
      const shape = { shardCount: 1, keyLength, valueLength, prefixBits: 0 };
      const key = new Uint8Array(keyLength).fill(7);
      const value = new Uint8Array(valueLength).fill(9);
      const disk = diskOf([occupiedBytes(packMeta(1, OCCUPIED), key, value)]);
      const shard = await recover(disk, 1, { kind, shape });
      expect([shard.find(hashKey(key, 0, keyLength), key), shard.unverified.size]).toEqual([0, 0]);
      const other = key.map((byte) => byte ^ 1);
      expect(shard.find(hashKey(other, 0, keyLength), other)).toBe(-1);
    });
  },
);
