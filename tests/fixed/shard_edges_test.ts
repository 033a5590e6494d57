import { describe, expect, test } from "bun:test";
import { HEADER_BYTES, SLOT_HEADER_BYTES } from "../../src/fixed/layout.ts";
import { OCCUPIED, packMeta } from "../../src/fixed/meta.ts";
import { recoverShard } from "../../src/fixed/recover.ts";
import { hashKey } from "../../src/fixed/routing.ts";
import { slotHoldsKey } from "../../src/fixed/shard.ts";
import { eventBytes } from "../../src/slot_events.ts";
import { STORAGE_KINDS } from "../../src/storage/slot_file.ts";
import { TimeSlice } from "../../src/time_slice.ts";
import { MemoryFiles } from "../fakes/memory_files.ts";
import {
  apply,
  keyOf,
  makeShard,
  occupiedBytes,
  openShard,
  SHAPE,
  slotWords,
  valueIn,
  valueOf,
} from "../fakes/shard_kit.ts";

function hashOf(key: string): number {
  return hashKey(keyOf(key), 0, 4);
}

describe.each(STORAGE_KINDS)("a shard over a %s file", (kind) => {
  test("does not serve a key whose hash is another key's", () => {
    const { shard } = makeShard(4, { kind });
    apply(shard, [{ slot: 1, version: 1, key: "a", value: "1" }]);
    expect(shard.find(hashOf("a"), keyOf("b"))).toBe(-1);
    expect(shard.find(hashOf("a"), keyOf("a"))).toBe(1);
    expect([shard.unverified.size, shard.counters.crcErrors]).toEqual([0, 0]);
  });

  test("recovers a slot of version 0, which a wrap leaves behind", async () => {
    const disk = new MemoryFiles();
    const slot = occupiedBytes(packMeta(0, OCCUPIED), keyOf("a"), valueOf("1"));
    disk.bytes = Uint8Array.from([...new Uint8Array(HEADER_BYTES), ...slot]);
    const shard = openShard(disk, 1, { kind });
    await recoverShard(shard, 1, { slice: new TimeSlice(1000) });
    expect([slotWords(shard, 0), valueIn(shard, "a", (key) => hashKey(key, 0, key.length))]).toEqual([
      "occupied 0",
      "1",
    ]);
    expect([shard.occupied, shard.written, shard.maxVersion]).toEqual([1, 1, 0]);
  });

  test.each([["holds other bytes", "b"], ["holds its key", "a"]])(
    "counts and tells of a slot that is quarantined and %s",
    (_name, key) => {
      const { shard } = makeShard(4, { kind });
      const damaged: number[] = [];
      shard.onDamaged = (id) => damaged.push(id);
      apply(shard, [{ slot: 1, version: 1, key: "a", value: "1" }, {
        slot: 2,
        version: 1,
        key: "c",
        value: "3",
      }]);
      const told: unknown[] = [];
      shard.observers.add({
        written() {},
        removed() {},
        quarantined: (_shard, slot, bytes) => told.push([slot, bytes]),
      });
      shard.settle();
      shard.file.stage(1);
      const at = shard.file.at(1) + 8;
      for (const [i, byte] of keyOf(key).entries()) shard.file.view.setUint8(at + i, byte);
      shard.file.flush();
      shard.quarantineSlot(1);
      expect([shard.counters.crcErrors, damaged, [...shard.unverified]]).toEqual([1, [0], [1]]);
      // Of a key that nobody can name any more there is nothing to tell.
      expect(told).toEqual(key === "a" ? [[1, keyOf("a")]] : []);
      expect([shard.index.has(hashOf("a"), 1), shard.index.has(hashOf("c"), 2)]).toEqual([false, true]);
    },
  );
});

test.each([1, 3, 4, 5, 7, 8, 9, 12, 15])(
  "keys of %d bytes that differ in one byte are two keys",
  (keyLength) => {
    const { shard } = makeShard(1, { shape: { ...SHAPE, keyLength } });
    const key = Uint8Array.from({ length: keyLength }, (_, i) => 0x80 + i);
    shard.file.window.set(key, shard.file.stage(0) + SLOT_HEADER_BYTES);
    const holds = (bytes: Uint8Array) => [
      shard.slotHasKey(0, bytes, 0),
      slotHoldsKey(shard, 0, eventBytes(bytes), 0),
    ];
    expect(holds(key)).toEqual([true, true]);
    for (let at = 0; at < keyLength; at++) {
      expect([at, ...holds(key.with(at, 0x7f))]).toEqual([at, false, false]);
    }
  },
);
