import { describe, expect, test } from "bun:test";
import { applyEvents, forgetSlot } from "../../src/fixed/apply.ts";
import { OCCUPIED, packMeta } from "../../src/fixed/meta.ts";
import { hashKey, shardOfKey } from "../../src/fixed/routing.ts";
import { type Shard, slotEquals } from "../../src/fixed/shard.ts";
import { WholeScan } from "../../src/fixed/whole_scan.ts";
import { STORAGE_KINDS } from "../../src/storage/slot_file.ts";
import {
  apply,
  batchOf,
  damage,
  keyOf,
  makeShard,
  occupiedBytes,
  slotOnDisk,
  slotWords,
  type TestEvent,
  valueIn,
  valueOf,
} from "../fakes/shard_kit.ts";

const TOP = 0x3fff_ffff;
const HALF = 0x2000_0000;

function hash(key: Uint8Array): number {
  return hashKey(key, 0, key.length);
}

function get(shard: Shard, key: string): string | undefined {
  return valueIn(shard, key, hash);
}

/** Brings slot 0 to a state: `occupied` holds a = 1; a bad one has lost its CRC and is unverified. */
function prepare(old: string, version: number): Shard {
  const { shard } = makeShard(2);
  const put = { slot: 0, version, key: "a", value: "1" };
  if (old === "occupied" || old === "bad") apply(shard, [put]);
  if (old === "deleted") apply(shard, [{ slot: 0, version, key: "a" }]);
  if (old === "free") apply(shard, [{ slot: 0, version }]);
  if (old === "bad") shard.quarantine(0, hash(keyOf("a")), keyOf("a"), 0);
  return shard;
}

const EVENTS: Record<string, Omit<TestEvent, "slot" | "version">> = {
  put: { key: "a", value: "1" },
  "other value": { key: "a", value: "2" },
  "other key": { key: "b", value: "1" },
  delete: { key: "a" },
  reset: {},
};

/** Of old slot, version of the event against 5, event: whether a stream applies it, and what a scan says to it. */
const RULES = [
  ["never", "same", "put", true, "applied"],
  ["never", "older", "delete", true, "applied"],
  ["never", "half", "reset", true, "applied"],
  ["free", "newer", "put", true, "applied"],
  ["free", "same", "put", false, "different"],
  ["free", "same", "delete", false, "different"],
  ["free", "same", "reset", false, "skipped"],
  ["free", "older", "put", false, "older"],
  ["free", "older", "reset", false, "older"],
  ["free", "half", "delete", false, "older"],
  ["occupied", "newer", "put", true, "applied"],
  ["occupied", "newer", "other key", true, "applied"],
  ["occupied", "newer", "delete", true, "applied"],
  ["occupied", "newer", "reset", true, "applied"],
  ["occupied", "newest", "other value", true, "applied"],
  ["occupied", "same", "put", false, "skipped"],
  ["occupied", "same", "other value", false, "different"],
  ["occupied", "same", "other key", false, "different"],
  ["occupied", "same", "delete", false, "different"],
  ["occupied", "same", "reset", true, "applied"],
  ["occupied", "older", "put", false, "older"],
  ["occupied", "older", "delete", false, "older"],
  ["occupied", "older", "reset", false, "older"],
  ["occupied", "half", "other value", false, "older"],
  ["occupied", "half", "reset", false, "older"],
  ["deleted", "newer", "put", true, "applied"],
  ["deleted", "newer", "delete", true, "applied"],
  ["deleted", "same", "put", false, "different"],
  ["deleted", "same", "delete", false, "skipped"],
  ["deleted", "same", "reset", true, "applied"],
  ["deleted", "older", "delete", false, "older"],
  ["deleted", "half", "put", false, "older"],
  ["bad", "newer", "put", true, "applied"],
  ["bad", "same", "put", true, "applied"],
  ["bad", "same", "other key", true, "applied"],
  ["bad", "same", "delete", true, "applied"],
  ["bad", "same", "reset", true, "applied"],
  ["bad", "older", "put", false, "applied"],
  ["bad", "half", "delete", false, "applied"],
] as const;

const DISTANCES = { same: 0, newer: 1, newest: HALF - 1, older: TOP, half: HALF };

describe.each([5, TOP, 1])("the rules, from version %d", (version) => {
  test.each(RULES)("%s slot, %s version, %s: a stream applies it: %p; a scan: %s", (...row) => {
    const [old, distance, kind, streamApplies, scanSays] = row;
    const event = { slot: 0, version: (version + DISTANCES[distance]) & TOP, ...EVENTS[kind] };
    const status = event.value !== undefined ? "occupied" : event.key !== undefined ? "deleted" : "free";
    const after = event.version === 0 && status === "free" ? "never" : `${status} ${event.version}`;

    const streamed = prepare(old, version);
    const before = slotWords(streamed, 0);
    expect(apply(streamed, [event])).toBe(streamApplies ? 1 : 0);
    expect(slotWords(streamed, 0)).toBe(streamApplies ? after : before);
    const { same, older } = streamed.counters.skipped;
    expect(same + older).toBe(streamApplies ? 0 : 1);
    if (!streamApplies) expect(same).toBe(distance === "same" ? 1 : 0);

    const scanned = prepare(old, version);
    const scan = new WholeScan(scanned, { mode: "accept", limit: 0 });
    expect(apply(scanned, [event], scan)).toBe(scanSays === "skipped" ? 0 : 1);
    expect([scan.findings.older, scan.findings.different])
      .toEqual([scanSays === "older" ? 1 : 0, scanSays === "different" ? 1 : 0]);
    expect(scanned.counters.diverged).toBe(scanSays === "older" || scanSays === "different" ? 1 : 0);
    if (scanSays !== "skipped" && kind !== "reset") expect(slotWords(scanned, 0)).toBe(after);
    expect(get(scanned, "a")).toBe(
      kind === "put" ? "1" : kind === "other value" ? "2" : undefined,
    );
    expect(scanned.unverified.size).toBe(0);
  });
});

