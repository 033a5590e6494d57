import { describe, expect, test } from "bun:test";
import { loseSlot } from "../../src/fixed/lost_slots.ts";
import { hashKey } from "../../src/fixed/routing.ts";
import { settleDuplicates } from "../../src/fixed/scan_end.ts";
import type { Shard } from "../../src/fixed/shard.ts";
import { WholeScan } from "../../src/fixed/whole_scan.ts";
import { TimeSlice } from "../../src/time_slice.ts";
import { apply, damage, keyOf, makeShard } from "../fakes/shard_kit.ts";

function find(shard: Shard, key: string): number {
  return shard.find(hashKey(keyOf(key), 0, 4), keyOf(key));
}

describe("equal keys", () => {
  /** A shard whose slots 0 and 3 hold one key. */
  function shardWithTwo(): Shard {
    const { shard } = makeShard(4);
    apply(shard, [
      { slot: 0, version: 1, key: "a", value: "1" },
      { slot: 3, version: 1, key: "a", value: "2" },
    ]);
    return shard;
  }

  test("slot 0 goes before one that the leader did not send", async () => {
    const shard = shardWithTwo();
    shard.suspects.add(3);
    expect(find(shard, "a")).toBe(3);
    await settleDuplicates(shard, "highest", { slice: new TimeSlice(1000), isCurrent: () => true });
    expect(find(shard, "a")).toBe(0);
  });

  test("whoever watches is told of the slot that serves a key from now on, and of no other", async () => {
    const shard = shardWithTwo();
    const told: unknown[] = [];
    shard.observers.add({
      written: (_shard, slot, keyChanged, previous) => told.push([slot, keyChanged, previous]),
      removed: (_shard, slot) => told.push(`removed ${slot}`),
    });
    const steps = { slice: new TimeSlice(1000), isCurrent: () => true };
    expect(find(shard, "a")).toBe(3);
    await settleDuplicates(shard, "lowest", steps);
    expect(find(shard, "a")).toBe(0);
    expect(told).toEqual([[0, false, 0]]);
    await settleDuplicates(shard, "highest", steps);
    expect(find(shard, "a")).toBe(3);
    expect(told).toEqual([[0, false, 0], [3, false, 3]]);
  });

  test("slot 0 comes to light, and whoever watches is told", () => {
    const shard = shardWithTwo();
    const told: unknown[] = [];
    shard.observers.add({
      written: (_shard, slot, keyChanged, previous) => told.push([slot, keyChanged, previous]),
      removed: (_shard, slot, _key, servedBy) => told.push(`removed ${slot}, served by ${servedBy}`),
    });
    apply(shard, [{ slot: 3, version: 2, key: "a" }]);
    // The slot itself gives the key up to nobody: what it holds is what it held.
    expect(told).toEqual(["removed 3, served by 0", [0, false, 0]]);
  });
});

test("a slot that the disk spoilt counts as that, and not as the leader's other mind", () => {
  const { shard, disk } = makeShard(4, { kind: "positional" });
  apply(shard, [{ slot: 1, version: 1, key: "a", value: "1" }]);
  shard.settle();
  damage(disk, 1, 12, 0xff);
  const scan = new WholeScan(shard, { mode: "guard", limit: 0.1 });
  expect(apply(shard, [{ slot: 1, version: 1, key: "a", value: "1" }], scan)).toBe(1);
  expect([shard.counters.crcErrors, shard.counters.diverged, scan.findings.different]).toEqual([1, 0, 0]);
});

test("a scan compares what memory holds, whatever became of the file under it", () => {
  const { shard, disk } = makeShard(4, { kind: "resident" });
  const events = [1, 2].map((slot) => ({ slot, version: 1, key: `k${slot}`, value: "v" }));
  apply(shard, events);
  damage(disk, 1, 12, 0xff);
  const scan = new WholeScan(shard, { mode: "guard", limit: 0.1 });
  expect(apply(shard, events, scan)).toBe(0);
  expect([shard.counters.diverged, shard.counters.crcErrors, scan.findings.different]).toEqual([0, 0, 0]);
});

test.each([["its key", 0], ["another key", 0xff]])(
  "a lost slot that shows %s is served no more",
  (_name, byte) => {
    const { shard, disk } = makeShard(4, { kind: "positional" });
    apply(shard, [{ slot: 1, version: 1, key: "a", value: "1" }, {
      slot: 2,
      version: 1,
      key: "b",
      value: "2",
    }]);
    shard.settle();
    damage(disk, 1, 8, byte);
    loseSlot(shard, 1);
    const hash = hashKey(keyOf("a"), 0, 4);
    expect([shard.index.has(hash, 1), [...shard.unverified], find(shard, "b")]).toEqual([false, [1], 2]);
  },
);
