import { describe, expect, test } from "bun:test";
import { applyEvents } from "../../src/fixed/apply.ts";
import { DELETED, FREE, OCCUPIED, packMeta } from "../../src/fixed/meta.ts";
import { hashKey } from "../../src/fixed/routing.ts";
import { equalBytes, readWord } from "../../src/fixed/shard.ts";
import { STORAGE_KINDS } from "../../src/storage/slot_file.ts";
import { apply, batchOf, damage, keyOf, makeShard, valueIn } from "../fakes/shard_kit.ts";

function hash(key: Uint8Array): number {
  return hashKey(key, 0, key.length);
}

describe("Shard", () => {
  test("counts slots by status, and those that were ever written", () => {
    const { shard } = makeShard(5);
    expect([shard.slotCount, shard.isEmpty, shard.occupied]).toEqual([5, true, 0]);
    shard.setMeta(0, packMeta(1, OCCUPIED));
    shard.setMeta(1, packMeta(1, DELETED));
    shard.setMeta(2, packMeta(1, FREE));
    expect([shard.occupied, shard.deleted, shard.written, shard.isEmpty]).toEqual([1, 1, 3, false]);
    shard.setMeta(0, packMeta(2, DELETED));
    shard.setMeta(1, packMeta(2, OCCUPIED));
    shard.setMeta(1, packMeta(3, OCCUPIED));
    shard.setMeta(2, 0);
    expect([shard.occupied, shard.deleted, shard.written]).toEqual([1, 1, 2]);
  });

  test("a slot of version 0 was written all the same", () => {
    const { shard } = makeShard(1);
    shard.setMeta(0, packMeta(0, DELETED));
    expect(shard.isEmpty).toBe(false);
  });

  test.each([
    ["goes up", [1, 5, 3], 5],
    ["goes over the wrap", [0x3fff_ffff, 0, 1], 1],
    ["begins anywhere on the ring", [0x3e00_0000], 0x3e00_0000],
    ["begins anywhere, and goes over the wrap", [0x3fff_fff0, 2], 2],
    ["does not jump by half a ring", [7, 0x2000_0007], 7],
  ])("the highest version %s", (_, versions, expected) => {
    const { shard } = makeShard(8);
    for (const [slot, version] of versions.entries()) shard.setMeta(slot, packMeta(version, OCCUPIED));
    expect(shard.maxVersion).toBe(expected);
  });

  test("forgetting a slot does not take the highest version back to 0", () => {
    const { shard } = makeShard(1);
    shard.setMeta(0, packMeta(0x3e00_0000, OCCUPIED));
    shard.setMeta(0, 0);
    expect(shard.maxVersion).toBe(0x3e00_0000);
  });

  test("tells observers of each slot that gives up its key, and who serves it now", () => {
    const { shard } = makeShard(4);
    const seen: unknown[] = [];
    shard.observers.add({
      written: (_shard, slot, keyChanged, previous) => seen.push(["written", slot, keyChanged, previous]),
      removed: (_shard, slot, key, servedBy) =>
        seen.push(["removed", slot, String.fromCharCode(key[0]), servedBy]),
    });
    apply(shard, [{ slot: 0, version: 1, key: "a", value: "1" }]);
    apply(shard, [{ slot: 0, version: 2, key: "a", value: "2" }]);
    apply(shard, [{ slot: 2, version: 1, key: "a", value: "3" }]);
    apply(shard, [{ slot: 0, version: 3, key: "a" }]);
    apply(shard, [{ slot: 2, version: 2, key: "b", value: "4" }]);
    expect(seen).toEqual([
      ["written", 0, true, -1],
      ["written", 0, false, 0],
      ["written", 2, true, 0],
      ["removed", 0, "a", 2],
      ["removed", 2, "a", -1],
      ["written", 2, true, -1],
    ]);
  });
});

describe.each(STORAGE_KINDS)("Shard over a %s file", (kind) => {
  test("finds keys at their slots", () => {
    const { shard } = makeShard(4, { kind });
    apply(shard, [
      { slot: 0, version: 1, key: "a", value: "1" },
      { slot: 3, version: 1, key: "b", value: "2" },
    ]);
    expect([valueIn(shard, "a", hash), valueIn(shard, "b", hash), valueIn(shard, "c", hash)])
      .toEqual(["1", "2", undefined]);
    const buffer = Uint8Array.of(0xee, ...keyOf("b"), 0xee);
    expect(shard.find(hash(keyOf("b")), buffer, 1)).toBe(3);
  });

  test("crcMatches looks at meta, CRC, key and value, and not at the padding", () => {
    const { shard, disk } = makeShard(16, { kind });
    for (let slot = 0; slot < 16; slot++) apply(shard, [{ slot, version: 1, key: `k${slot}`, value: "v" }]);
    for (let at = 0; at < 16; at++) damage(disk, at, at, 1);
    for (let slot = 0; slot < 16; slot += shard.file.load(slot, 16 - slot));
    const good = [];
    for (let slot = 0; slot < 16; slot++) if (shard.crcMatches(slot)) good.push(slot);
    expect(good).toEqual([15]);
    shard.metas.set(15, packMeta(2, OCCUPIED));
    expect(shard.crcMatches(15)).toBe(false);
  });
});

