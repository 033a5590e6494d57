import { describe, expect, test } from "bun:test";
import { errorWithCode } from "../../src/error_code.ts";
import { WholeScan } from "../../src/fixed/whole_scan.ts";
import { apply, batchOf, makeShard, type TestEvent } from "../fakes/shard_kit.ts";

const GUARD = { mode: "guard", limit: 0.1 } as const;

function put(slot: number, change: Partial<TestEvent> = {}): TestEvent {
  return { slot, version: 1, key: `k${slot}`, value: "v", ...change };
}

describe("slots that a scan does not see", () => {
  test("are found behind events for slots that were never written", () => {
    const { shard } = makeShard(4);
    apply(shard, [put(2)]);
    const scan = new WholeScan(shard, GUARD);
    apply(shard, [put(0)], scan);
    expect(scan.finish(4)).toBe(true);
    expect([[...scan.unseen], scan.findings]).toEqual([
      [2],
      { older: 0, different: 0, unseen: 1, passed: 1, applied: 1 },
    ]);
  });

  test("prove nothing where they hold no key", () => {
    const { shard } = makeShard(4);
    apply(shard, [put(0), put(1), put(2)]);
    apply(shard, [{ slot: 1, version: 2, key: "k1" }, { slot: 2, version: 2 }]);
    const scan = new WholeScan(shard, GUARD);
    apply(shard, [put(0)], scan);
    expect(scan.finish(4)).toBe(true);
    expect([[...scan.unseen], [...scan.unseenVacant], scan.findings]).toEqual([
      [],
      [1, 2],
      { older: 0, different: 0, unseen: 0, passed: 1, applied: 0 },
    ]);
  });
});

describe("a slot on a disk, and an event of its own meta", () => {
  /** What a scan says of slot 1 with the first reads failing. */
  function judge(failures: number, event: TestEvent) {
    const { shard, disk } = makeShard(4, { kind: "positional" });
    apply(shard, [put(1)]);
    shard.settle();
    const read = disk.read.bind(disk);
    disk.read = (...args) => {
      if (failures-- > 0) throw errorWithCode("input/output error", "EIO");
      return read(...args);
    };
    const scan = new WholeScan(shard, GUARD);
    const isWanted = scan.admits(batchOf(event), 0);
    return { isWanted, different: scan.findings.different, crcErrors: shard.counters.crcErrors };
  }

  test("that says the same, is as it was", () => {
    expect(judge(0, put(1))).toEqual({ isWanted: false, different: 0, crcErrors: 0 });
  });

  test("that says something else, is the leader's contradiction", () => {
    expect(judge(0, put(1, { value: "w" }))).toEqual({ isWanted: true, different: 1, crcErrors: 0 });
  });

  test("that cannot be read, says nothing of the leader", () => {
    expect(judge(Infinity, put(1))).toEqual({ isWanted: true, different: 0, crcErrors: 1 });
  });

  test("that could not be read for a moment, is compared again", () => {
    expect(judge(1, put(1))).toEqual({ isWanted: false, different: 0, crcErrors: 0 });
    expect(judge(1, put(1, { value: "w" }))).toEqual({ isWanted: true, different: 1, crcErrors: 0 });
  });
});