describe.each(STORAGE_KINDS)("applying to a %s file", (kind) => {
  test("a put writes the whole slot: meta, CRC, key, value, padding zeroed", () => {
    const { shard, disk } = makeShard(3, { kind });
    disk.bytes.fill(0xff, 4096);
    shard.file.load(0, 3);
    apply(shard, [{ slot: 1, version: 7, key: "key", value: "val" }]);
    expect(slotOnDisk(disk, 1)).toEqual(occupiedBytes(packMeta(7, OCCUPIED), keyOf("key"), valueOf("val")));
    expect(slotOnDisk(disk, 0)).toEqual(new Uint8Array(16).fill(0xff));
    expect(slotOnDisk(disk, 2)).toEqual(new Uint8Array(16).fill(0xff));
    if (kind !== "mapped") expect(disk.writes).toEqual([{ position: 4096 + 16, length: 16 }]);
  });

  test.each([["a delete", { key: "key" }, "1e000000"], ["a reset", {}, "1c000000"]])(
    "%s writes 4 bytes, and leaves CRC, key and value",
    (_, event, head) => {
      const { shard, disk } = makeShard(3, { kind });
      apply(shard, [{ slot: 1, version: 6, key: "key", value: "val" }]);
      const old = slotOnDisk(disk, 1);
      disk.writes = [];
      apply(shard, [{ slot: 1, version: 7, ...event }]);
      if (kind !== "mapped") expect(disk.writes).toEqual([{ position: 4096 + 16, length: 4 }]);
      old.set(head.match(/../g)!.map((pair) => parseInt(pair, 16)));
      expect(slotOnDisk(disk, 1)).toEqual(old);
      expect(get(shard, "key")).toBeUndefined();
    },
  );

  test("a batch of a put and its delete ends as the delete, with the bytes of the put", () => {
    const { shard, disk } = makeShard(1, { kind });
    apply(shard, [{ slot: 0, version: 1, key: "a", value: "1" }, { slot: 0, version: 2, key: "a" }]);
    const expected = occupiedBytes(packMeta(1, OCCUPIED), keyOf("a"), valueOf("1"));
    expected[0] = 0x0a;
    expect(slotOnDisk(disk, 0)).toEqual(expected);
    expect([get(shard, "a"), slotWords(shard, 0)]).toEqual([undefined, "deleted 2"]);
  });

  // mapped_test.ts shows it of a mapped file, whose stores nobody counts.
  if (kind !== "mapped") {
    test("in the file, the delete of a moved key's old slot goes before its new one", () => {
      const { shard, disk } = makeShard(8, { kind });
      apply(shard, [{ slot: 5, version: 1, key: "a", value: "1" }]);
      disk.writes = [];
      apply(shard, [{ slot: 2, version: 1, key: "a", value: "2" }, { slot: 5, version: 2, key: "a" }]);
      expect(disk.writes.map(({ position }) => position)).toEqual([4096 + 5 * 16, 4096 + 2 * 16]);
    });
  }

  test("stale cleanup: another key takes a slot, and the key that was there is gone", () => {
    const { shard } = makeShard(2, { kind });
    apply(shard, [{ slot: 0, version: 1, key: "a", value: "1" }]);
    apply(shard, [{ slot: 0, version: 2, key: "b", value: "2" }]);
    expect([get(shard, "a"), get(shard, "b"), shard.index.keys]).toEqual([undefined, "2", 1]);
    expect(shard.counters.staleCleanups).toBe(1);
  });

  test.each([["down", 6, 2], ["up", 2, 6]])(
    "a key that moves %s is served from its new slot",
    (_, from, to) => {
      for (const deleteFirst of [true, false]) {
        const { shard } = makeShard(8, { kind });
        apply(shard, [{ slot: from, version: 1, key: "a", value: "1" }]);
        const move = [{ slot: from, version: 2, key: "a" }, { slot: to, version: 9, key: "a", value: "2" }];
        apply(shard, deleteFirst ? move : move.reverse());
        expect([get(shard, "a"), shard.index.keys, shard.index.duplicates]).toEqual(["2", 1, 0]);
      }
    },
  );

  test.each([["down", 6, 2], ["up", 2, 6]])(
    "a key that moves %s and whose old slot another key takes stays served",
    (_, from, to) => {
      const { shard } = makeShard(8, { kind });
      apply(shard, [{ slot: from, version: 1, key: "a", value: "1" }]);
      apply(shard, [{ slot: to, version: 1, key: "a", value: "2" }]);
      apply(shard, [{ slot: from, version: 2, key: "b", value: "3" }]);
      expect([get(shard, "a"), get(shard, "b"), shard.index.duplicates]).toEqual(["2", "3", 0]);
    },
  );

  test("of equal keys the last applied is served, also when it is a skipped slot's neighbour", () => {
    const { shard } = makeShard(8, { kind });
    apply(shard, [{ slot: 1, version: 1, key: "a", value: "1" }, {
      slot: 4,
      version: 1,
      key: "a",
      value: "2",
    }]);
    expect(get(shard, "a")).toBe("2");
    apply(shard, [{ slot: 1, version: 2, key: "a", value: "3" }]);
    expect([get(shard, "a"), shard.index.keys]).toEqual(["3", 1]);
    apply(shard, [{ slot: 1, version: 3 }]);
    expect([get(shard, "a"), shard.index.duplicates]).toEqual(["2", 0]);
  });

  test("a delete of a key that moved away drops nothing but its own slot", () => {
    const { shard } = makeShard(8, { kind });
    apply(shard, [{ slot: 1, version: 1, key: "a", value: "1" }]);
    apply(shard, [{ slot: 5, version: 1, key: "a" }]);
    expect([get(shard, "a"), slotWords(shard, 5)]).toEqual(["1", "deleted 1"]);
  });

  test("a forgotten slot is as if it was never written", () => {
    const { shard, disk } = makeShard(2, { kind });
    apply(shard, [{ slot: 0, version: 1, key: "a", value: "1" }]);
    forgetSlot(shard, 0);
    shard.file.flush();
    expect([slotWords(shard, 0), shard.isEmpty, shard.occupied, get(shard, "a")])
      .toEqual(["never", true, 0, undefined]);
    expect([...slotOnDisk(disk, 0).subarray(0, 4)]).toEqual([0, 0, 0, 0]);
  });

  test("slotEquals compares key and value", () => {
    const { shard, disk } = makeShard(2, { kind });
    apply(shard, [{ slot: 0, version: 1, key: "a", value: "1" }]);
    const equals = (key: string, value: string) => {
      const events = batchOf({ slot: 0, version: 1, key, value });
      return slotEquals(shard, 0, events, events.keyAt[0]);
    };
    expect([equals("a", "1"), equals("a", "2"), equals("b", "1")]).toEqual([true, false, false]);
    damage(disk, 0, 4, 1);
    // A file in memory was checked once; the other is checked whenever it is read.
    expect(equals("a", "1")).toBe(kind === "resident");
  });
});

