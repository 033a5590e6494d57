import { describe, expect, test } from "bun:test";
import { ConnectionError, DivergedError } from "../../src/errors.ts";
import { hashKey } from "../../src/fixed/routing.ts";
import {
  finishScan,
  forgetSuspects,
  settleDuplicates,
  type Steps,
  suspectUnseen,
} from "../../src/fixed/scan_end.ts";
import type { Shard } from "../../src/fixed/shard.ts";
import { type DivergencePolicy, WholeScan } from "../../src/fixed/whole_scan.ts";
import { STORAGE_KINDS } from "../../src/storage/slot_file.ts";
import { TimeSlice } from "../../src/time_slice.ts";
import { apply, makeShard, slotWords, type TestEvent, type TestShard, valueIn } from "../fakes/shard_kit.ts";

const GUARD: DivergencePolicy = { mode: "guard", limit: 0.1 };

function get(shard: Shard, key: string): string | undefined {
  return valueIn(shard, key, (bytes) => hashKey(bytes, 0, bytes.length));
}

/** The value of a slot, in the 3 bytes that there are. */
function v(slot: number): string {
  return slot.toString(36);
}

function put(slot: number, key = `k${slot}`, version = 5): TestEvent {
  return { slot, version, key, value: v(slot) };
}

function filled(slots: number): TestShard {
  const made = makeShard(slots);
  apply(made.shard, Array.from({ length: slots }, (_, slot) => put(slot)));
  return made;
}

/** A whole scan in which the leader sent these events, to its end, as a target runs it. Returns the unconfirmed. */
async function wholeScan(shard: Shard, events: TestEvent[], steps = quietly()): Promise<number> {
  const scan = new WholeScan(shard, GUARD);
  apply(shard, events, scan);
  await finishScan(scan, steps);
  await forgetSuspects(shard, steps);
  const unconfirmed = suspectUnseen(shard, scan);
  shard.file.flush();
  return unconfirmed;
}

function quietly(): Steps {
  return { slice: new TimeSlice(), isCurrent: () => true };
}

/** Steps that are over at once, and what to do when others run; answering `false` abandons the scan. */
function interrupted(during: () => unknown = () => {}): Steps {
  let isCurrent = true;
  const slice = new TimeSlice(0);
  const turn = slice.yield.bind(slice);
  slice.yield = async () => {
    if (during() === false) isCurrent = false;
    await turn();
  };
  return { slice, isCurrent: () => isCurrent };
}

describe("slots that a whole scan did not see", () => {
  test("are kept after the first scan, and freed by a second that does not see them either", async () => {
    const { shard, disk } = filled(4);
    const events = [put(0), put(3)];
    expect(await wholeScan(shard, events)).toBe(2);
    expect([get(shard, "k1"), get(shard, "k2"), [...shard.suspects], shard.counters.diverged])
      .toEqual([v(1), v(2), [1, 2], 0]);
    expect(await wholeScan(shard, events)).toBe(0);
    expect([get(shard, "k1"), get(shard, "k2"), get(shard, "k3")]).toEqual([undefined, undefined, v(3)]);
    expect([slotWords(shard, 1), shard.suspects.size, shard.counters.diverged]).toEqual(["never", 0, 2]);
    expect([...disk.bytes.subarray(4096 + 16, 4096 + 20)]).toEqual([0, 0, 0, 0]);
  });

  test("are no longer suspect once the second scan sees them", async () => {
    const { shard } = filled(4);
    expect(await wholeScan(shard, [put(0), put(3)])).toBe(2);
    expect(await wholeScan(shard, [put(0), put(1), put(3)])).toBe(0);
    expect([get(shard, "k1"), get(shard, "k2")]).toEqual([v(1), undefined]);
  });

  test("others than the first time need a third scan", async () => {
    const { shard } = filled(4);
    expect(await wholeScan(shard, [put(0), put(1), put(2)])).toBe(1);
    expect(await wholeScan(shard, [put(0), put(1), put(3)])).toBe(1);
    expect([get(shard, "k2"), get(shard, "k3"), [...shard.suspects]]).toEqual([v(2), v(3), [2]]);
    expect(await wholeScan(shard, [put(0), put(1), put(3)])).toBe(0);
    expect([get(shard, "k2"), get(shard, "k3")]).toEqual([undefined, v(3)]);
  });

  test("a live event in between saves them", async () => {
    const { shard } = filled(4);
    await wholeScan(shard, [put(0), put(1), put(2)]);
    apply(shard, [put(3, "k3", 6)]);
    expect(shard.suspects.size).toBe(0);
    await wholeScan(shard, [put(0), put(1), put(2), put(3, "k3", 6)]);
    expect(get(shard, "k3")).toBe(v(3));
  });

  test("a slot that was deleted by a live event is left alone", async () => {
    const { shard } = filled(4);
    await wholeScan(shard, [put(0), put(1), put(2)]);
    shard.suspects.add(3);
    apply(shard, [{ slot: 3, version: 6, key: "k3" }]);
    shard.suspects.add(3);
    expect(await forgetSuspects(shard, quietly())).toBe(0);
    expect([slotWords(shard, 3), shard.suspects.size]).toEqual(["deleted 6", 0]);
  });

  test("an unverified one is freed too, and the shard can be complete again", async () => {
    const { shard } = filled(4);
    shard.unverified.add(2);
    await wholeScan(shard, [put(0), put(1), put(3)]);
    expect(shard.unverified.size).toBe(1);
    await wholeScan(shard, [put(0), put(1), put(3)]);
    expect([shard.unverified.size, slotWords(shard, 2)]).toEqual([0, "never"]);
  });

  test("too many: the scan ends diverged and nothing is suspected", async () => {
    const { shard } = filled(100);
    let error: unknown;
    await wholeScan(shard, []).catch((thrown) => error = thrown);
    expect(error).toBeInstanceOf(DivergedError);
    expect([shard.suspects.size, shard.index.keys]).toEqual([0, 100]);
  });

  test("between two steps others run, and what they bring back is not forgotten", async () => {
    const { shard } = filled(10);
    for (const slot of [2, 5, 8]) shard.suspects.add(slot);
    let turns = 0;
    const steps = interrupted(() => {
      turns++;
      if (turns === 1) apply(shard, [put(8, "k8", 6)]);
    });
    expect(await forgetSuspects(shard, steps)).toBe(2);
    expect([get(shard, "k2"), get(shard, "k5"), get(shard, "k8")]).toEqual([undefined, undefined, v(8)]);
  });

  test("an abandoned scan forgets nothing more, leaves the rest suspect, and staged nothing", async () => {
    const { shard } = filled(10);
    for (const slot of [2, 5, 8]) shard.suspects.add(slot);
    let turns = 0;
    await expect(forgetSuspects(shard, interrupted(() => ++turns < 2))).rejects.toBeInstanceOf(
      ConnectionError,
    );
    expect([get(shard, "k2"), get(shard, "k5"), get(shard, "k8")]).toEqual([undefined, undefined, v(8)]);
    expect([shard.counters.diverged, shard.suspects.has(8)]).toEqual([2, true]);
    await shard.file.sync();
    expect(shard.file.unsynced).toBe(false);
  });

  test("an abandoned scan is not judged to its end", async () => {
    const { shard } = makeShard(5000);
    const scan = new WholeScan(shard, GUARD);
    await expect(finishScan(scan, interrupted(() => false))).rejects.toBeInstanceOf(ConnectionError);
    expect(scan.position).toBe(1024);
  });

  test("a sweep over many slots yields", async () => {
    const { shard } = makeShard(5000);
    let turns = 0;
    await finishScan(new WholeScan(shard, GUARD), interrupted(() => turns++));
    expect(turns).toBe(4);
  });
});

