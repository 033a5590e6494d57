import { describe, expect, test } from "bun:test";
import { DivergedError, ProtocolError } from "../../src/errors.ts";
import { type DivergencePolicy, WholeScan } from "../../src/fixed/whole_scan.ts";
import { apply, makeShard, slotWords, type TestEvent, type TestShard } from "../fakes/shard_kit.ts";

const GUARD: DivergencePolicy = { mode: "guard", limit: 0.1 };
const ACCEPT: DivergencePolicy = { mode: "accept", limit: 0.1 };
const HOLD: DivergencePolicy = { mode: "hold", limit: 0.1 };

/** A shard whose first `occupied` slots hold keys at version 5. */
function filled(occupied: number, slotCount = occupied): TestShard {
  const made = makeShard(slotCount);
  for (let slot = 0; slot < occupied; slot++) apply(made.shard, [put(slot)]);
  return made;
}

function put(slot: number, change: Partial<TestEvent> = {}): TestEvent {
  return { slot, version: 5, key: `k${slot}`, value: "v", ...change };
}

function range(from: number, to: number): number[] {
  return Array.from({ length: to - from }, (_, i) => from + i);
}

/** Runs a scan to its end; answers the scan, or the error that stopped it. */
function run(shard: TestShard["shard"], policy: DivergencePolicy, events: TestEvent[]) {
  const scan = new WholeScan(shard, policy);
  let error: unknown;
  try {
    for (const event of events) apply(shard, [event], scan);
    while (!scan.finish(7));
  } catch (thrown) {
    error = thrown;
  }
  return { scan, error, findings: scan.findings };
}

describe("WholeScan", () => {
  test("an equal leader proves nothing", () => {
    const { shard } = filled(30, 40);
    const { findings, error, scan } = run(shard, HOLD, range(0, 30).map((slot) => put(slot)));
    expect(error).toBeUndefined();
    expect(findings).toEqual({ older: 0, different: 0, unseen: 0, passed: 30, applied: 0 });
    expect([scan.unseen.size, scan.position]).toEqual([0, 40]);
  });

  test("newer events, resets and slots that were never written prove nothing", () => {
    const { shard } = filled(3, 6);
    const { findings, error } = run(shard, HOLD, [
      put(0, { version: 6, value: "w" }),
      { slot: 1, version: 5 },
      { slot: 2, version: 6, key: "k2" },
      put(3),
      { slot: 4, version: 0, key: "x" },
    ]);
    expect(error).toBeUndefined();
    expect(findings).toEqual({ older: 0, different: 0, unseen: 0, passed: 3, applied: 5 });
  });

  test("runs of slots that are as held are judged as each of them is", () => {
    const events = [
      ...range(0, 10).map((slot) => put(slot)),
      put(10, { value: "w" }),
      put(11, { version: 6 }),
      ...range(13, 20).map((slot) => put(slot)),
      { slot: 20, version: 5, key: "k20" },
      put(21),
      { slot: 22, version: 6 },
      put(23, { version: 4 }),
      ...range(24, 30).map((slot) => put(slot)),
      put(31),
    ];
    const [inRuns, alone] = [false, true].map((isSuspected) => {
      const { shard } = filled(32, 40);
      // While a slot is suspected, each event is looked at by itself.
      if (isSuspected) shard.suspects.add(39);
      const scan = new WholeScan(shard, ACCEPT);
      const applied = apply(shard, events, scan);
      while (!scan.finish(7));
      const { skipped } = shard.counters;
      const words = range(0, 32).map((slot) => slotWords(shard, slot));
      return { applied, skipped, findings: scan.findings, unseen: [...scan.unseen], words };
    });
    expect(inRuns).toEqual(alone);
    expect(inRuns).toMatchObject({ applied: 5, skipped: { same: 25, older: 0 }, unseen: [12, 30] });
    expect(inRuns.findings).toEqual({ older: 1, different: 2, unseen: 2, passed: 32, applied: 5 });
  });

  test("a scan of an empty shard passes nothing", () => {
    const { shard } = makeShard(0);
    const { error, findings } = run(shard, HOLD, []);
    expect([error, findings.passed]).toEqual([undefined, 0]);
  });

  test.each([
    ["(a) an older event", [put(1, { version: 4 })], { older: 1 }],
    ["(a) an older reset", [{ slot: 1, version: 4 }], { older: 1 }],
    ["(a) half a ring apart", [put(1, { version: 5 + 0x2000_0000 })], { older: 1 }],
    ["(b) another value", [put(1, { value: "w" })], { different: 1 }],
    ["(b) another key", [put(1, { key: "x" })], { different: 1 }],
    ["(b) another status", [{ slot: 1, version: 5, key: "k1" }], { different: 1 }],
    ["(c) no event", [], { unseen: 1 }],
  ])("%s: counted, refused by hold before it applies", (_, events, found) => {
    const all = [put(0), ...events, put(2)];
    const accepting = filled(3);
    const accepted = run(accepting.shard, ACCEPT, all);
    expect(accepted.error).toBeUndefined();
    expect({ ...accepted.findings, passed: 0, applied: 0 })
      .toEqual({ older: 0, different: 0, unseen: 0, passed: 0, applied: 0, ...found });
    expect([...accepted.scan.unseen]).toEqual(events.length === 0 ? [1] : []);

    const holding = filled(3);
    const held = run(holding.shard, HOLD, all);
    expect(held.error).toBeInstanceOf(DivergedError);
    expect((held.error as DivergedError).remedy).toBe("stop");
    expect(slotWords(holding.shard, 1)).toBe("occupied 5");
    expect([held.findings.applied, holding.shard.counters.diverged]).toEqual([0, 0]);
  });

  test("(a) counts for a slot that is not OCCUPIED here too", () => {
    const { shard } = makeShard(2);
    apply(shard, [{ slot: 0, version: 5, key: "a" }, { slot: 1, version: 5 }]);
    const { findings } = run(shard, ACCEPT, [put(0, { version: 4 }), { slot: 1, version: 4 }]);
    expect([findings.older, findings.passed]).toEqual([2, 0]);
  });

  test("an unverified slot takes whatever comes, and proves nothing by it", () => {
    for (
      const event of [put(0, { version: 4 }), put(0, { value: "w" }), { slot: 0, version: 5, key: "k0" }]
    ) {
      const { shard } = filled(1);
      shard.unverified.add(0);
      const { error, findings } = run(shard, HOLD, [event]);
      expect([error, findings.applied, shard.unverified.size]).toEqual([undefined, 1, 0]);
    }
  });

  test.each([[[3, 3]], [[3, 2]], [[0, 5, 4]]])("slots %j do not ascend: a protocol error", (slots) => {
    const { shard } = filled(6);
    const { error } = run(shard, ACCEPT, slots.map((slot) => put(slot)));
    expect(error).toBeInstanceOf(ProtocolError);
    expect((error as Error).message).toBe(
      `Cannot apply a scan: slot ${slots.at(-1)} came after slot ${slots.at(-2)}`,
    );
  });

  test("finish takes so many slots at a time", () => {
    const { shard } = filled(10, 25);
    const scan = new WholeScan(shard, GUARD);
    apply(shard, [put(2)], scan);
    expect([scan.position, scan.finish(5), scan.position]).toEqual([3, false, 8]);
    expect([...scan.unseen]).toEqual([0, 1, 3, 4, 5, 6, 7]);
    expect([scan.finish(16), scan.finish(1), scan.findings.unseen]).toEqual([false, true, 9]);
  });
});