describe("applying", () => {
  test("counts what it applies, by kind", () => {
    const { shard } = makeShard(4);
    apply(shard, [
      { slot: 0, version: 1, key: "a", value: "1" },
      { slot: 1, version: 1, key: "b", value: "1" },
      { slot: 1, version: 2, key: "b" },
      { slot: 0, version: 1 },
      { slot: 3, version: 4 },
      { slot: 3, version: 3, key: "c", value: "3" },
    ]);
    expect(shard.counters).toEqual({
      applied: { occupied: 2, deleted: 1, reset: 2 },
      skipped: { same: 0, older: 1 },
      staleCleanups: 0,
      crcErrors: 0,
      diverged: 0,
    });
  });

  test("reads only the first `count` events", () => {
    const { shard } = makeShard(4);
    const events = batchOf({ slot: 0, version: 1, key: "a", value: "1" }, {
      slot: 1,
      version: 1,
      key: "b",
      value: "2",
    });
    events.count = 1;
    expect([applyEvents(shard, events), get(shard, "b")]).toEqual([1, undefined]);
  });

  test("an event for a suspect slot clears the suspicion, even one that is skipped", () => {
    const { shard } = makeShard(4);
    apply(shard, [{ slot: 0, version: 5, key: "a", value: "1" }, {
      slot: 1,
      version: 5,
      key: "b",
      value: "1",
    }]);
    shard.suspects.add(0);
    shard.suspects.add(1);
    apply(shard, [{ slot: 0, version: 5, key: "a", value: "1" }]);
    expect([...shard.suspects]).toEqual([1]);
  });

  test("a key of another shard is applied and noted", () => {
    const shape = { shardCount: 2, keyLength: 4, valueLength: 3, prefixBits: 0 };
    const ofShard = (wanted: number) =>
      Array.from("abcdefghij").find((key) => shardOfKey(keyOf(key), 0, shape) === wanted)!;
    const { shard } = makeShard(4, { shape, id: 1 });
    apply(shard, [{ slot: 0, version: 1, key: ofShard(1), value: "1" }]);
    expect(shard.misrouted).toBe(false);
    apply(shard, [{ slot: 1, version: 1, key: ofShard(0), value: "2" }]);
    expect([shard.misrouted, get(shard, ofShard(0))]).toEqual([true, "2"]);
  });
});
