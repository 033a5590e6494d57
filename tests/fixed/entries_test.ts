import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { iterateShard } from "../../src/fixed/entries.ts";
import { hashKey } from "../../src/fixed/routing.ts";
import { settleDuplicates, type Steps } from "../../src/fixed/scan_end.ts";
import type { Shard } from "../../src/fixed/shard.ts";
import { STORAGE_KINDS, type StorageKind } from "../../src/storage/slot_file.ts";
import { TimeSlice } from "../../src/time_slice.ts";
import { collectGarbage } from "../harness/collect_garbage.ts";
import { until } from "../harness/until.ts";
import { apply, damage, keyOf, makeShard, type TestEvent, textOf, valueIn } from "../fakes/shard_kit.ts";

const HASH = (key: Uint8Array) => hashKey(key, 0, key.length);

/** Steps of a scan's end that nobody abandons. */
function steps(): Steps {
  return { slice: new TimeSlice(), isCurrent: () => true };
}

/** A shard that holds these keys, slot by slot; a dot is a slot that was never written. */
function shardOf(keys: string, kind: StorageKind = "resident") {
  const made = makeShard(keys.length, { kind });
  for (const [slot, key] of Array.from(keys).entries()) {
    if (key !== ".") apply(made.shard, [{ slot, version: 1, key, value: String(slot) }]);
  }
  return made;
}

/** Reads all entries as "key=value", with a change after so many of them. */
function read(shard: Shard, changes: Record<number, () => void> = {}): string[] {
  const seen: string[] = [];
  changes[0]?.();
  for (const [key, value] of iterateShard(shard)) {
    seen.push(`${textOf(key)}=${textOf(value)}`);
    changes[seen.length]?.();
  }
  return seen;
}

/** Moves a key: the old slot's delete and the new slot's put, in one batch or in two. */
function move(key: string, from: number, to: number, version = 2): TestEvent[] {
  return [{ slot: from, version, key }, { slot: to, version, key, value: `${to}'` }];
}