describe("Shard over a positional file", () => {
  const put = { slot: 1, version: 1, key: "a", value: "1" };

  test("a slot that goes bad after open is quarantined at the read that meets it", () => {
    const { shard, disk } = makeShard(4, { kind: "positional" });
    apply(shard, [put]);
    expect(valueIn(shard, "a", hash)).toBe("1");
    damage(disk, 1, 12, 0x40);
    expect(valueIn(shard, "a", hash)).toBeUndefined();
    expect([[...shard.unverified], shard.counters.crcErrors, shard.index.keys]).toEqual([[1], 1, 0]);
    expect(valueIn(shard, "a", hash)).toBeUndefined();
    expect(shard.counters.crcErrors).toBe(1);
  });

  test("it heals by the same version, and its key is served again", () => {
    const { shard, disk } = makeShard(4, { kind: "positional" });
    apply(shard, [put]);
    damage(disk, 1, 12, 0x40);
    valueIn(shard, "a", hash);
    expect(apply(shard, [put])).toBe(1);
    expect([valueIn(shard, "a", hash), shard.unverified.size, shard.index.keys]).toEqual(["1", 0, 1]);
    expect(shard.counters.staleCleanups).toBe(0);
  });

  test("a slot whose key went bad is quarantined by the lookup of that key: a miss would be a lie", () => {
    const { shard, disk } = makeShard(4, { kind: "positional" });
    apply(shard, [put]);
    damage(disk, 1, 8, 0x40);
    expect(valueIn(shard, "a", hash)).toBeUndefined();
    expect([[...shard.unverified], shard.counters.crcErrors, shard.index.keys]).toEqual([[1], 1, 0]);
    apply(shard, [put]);
    expect([valueIn(shard, "a", hash), shard.index.keys, shard.index.duplicates]).toEqual(["1", 1, 0]);
  });

  test.each([["its delete", {}], ["another key", { key: "b", value: "2" }], ["the same key", {
    value: "3",
  }]])(
    "a slot whose key went bad leaves nothing in the index: %s",
    (name, change) => {
      const { shard, disk } = makeShard(4, { kind: "positional" });
      apply(shard, [put]);
      damage(disk, 1, 8, 0x40);
      const event = name === "its delete"
        ? { slot: 1, version: 2, key: "a" }
        : { ...put, version: 2, ...change };
      apply(shard, [event]);
      expect([shard.index.keys, shard.index.duplicates, shard.unverified.size])
        .toEqual([name === "its delete" ? 0 : 1, 0, 0]);
      expect(valueIn(shard, "a", hash)).toBe(name === "the same key" ? "3" : undefined);
      expect([shard.unverified.size, shard.counters.crcErrors]).toEqual([0, 0]);
    },
  );

  test("of equal keys, the good slot is served where the bad one was", () => {
    const { shard, disk } = makeShard(4, { kind: "positional" });
    apply(shard, [put, { ...put, slot: 2, value: "2" }]);
    damage(disk, 2, 13, 1);
    expect([valueIn(shard, "a", hash), [...shard.unverified], shard.index.duplicates]).toEqual(["1", [2], 0]);
  });
});

describe("words and ranges", () => {
  test("words are little-endian and unsigned, at any offset", () => {
    const bytes = Uint8Array.of(0, 0x98, 0xba, 0xdc, 0xfe, 0, 0);
    expect(readWord(bytes, 1)).toBe(0xfedc_ba98);
  });

  test("equalBytes compares the range and nothing else", () => {
    const a = Uint8Array.of(1, 2, 3, 4);
    const b = Uint8Array.of(9, 9, 2, 3, 9);
    expect([equalBytes(a, 1, b, 2, 2), equalBytes(a, 1, b, 2, 3), equalBytes(a, 0, b, 0, 0)])
      .toEqual([true, false, true]);
  });
});

test("a slot that is found bad while new keys settle is not taken for the key that is looked up", () => {
  const { shard, disk } = makeShard(8, { kind: "positional" });
  apply(shard, [{ slot: 5, version: 1, key: "k", value: "1" }, {
    slot: 1,
    version: 1,
    key: "x",
    value: "2",
  }]);
  shard.settle();
  damage(disk, 5, 8, 1);
  applyEvents(shard, batchOf({ slot: 2, version: 3, key: "k", value: "3" }));
  expect(valueIn(shard, "x", hash)).toBe("2");
  expect([...shard.unverified]).toEqual([]);
  expect(valueIn(shard, "k", hash)).toBe("3");
});