describe.each(STORAGE_KINDS)("settleDuplicates over a %s file", (kind) => {
  function withDuplicates(): Shard {
    const { shard } = makeShard(3000, { kind });
    apply(shard, [put(2900, "a"), put(7, "a"), put(1500, "a"), put(8, "b"), put(9, "c"), put(4, "c")]);
    return shard;
  }

  test.each([["highest", v(2900), v(9)], ["lowest", v(7), v(4)]] as const)(
    "the %s slot is served",
    async (prefer, a, c) => {
      const shard = withDuplicates();
      await settleDuplicates(shard, prefer, interrupted());
      expect([get(shard, "a"), get(shard, "b"), get(shard, "c")]).toEqual([a, v(8), c]);
      expect([shard.index.keys, shard.index.duplicates]).toEqual([3, 3]);
    },
  );

  test("an unverified slot is not served", async () => {
    const shard = withDuplicates();
    const key = new TextEncoder().encode("a...");
    shard.quarantine(2900, hashKey(key, 0, 4), key, 0);
    await settleDuplicates(shard, "highest", quietly());
    expect(get(shard, "a")).toBe(v(1500));
  });

  test("a slot that the leader did not send is not served before one that it did", async () => {
    const shard = withDuplicates();
    shard.suspects.add(2900);
    shard.suspects.add(4);
    await settleDuplicates(shard, "highest", quietly());
    expect(get(shard, "a")).toBe(v(1500));
    await settleDuplicates(shard, "lowest", quietly());
    expect(get(shard, "c")).toBe(v(9));
  });

  test("an abandoned scan settles nothing more", async () => {
    const shard = withDuplicates();
    const served = get(shard, "c");
    await expect(settleDuplicates(shard, "lowest", interrupted(() => false))).rejects.toBeInstanceOf(
      ConnectionError,
    );
    expect(get(shard, "c")).toBe(served);
  });

  test("ends at once where no key is held twice", async () => {
    const { shard } = makeShard(3000, { kind });
    apply(shard, [put(1, "a")]);
    let turns = 0;
    await settleDuplicates(shard, "lowest", interrupted(() => turns++));
    expect([turns, get(shard, "a")]).toEqual([0, v(1)]);
  });
});

test("settleDuplicates that a broken disk stopped changes nothing for good", async () => {
  for (let reads = 0; reads < 6; reads++) {
    const { shard, disk } = makeShard(8, { kind: "positional" });
    apply(shard, [put(2, "k"), put(5, "k")]);
    shard.settle();
    disk.failingRead = reads;
    await settleDuplicates(shard, "lowest", quietly()).catch(() => {});
    disk.failingRead = Infinity;
    await settleDuplicates(shard, "highest", quietly());
    expect([get(shard, "k"), shard.index.keys, shard.index.duplicates]).toEqual([v(5), 1, 1]);
  }
});