describe.each(STORAGE_KINDS)("entries of a %s shard", (kind) => {
  test("are copies of all keys and values, in slot order", () => {
    const { shard } = shardOf("b.ac", kind);
    expect(read(shard)).toEqual(["b=0", "a=2", "c=3"]);
    for (const [key, value] of iterateShard(shard)) {
      key.fill(0);
      value.fill(0);
    }
    expect(read(shard)).toEqual(["b=0", "a=2", "c=3"]);
  });

  test("leave out what is deleted, free, or not trusted", () => {
    const { shard } = shardOf("abcd", kind);
    apply(shard, [{ slot: 0, version: 2, key: "a" }, { slot: 1, version: 2 }]);
    shard.quarantine(2, HASH(keyOf("c")), keyOf("c"), 0);
    expect(read(shard)).toEqual(["d=3"]);
  });

  test("of equal keys there is one, with the value that is served", async () => {
    const { shard } = shardOf("aba.", kind);
    expect(read(shard).sort()).toEqual(["a=2", "b=1"]);
    await settleDuplicates(shard, "lowest", steps());
    expect(read(shard).sort()).toEqual(["a=0", "b=1"]);
  });

  test("a change that came before its slot was read is seen, one that came after it is not", () => {
    const { shard } = shardOf("abc", kind);
    const put = (slot: number, key: string) => () => apply(shard, [{ slot, version: 2, key, value: "n" }]);
    expect(read(shard, { 1: put(2, "c"), 2: put(0, "a") })).toEqual(["a=0", "b=1", "c=n"]);
  });

  test("a key that moves down over the position is there once", () => {
    const { shard } = shardOf(".abc", kind);
    expect(read(shard, { 1: () => apply(shard, move("c", 3, 0)) })).toEqual(["a=1", "b=2", "c=0'"]);
  });

  test("a key that moves up over the position is there once", () => {
    const { shard } = shardOf("abc.", kind);
    expect(read(shard, { 2: () => apply(shard, move("a", 0, 3)) })).toEqual(["a=0", "b=1", "c=2"]);
  });

  test.each([["new slot first", true], ["old slot first", false]])(
    "so it is where both slots hold it for a while, %s",
    (_, newFirst) => {
      for (const [from, to, keys] of [[3, 0, ".abc"], [0, 3, "cab."]] as const) {
        const { shard } = shardOf(keys, kind);
        const batch = move("c", from, to);
        if (newFirst) batch.reverse();
        const seen = read(shard, { 1: () => apply(shard, [batch[0]]), 2: () => apply(shard, [batch[1]]) });
        expect(seen.filter((entry) => entry.startsWith("c=")).length).toBe(1);
        expect(seen.filter((entry) => !entry.startsWith("c=")).length).toBe(2);
      }
    },
  );

  test("a slot that takes another key gives that one, and the old one if it was read before", () => {
    const { shard } = shardOf("abc", kind);
    const steps = {
      1: () =>
        apply(shard, [{ slot: 0, version: 2, key: "x", value: "x" }, {
          slot: 2,
          version: 2,
          key: "y",
          value: "y",
        }]),
    };
    expect(read(shard, steps)).toEqual(["a=0", "b=1", "x=x", "y=y"]);
  });

  test("slots that are added while it reads are read", () => {
    const { shard } = shardOf("ab", kind);
    const grow = () => {
      shard.file.extend(4);
      shard.metas.grow(4);
      apply(shard, [{ slot: 3, version: 1, key: "c", value: "3" }]);
    };
    expect(read(shard, { 2: grow })).toEqual(["a=0", "b=1", "c=3"]);
  });

  test("of equal keys whose preference changes while it reads, there is one", async () => {
    for (const prefer of ["lowest", "highest"] as const) {
      for (const at of [1, 2]) {
        const { shard } = shardOf("axa.", kind);
        const seen: string[] = [];
        for (const [key] of iterateShard(shard)) {
          seen.push(textOf(key)!);
          if (seen.length === at) await settleDuplicates(shard, prefer, steps());
        }
        expect(seen.sort()).toEqual(["a", "x"]);
      }
    }
  });

  test("a put of the same key into the slot that is not served does not bring it a second time", () => {
    const { shard } = shardOf("axa", kind);
    const steps = { 1: () => apply(shard, [{ slot: 2, version: 2, key: "a", value: "n" }]) };
    expect(read(shard, steps).length).toBe(2);
  });

  test("of equal keys whose served slot goes before it is read, the other is there", () => {
    const { shard } = shardOf("axa", kind);
    const steps = { 1: () => apply(shard, [{ slot: 2, version: 2, key: "a" }]) };
    expect(read(shard, steps).map((entry) => entry[0]).sort()).toEqual(["a", "x"]);
  });

  test("a key that a second slot takes after it was read is not there again, though the first keeps it", () => {
    const { shard } = shardOf("ab.", kind);
    const steps = { 1: () => apply(shard, [{ slot: 2, version: 1, key: "a", value: "n" }]) };
    expect(read(shard, steps)).toEqual(["a=0", "b=1"]);
  });

  test("a key that moves to a slot which was read a second time is there", () => {
    const { shard } = shardOf("ab", kind);
    const steps = {
      1: () =>
        apply(shard, [{ slot: 0, version: 2, key: "x", value: "x" }, {
          slot: 1,
          version: 2,
          key: "y",
          value: "y",
        }]),
      2: () =>
        apply(shard, [
          { slot: 0, version: 3, key: "x" },
          { slot: 1, version: 3, key: "y" },
          { slot: 0, version: 4, key: "y", value: "z" },
        ]),
    };
    expect(read(shard, steps)).toEqual(["a=0", "x=x", "y=z"]);
  });

  test("a reader that stops early leaves nothing behind", () => {
    const { shard } = shardOf("abc", kind);
    for (const _ of iterateShard(shard)) {
      expect(shard.observers.size).toBe(1);
      break;
    }
    expect(shard.observers.size).toBe(0);
  });

  test("a key is there at most once, and one that always was there is there, whatever happens between steps", () => {
    const keys = Array.from("abcdef");
    const change = fc.record({
      at: fc.nat(8),
      kind: fc.constantFrom("put", "move", "move", "late move", "delete"),
      key: fc.constantFrom(...keys),
      slot: fc.nat(9),
    });
    fc.assert(
      fc.property(
        fc.shuffledSubarray([...keys, ..."...."], { minLength: 10 }),
        fc.array(change, { maxLength: 25, size: "max" }),
        (start, changes) => {
          const { shard } = shardOf(start.join(""), kind);
          const always = new Set(keys);
          let version = 1;
          /** What a leader's follower may see of one change; every step is a batch. */
          const step = ({ kind, key, slot }: (typeof changes)[number]) => {
            const from = shard.find(HASH(keyOf(key)), keyOf(key));
            const held = keys.find((other) => shard.find(HASH(keyOf(other)), keyOf(other)) === slot);
            version++;
            if (from < 0 || kind === "put") {
              return put(from < 0 ? slot : from, key, held === key ? undefined : held);
            }
            if (kind === "delete") {
              always.delete(key);
              return apply(shard, [{ slot: from, version, key }]);
            }
            if (held !== undefined) {
              return;
            }
            const batch = move(key, from, slot, version);
            apply(shard, kind === "move" ? batch : batch.reverse());
          };
          const put = (slot: number, key: string, held: string | undefined) => {
            const isOwn = shard.find(HASH(keyOf(key)), keyOf(key)) === slot;
            if (held !== undefined && !isOwn) always.delete(held);
            if (!isOwn) always.delete(key);
            apply(shard, [{ slot, version, key, value: "n" }]);
          };
          const seen: string[] = [];
          for (const each of changes.filter(({ at }) => at === 0)) step(each);
          for (const [bytes] of iterateShard(shard)) {
            seen.push(textOf(bytes)!);
            for (const each of changes.filter(({ at }) => at === seen.length)) step(each);
          }
          expect(seen.length).toBe(new Set(seen).size);
          expect([...always].filter((key) => !seen.includes(key))).toEqual([]);
        },
      ),
      { numRuns: 300, seed: 1 },
    );
  });
});

