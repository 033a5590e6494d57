import { describe, expect, test } from "bun:test";
import { applyEvents } from "../../src/fixed/apply.ts";
import { hashKey } from "../../src/fixed/routing.ts";
import type { Shard } from "../../src/fixed/shard.ts";
import { WholeScan } from "../../src/fixed/whole_scan.ts";
import type { MemoryFiles } from "../fakes/memory_files.ts";
import { apply, batchOf, makeShard, valueIn } from "../fakes/shard_kit.ts";

function get(shard: Shard, key: string): string | undefined {
  return valueIn(shard, key, (bytes) => hashKey(bytes, 0, bytes.length));
}

describe("within one batch", () => {
  test("a slot takes a key and gives it up for another", () => {
    const { shard } = makeShard(4);
    apply(shard, [
      { slot: 0, version: 1, key: "a", value: "1" },
      { slot: 0, version: 2, key: "b", value: "2" },
      { slot: 1, version: 1, key: "a", value: "3" },
    ]);
    expect([get(shard, "a"), get(shard, "b"), shard.index.keys]).toEqual(["3", "2", 2]);
    expect(shard.counters.staleCleanups).toBe(1);
  });

  test("a key comes, goes, and comes back elsewhere", () => {
    const { shard } = makeShard(4);
    apply(shard, [
      { slot: 0, version: 1, key: "a", value: "1" },
      { slot: 0, version: 2, key: "a" },
      { slot: 2, version: 1, key: "a", value: "2" },
      { slot: 3, version: 1, key: "c", value: "3" },
      { slot: 3, version: 2 },
    ]);
    expect([get(shard, "a"), get(shard, "c"), shard.index.keys]).toEqual(["2", undefined, 1]);
  });

  test.each([
    ["the new slot behind the update", ["up", "new"], "new"],
    ["the update behind the new slot", ["new", "up"], "up"],
    ["one more update", ["up", "new", "up"], "up"],
  ])("of slots with equal keys in one batch the last one is served: %s", (_name, writes, served) => {
    const { shard } = makeShard(4);
    apply(shard, [{ slot: 1, version: 1, key: "a", value: "old" }]);
    shard.settle();
    let version = 1;
    apply(shard, [
      { slot: 3, version: 1, key: "c", value: "1" },
      ...writes.map((value) => ({ slot: value === "new" ? 0 : 1, version: ++version, key: "a", value })),
      { slot: 2, version: 1, key: "d", value: "1" },
    ]);
    expect([get(shard, "a"), shard.index.keys, shard.index.duplicates]).toEqual([served, 3, 1]);
  });

  test("more keys that stay, between new ones, than are settled at once", () => {
    const { shard } = makeShard(1200);
    const old = Array.from(
      { length: 600 },
      (_, i) => ({ slot: 2 * i, version: 1, key: `k${i}`, value: "1" }),
    );
    apply(shard, old);
    apply(
      shard,
      old.flatMap((event) => [
        { slot: event.slot + 1, version: 1, key: event.key, value: "2" },
        { ...event, version: 2, value: "3" },
      ]),
    );
    expect(old.filter(({ key }) => get(shard, key) !== "3")).toEqual([]);
    expect([shard.index.keys, shard.index.duplicates]).toEqual([600, 600]);
  });

  test("of slots with equal keys the last one written is served, one that was only updated too", () => {
    const { shard } = makeShard(4);
    apply(shard, [
      { slot: 0, version: 1, key: "a", value: "1" },
      { slot: 1, version: 1, key: "a", value: "2" },
    ]);
    expect([get(shard, "a"), shard.index.keys, shard.index.duplicates]).toEqual(["2", 1, 1]);
    apply(shard, [
      { slot: 2, version: 1, key: "a", value: "3" },
      { slot: 0, version: 2, key: "a", value: "4" },
    ]);
    expect(get(shard, "a")).toBe("4");
  });

  test("more keys than one batch of a real leader brings", () => {
    const { shard } = makeShard(1000);
    const events = Array.from({ length: 1000 }, (_, slot) => {
      return { slot, version: 1, key: slot.toString(36), value: (slot % 10).toString() };
    });
    apply(shard, events);
    expect(shard.index.keys).toBe(1000);
    expect(events.filter(({ key, value }) => get(shard, key) !== value)).toEqual([]);
  });

  test("what comes before a refused event of a scan is found", () => {
    const { shard } = makeShard(4);
    const scan = new WholeScan(shard, { mode: "guard", limit: 0.1 });
    const outOfOrder = [
      { slot: 2, version: 1, key: "a", value: "1" },
      { slot: 1, version: 1, key: "b", value: "2" },
    ];
    expect(() => apply(shard, outOfOrder, scan)).toThrow("slot 1 came after slot 2");
    expect(get(shard, "a")).toBe("1");
  });
});

