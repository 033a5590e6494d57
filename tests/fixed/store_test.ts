import { describe, expect, test } from "bun:test";
import { IncompleteError, UsageError } from "../../src/errors.ts";
import { hashKey, shardOfKey } from "../../src/fixed/routing.ts";
import { countSlots, Store } from "../../src/fixed/store.ts";
import { STORAGE_KINDS, type StorageKind } from "../../src/storage/slot_file.ts";
import { apply, damage, keyOf, makeShard, SHAPE, type TestShard, textOf } from "../fakes/shard_kit.ts";
import { thrownBy } from "../harness/failures.ts";

const TWO = { ...SHAPE, shardCount: 2 };

/** Letters by the shard that they route to. */
function keysOfShard(shard: number): string[] {
  return Array.from("abcdefghijklmnop").filter((key) => shardOfKey(keyOf(key), 0, TWO) === shard);
}
const [A, B] = keysOfShard(0);
const [C, D] = keysOfShard(1);

/** A store of two shards: A in shard 0, C in shard 1, complete unless told otherwise. */
function makeStore(kind: StorageKind = "resident") {
  const made: TestShard[] = [0, 1].map((id) => makeShard(4, { kind, shape: TWO, id }));
  apply(made[0].shard, [{ slot: 2, version: 7, key: A, value: "1" }]);
  apply(made[1].shard, [{ slot: 0, version: 3, key: C, value: "2" }]);
  const complete = [true, true];
  const store = new Store(TWO, made.map(({ shard }) => shard), (shard) => complete[shard]);
  return { store, complete, made };
}

describe.each(STORAGE_KINDS)("Store over %s files", (kind) => {
  test("get copies the value", () => {
    const { store, made } = makeStore(kind);
    const value = store.get(keyOf(A))!;
    expect(textOf(value)).toBe("1");
    value.fill(0);
    expect(textOf(store.get(keyOf(A)))).toBe("1");
    const kept = store.get(keyOf(A))!;
    apply(made[0].shard, [{ slot: 2, version: 8, key: A, value: "9" }]);
    expect([textOf(kept), textOf(store.get(keyOf(A))), store.get(keyOf(B))]).toEqual(["1", "9", undefined]);
  });

  test("getInto writes the value's bytes and no more", () => {
    const { store } = makeStore(kind);
    const out = new Uint8Array(5).fill(0xee);
    expect(store.getInto(keyOf(C), out)).toBe(3);
    expect([textOf(out.slice(0, 3)), out[3], out[4]]).toEqual(["2", 0xee, 0xee]);
    expect(store.getInto(keyOf(D), out)).toBe(-1);
  });

  test("has and size", () => {
    const { store, made } = makeStore(kind);
    expect([store.has(keyOf(A)), store.has(keyOf(B)), store.size]).toEqual([true, false, 2]);
    apply(made[0].shard, [{ slot: 1, version: 1, key: A, value: "3" }]);
    expect(store.size).toBe(2);
  });

  test("lookup tells value, version, slot and shard", () => {
    const { store } = makeStore(kind);
    const found = store.lookup(keyOf(A));
    expect({ ...found, value: textOf(found.value) })
      .toEqual({ found: "yes", value: "1", version: 7, slot: 2, shard: 0 });
    expect(store.lookup(keyOf(D))).toEqual({ found: "no", shard: 1 });
  });

  test("entries gives all shards, or one", () => {
    const { store } = makeStore(kind);
    const texts = (shard?: number) => [...store.entries(shard)].map((pair) => pair.map(textOf).join("="));
    expect([texts(), texts(0), texts(1)]).toEqual([[`${A}=1`, `${C}=2`], [`${A}=1`], [`${C}=2`]]);
  });
});

describe("a key of the wrong length", () => {
  test.each([0, 3, 5])("%d bytes: a usage error that names both", (length) => {
    const { store } = makeStore();
    const key = new Uint8Array(length);
    for (const read of ["get", "has", "lookup"] as const) {
      const error = thrownBy(() => store[read](key));
      expect(error).toBeInstanceOf(UsageError);
      expect(error.message).toBe(`Cannot look up this key: it has ${length} bytes, keys here have 4`);
    }
  });

  test("a buffer that is too small", () => {
    const { store } = makeStore();
    const error = thrownBy(() => store.getInto(keyOf(A), new Uint8Array(2)));
    expect(error).toBeInstanceOf(UsageError);
    expect(error.message).toBe("Cannot read into this buffer: it has 2 bytes, a value has 3");
  });
});