describe("the guard's limit", () => {
  const older = (slot: number) => put(slot, { version: 4 });

  test("16 proofs are taken in a small shard, the 17th stops", () => {
    const { shard } = filled(20);
    const sixteen = run(shard, GUARD, [
      ...range(0, 16).map(older),
      ...range(16, 20).map((slot) => put(slot)),
    ]);
    expect([sixteen.error, sixteen.findings.older, shard.counters.diverged]).toEqual([undefined, 16, 16]);

    const other = filled(20).shard;
    const { error, findings } = run(other, GUARD, range(0, 20).map(older));
    expect(error).toBeInstanceOf(DivergedError);
    expect((error as Error).message).toBe(
      "Cannot follow: the leader contradicts shard 0 in 17 of 17 slots (17 older, 0 different, 0 absent), " +
        "the limit is 16; 16 events of the scan were applied before",
    );
    expect([findings.applied, other.counters.diverged]).toEqual([16, 16]);
    expect([slotWords(other, 15), slotWords(other, 16), slotWords(other, 17)])
      .toEqual(["occupied 4", "occupied 5", "occupied 5"]);
  });

  test("10 % of the slots passed so far, not of all", () => {
    const early = run(
      filled(1000).shard,
      GUARD,
      range(0, 1000).map((slot) => slot < 17 ? older(slot) : put(slot)),
    );
    expect(early.error).toBeInstanceOf(DivergedError);
    const late = run(
      filled(1000).shard,
      GUARD,
      range(0, 1000).map((slot) => slot % 10 === 9 ? older(slot) : put(slot)),
    );
    expect([late.error, late.findings.older]).toEqual([undefined, 100]);
    const over = run(
      filled(1000).shard,
      GUARD,
      range(0, 1000).map((slot) => slot % 10 === 9 || slot === 998 ? older(slot) : put(slot)),
    );
    expect(over.error).toBeInstanceOf(DivergedError);
    expect(over.findings.older).toBe(100);
  });

  test("unseen slots count only once the scan is whole: until then it may have been cut", () => {
    const { shard } = filled(100, 101);
    const scan = new WholeScan(shard, GUARD);
    apply(shard, [put(100)], scan);
    expect(scan.findings.unseen).toBe(100);
    expect(() => scan.finish(1)).toThrow("in 100 of 100 slots (0 older, 0 different, 100 absent)");
  });

  test("nor do they count when another proof is weighed before the end", () => {
    const { shard } = filled(100);
    const scan = new WholeScan(shard, GUARD);
    expect(apply(shard, [older(90)], scan)).toBe(1);
    expect(scan.findings).toEqual({ older: 1, different: 0, unseen: 90, passed: 91, applied: 1 });
  });

  test("all kinds count together", () => {
    const events = [
      ...range(0, 6).map(older),
      ...range(6, 12).map((slot) => put(slot, { value: "w" })),
      ...range(17, 40).map((slot) => put(slot)),
    ];
    const { error, findings } = run(filled(40).shard, GUARD, events);
    expect([findings.older, findings.different, findings.unseen]).toEqual([6, 6, 5]);
    expect(error).toBeInstanceOf(DivergedError);
  });

  test("accept takes any number", () => {
    const { shard } = filled(200);
    const { error, findings } = run(shard, ACCEPT, range(0, 150).map(older));
    expect([error, findings.older, findings.unseen, shard.counters.diverged]).toEqual([
      undefined,
      150,
      50,
      150,
    ]);
  });

  test("a shard that was empty takes any leader", () => {
    const { shard } = makeShard(300);
    const { error, findings } = run(shard, HOLD, range(0, 300).map((slot) => put(slot)));
    expect([error, findings.applied, findings.passed]).toEqual([undefined, 300, 0]);
  });
});