describe("entries of a positional shard", () => {
  test("a slot that went bad is left out and quarantined, not given out", () => {
    const { shard, disk } = shardOf("abc", "positional");
    damage(disk, 1, 12, 1);
    expect(read(shard)).toEqual(["a=0", "c=2"]);
    expect([...shard.unverified]).toEqual([1]);
  });

  test("a slot that goes bad after it was read, and heals, is there once", () => {
    const { shard, disk } = shardOf("abc", "positional");
    const steps = {
      1: () => {
        damage(disk, 0, 12, 1);
        expect(valueIn(shard, "a", HASH)).toBeUndefined();
        apply(shard, [{ slot: 0, version: 1, key: "a", value: "h" }]);
      },
    };
    expect(read(shard, steps)).toEqual(["a=0", "b=1", "c=2"]);
  });
});

describe("an iteration", () => {
  test("that is left is forgotten by the shard", () => {
    const { shard } = shardOf("abc");
    for (const _ of iterateShard(shard)) {
      expect(shard.observers.size).toBe(1);
      break;
    }
    expect(shard.observers.size).toBe(0);
  });

  test("that nobody goes on with is forgotten too, once its memory is", async () => {
    const { shard } = shardOf("abc");
    for (let i = 0; i < 100; i++) iterateShard(shard).next();
    const going = iterateShard(shard);
    going.next();
    expect(shard.observers.size).toBe(101);
    // What the stack still shows of the last ones may keep those.
    const isForgotten = () => {
      collectGarbage();
      return shard.observers.size <= 20;
    };
    await until(isForgotten, 20_000, "the end of 80 iterations");
    apply(shard, move("a", 0, 2));
    expect(Array.from(going, ([key]) => textOf(key))).toEqual(["b"]);
  }, 25_000);
});