describe("a scan over a file that is not in memory", () => {
  const events = (first: number, count: number, version = 1) =>
    Array.from({ length: count }, (_, i) => ({ slot: first + i, version, key: `k${first + i}`, value: "1" }));
  const scan = (shard: Shard) => new WholeScan(shard, { mode: "guard", limit: 1 });

  test("reads nothing where no slot was ever written", () => {
    const { shard, disk } = makeShard(64, { kind: "positional" });
    apply(shard, events(0, 40), scan(shard));
    expect(disk.reads).toBe(0);
  });

  test("reads once, from the first written slot of a batch on", () => {
    const { shard, disk } = makeShard(64, { kind: "positional" });
    apply(shard, events(10, 20));
    shard.settle();
    const { reads } = disk;
    // An equal slot is compared with what the read fetched.
    apply(shard, events(0, 40), scan(shard));
    expect([disk.reads - reads, shard.counters.skipped.same, shard.index.keys]).toEqual([1, 20, 40]);
  });
});

/** Settles new keys while no slot can be read, and writes what was applied once the disk is back. */
function settleWithoutDisk(shard: Shard, disk: MemoryFiles): void {
  disk.failingRead = 0;
  expect(() => shard.settle()).toThrow("input/output error");
  disk.failingRead = Infinity;
  shard.file.flush();
}

test("keys that a broken disk keeps from the index are unverified, not absent", () => {
  const { shard, disk } = makeShard(8, { kind: "positional" });
  apply(shard, [{ slot: 0, version: 1, key: "a", value: "1" }]);
  applyEvents(
    shard,
    batchOf(
      { slot: 1, version: 1, key: "b", value: "2" },
      { slot: 2, version: 1, key: "a", value: "3" },
      { slot: 3, version: 1, key: "c", value: "4" },
    ),
  );
  // To learn that slots 0 and 2 hold one key, slot 0 is read.
  settleWithoutDisk(shard, disk);
  expect([...shard.unverified]).toEqual([2, 3]);
  expect([get(shard, "a"), get(shard, "b"), get(shard, "c")]).toEqual(["1", "2", undefined]);
  // The leader sends them again, at the version that is noted here.
  apply(shard, [{ slot: 2, version: 1, key: "a", value: "3" }, {
    slot: 3,
    version: 1,
    key: "c",
    value: "4",
  }]);
  expect([...shard.unverified]).toEqual([]);
  expect([get(shard, "a"), get(shard, "c"), shard.index.keys]).toEqual(["3", "4", 3]);
});

describe("a disk that fails while a key enters the index", () => {
  test.each([["nobody watches", false], ["somebody watches", true]])(
    "a moved key is neither lost nor stale: %s",
    (_name, isWatched) => {
      const { shard, disk } = makeShard(8, { kind: "positional" });
      apply(shard, [{ slot: 5, version: 1, key: "k", value: "1" }]);
      if (isWatched) shard.observers.add({ written() {}, removed() {} });
      disk.failingRead = 0;
      expect(() => {
        applyEvents(shard, batchOf({ slot: 2, version: 3, key: "k", value: "2" }));
        shard.settle();
      }).toThrow("input/output error");
      disk.failingRead = Infinity;
      shard.file.flush();
      expect([...shard.unverified]).toEqual([2]);
      const scan = new WholeScan(shard, { mode: "guard", limit: 0.1 });
      apply(shard, [{ slot: 2, version: 3, key: "k", value: "2" }, { slot: 5, version: 2, key: "k" }], scan);
      expect([get(shard, "k"), shard.unverified.size, shard.index.keys]).toEqual(["2", 0, 1]);
    },
  );

  test("a key that another slot brought before the failure is served from where it stayed behind it", () => {
    const { shard, disk } = makeShard(8, { kind: "positional" });
    apply(shard, [
      { slot: 0, version: 1, key: "a", value: "1" },
      { slot: 4, version: 1, key: "b", value: "1" },
    ]);
    shard.settle();
    applyEvents(
      shard,
      batchOf(
        { slot: 2, version: 1, key: "a", value: "2" },
        { slot: 3, version: 1, key: "b", value: "2" },
        { slot: 0, version: 2, key: "a", value: "3" },
      ),
    );
    // Slots 0 and 2 are staged; to learn that slots 3 and 4 hold one key, slot 4 is read.
    settleWithoutDisk(shard, disk);
    expect([get(shard, "a"), [...shard.unverified]]).toEqual(["3", [3]]);
  });

  test("nor is the key that makes a full queue of new keys settle", () => {
    const { shard, disk } = makeShard(400, { kind: "positional" });
    apply(shard, [{ slot: 399, version: 1, key: "k0", value: "0" }]);
    const many = Array.from({ length: 300 }, (_, slot) => {
      return { slot, version: 1, key: `k${slot}`, value: "1" };
    });
    disk.failingRead = 0;
    expect(() => applyEvents(shard, batchOf(...many))).toThrow("input/output error");
    disk.failingRead = Infinity;
    shard.file.flush();
    const written = many.slice(0, shard.occupied - 1);
    expect(written).toHaveLength(257);
    const lost = written.filter(({ slot, key }) =>
      get(shard, key) === undefined && !shard.unverified.has(slot)
    );
    expect(lost).toEqual([]);
  });
});