describe("an incomplete shard", () => {
  test("that never saw a whole scan: found keys are served, misses prove nothing", () => {
    const { store, complete } = makeStore();
    complete[0] = false;
    expect([textOf(store.get(keyOf(A))), store.lookup(keyOf(A)).found]).toEqual(["1", "yes"]);
    expect(store.lookup(keyOf(B))).toEqual({ found: "unknown", shard: 0 });
    for (
      const read of [
        () => store.get(keyOf(B)),
        () => store.has(keyOf(B)),
        () => store.getInto(keyOf(B), new Uint8Array(3)),
      ]
    ) {
      const error = thrownBy(read);
      expect(error).toBeInstanceOf(IncompleteError);
      expect(error.message).toBe(
        "Cannot say whether the key exists: shard 0 is incomplete, it has not finished a whole scan",
      );
    }
    expect(store.lookup(keyOf(D)).found).toBe("no");
    expect([store.isComplete(0), store.isComplete(1)]).toEqual([false, true]);
  });

  test("`partial` answers all the same", () => {
    const { store, complete } = makeStore();
    complete[0] = false;
    const partial = { partial: true };
    const out = new Uint8Array(3);
    expect([
      store.get(keyOf(B), partial),
      store.has(keyOf(B), partial),
      store.getInto(keyOf(B), out, partial),
    ])
      .toEqual([undefined, false, -1]);
    expect(textOf(store.get(keyOf(A), partial))).toBe("1");
  });

  test("with a slot that cannot be trusted: that key, and every other miss, is unknown", () => {
    const { store, made } = makeStore();
    made[0].shard.quarantine(2, hashKey(keyOf(A), 0, 4), keyOf(A), 0);
    expect([store.lookup(keyOf(A)).found, store.lookup(keyOf(B)).found, store.lookup(keyOf(D)).found])
      .toEqual(["unknown", "unknown", "no"]);
    expect(thrownBy(() => store.get(keyOf(B))).message)
      .toBe("Cannot say whether the key exists: shard 0 is incomplete, 1 of its slots cannot be trusted");
    apply(made[0].shard, [{ slot: 2, version: 7, key: A, value: "1" }]);
    expect([store.lookup(keyOf(A)).found, store.lookup(keyOf(B)).found]).toEqual(["yes", "no"]);
  });

  test("becomes so at the read that meets a bad slot, where nothing is kept in memory", () => {
    const { store, made } = makeStore("positional");
    damage(made[0].disk, 2, 12, 1);
    expect(() => store.get(keyOf(A))).toThrow(IncompleteError);
    expect([store.lookup(keyOf(A)).found, store.isComplete(0), store.size]).toEqual(["unknown", false, 1]);
    expect([...store.entries(0)]).toEqual([]);
  });
});

describe("a key on a shard that it does not route to", () => {
  function misrouted() {
    const made = makeStore();
    apply(made.made[1].shard, [{ slot: 3, version: 1, key: B, value: "9" }]);
    return made;
  }

  test("is found all the same, where it is", () => {
    const { store } = misrouted();
    expect(textOf(store.get(keyOf(B)))).toBe("9");
    expect(store.has(keyOf(B))).toBe(true);
    expect(store.lookup(keyOf(B))).toMatchObject({ found: "yes", slot: 3, shard: 1, version: 1 });
    expect(store.getInto(keyOf(B), new Uint8Array(3))).toBe(3);
  });

  test("from then on a miss needs every shard to be complete", () => {
    const { store, complete } = misrouted();
    const missing = keyOf(keysOfShard(0)[2]);
    expect(store.lookup(missing)).toEqual({ found: "no", shard: 0 });
    complete[1] = false;
    expect(store.lookup(missing)).toEqual({ found: "unknown", shard: 0 });
    expect(() => store.get(missing)).toThrow("shard 1 is incomplete, it has not finished a whole scan");
  });

  test("its own shard comes first", () => {
    const { store, made } = misrouted();
    apply(made[0].shard, [{ slot: 0, version: 1, key: B, value: "1" }]);
    expect(textOf(store.get(keyOf(B)))).toBe("1");
  });

  test("is one entry, of the shard that reads find it in, where two hold it", () => {
    const { store, made } = misrouted();
    const texts = (shard?: number) => [...store.entries(shard)].map((pair) => pair.map(textOf).join("="));
    expect(texts()).toEqual([`${A}=1`, `${C}=2`, `${B}=9`]);
    apply(made[0].shard, [{ slot: 0, version: 1, key: B, value: "1" }]);
    expect([texts(), texts(1)]).toEqual([[`${B}=1`, `${A}=1`, `${C}=2`], [`${C}=2`]]);
    expect(store.size).toBe(4);
  });
});

describe("countSlots", () => {
  test("counts by status; what cannot be trusted is occupied too", () => {
    const { shard } = makeShard(6);
    apply(shard, [
      { slot: 0, version: 1, key: "a", value: "1" },
      { slot: 1, version: 1, key: "b", value: "1" },
      { slot: 2, version: 1, key: "c" },
      { slot: 3, version: 1 },
    ]);
    shard.unverified.add(1);
    expect(countSlots(shard)).toEqual({ occupied: 2, deleted: 1, free: 3, unverified: 1 });
  });
});
