import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { UsageError } from "../../src/errors.ts";
import { MOST_PAGE_SLOTS, pageOf, type PageOptions } from "../../src/fixed/page.ts";
import { hashKey, shardOfKey } from "../../src/fixed/routing.ts";
import { Store } from "../../src/fixed/store.ts";
import { STORAGE_KINDS, type StorageKind } from "../../src/storage/slot_file.ts";
import { apply, damage, keyOf, makeShard, SHAPE, textOf } from "../fakes/shard_kit.ts";

const TWO = { ...SHAPE, shardCount: 2 };

/** A store of one shard that holds these keys, slot by slot; a dot is a slot that was never written. */
function storeOf(keys: string, kind: StorageKind = "resident") {
  const { shard, disk } = makeShard(keys.length, { kind });
  for (const [slot, key] of Array.from(keys).entries()) {
    if (key !== ".") apply(shard, [{ slot, version: slot + 1, key, value: String(slot) }]);
  }
  return { store: new Store(SHAPE, [shard], () => true), shard, disk };
}

/** The keys of a page and its cursor: "ab 0.2". */
function words(store: Store, options?: PageOptions): string {
  const { entries, cursor } = pageOf(store, options);
  return `${entries.map(({ key }) => textOf(key)).join("")} ${cursor ?? "end"}`;
}

/** The keys of all pages, and how many pages there were. */
function listing(store: Store, options: PageOptions): { keys: string[]; pages: number } {
  const keys: string[] = [];
  for (let pages = 1, cursor: string | undefined;; pages++) {
    const page = pageOf(store, { ...options, cursor });
    keys.push(...page.entries.map(({ key }) => textOf(key)!));
    if (page.cursor === undefined) return { keys, pages };
    cursor = page.cursor;
  }
}

describe.each(STORAGE_KINDS)("pages of a %s store", (kind) => {
  test("hold copies of keys and values, with version, slot and shard", () => {
    const { store } = storeOf("b.a", kind);
    const { entries, cursor } = pageOf(store);
    expect(cursor).toBeUndefined();
    expect(entries.map((entry) => ({ ...entry, key: textOf(entry.key), value: textOf(entry.value) })))
      .toEqual([
        { key: "b", value: "0", version: 1, slot: 0, shard: 0 },
        { key: "a", value: "2", version: 3, slot: 2, shard: 0 },
      ]);
    for (const { key, value } of entries) {
      key.fill(0);
      value.fill(0);
    }
    expect(words(store)).toBe("ba end");
  });

  test("go on where the one before ended, and the last one says so", () => {
    const { store } = storeOf("ab..cd.", kind);
    expect(words(store, { limit: 2 })).toBe("ab 0.4");
    expect(words(store, { limit: 2, cursor: "0.4" })).toBe("cd end");
    expect(words(store, { limit: 3 })).toBe("abc 0.5");
    expect(words(store, { limit: 3, cursor: "0.7" })).toBe(" end");
  });

  test("leave out what is deleted, free or not trusted", () => {
    const { store, shard } = storeOf("abcde", kind);
    apply(shard, [{ slot: 0, version: 9, key: "a" }, { slot: 1, version: 9 }]);
    shard.quarantine(3, hashKey(keyOf("d"), 0, 4), keyOf("d"), 0);
    expect(words(store)).toBe("ce end");
  });

  test("show a key that two slots hold once, from the one that serves it", () => {
    const { store, shard } = storeOf("ab.", kind);
    apply(shard, [{ slot: 2, version: 4, key: "a", value: "new" }]);
    expect(words(store)).toBe("ba end");
    expect(textOf(pageOf(store).entries[1].value)).toBe("new");
  });

  test("show only keys with the prefix, which may be a whole key", () => {
    const { store, shard } = storeOf("....", kind);
    for (const [slot, key] of ["ab", "ac", "b", "abc"].entries()) {
      apply(shard, [{ slot, version: 1, key, value: "" }]);
    }
    const bytes = (text: string) => new TextEncoder().encode(text);
    expect(words(store, { prefix: bytes("a") })).toBe("abacabc end");
    expect(words(store, { prefix: bytes("ab") })).toBe("ababc end");
    expect(words(store, { prefix: bytes("ab"), limit: 1 })).toBe("ab 0.3");
    expect(words(store, { prefix: keyOf("ab") })).toBe("ab end");
    expect(words(store, { prefix: bytes("c") })).toBe(" end");
    expect(words(store, { prefix: new Uint8Array(0) })).toBe("abacbabc end");
  });

  test("look at a bounded number of slots: a rare key comes after pages that are empty", () => {
    const { shard } = makeShard(2 * MOST_PAGE_SLOTS + 5, { kind });
    const store = new Store(SHAPE, [shard], () => true);
    apply(shard, [{ slot: 2 * MOST_PAGE_SLOTS, version: 1, key: "far", value: "1" }]);
    expect(words(store)).toBe(` 0.${MOST_PAGE_SLOTS}`);
    expect(listing(store, {})).toEqual({ keys: ["far"], pages: 3 });
  });
});

describe("pages of files that are not in memory", () => {
  test.each(["positional", "mapped"] as const)("leave out a %s slot that went bad on disk", (kind) => {
    const { store, shard, disk } = storeOf("abc", kind);
    damage(disk, 1, 13, 0xff);
    expect(words(store)).toBe("ac end");
    expect(shard.unverified.has(1)).toBe(true);
  });
});

test.each([["resident", 0], ["positional", 1]] as const)(
  "a page of a %s store reads the file %d times, however many slots it looks at",
  (kind, wanted) => {
    const { store, disk } = storeOf("abcdefgh", kind);
    let reads = 0;
    const { read } = disk.files;
    disk.files.read = (...args) => {
      reads++;
      return read.apply(disk.files, args);
    };
    expect(words(store)).toBe("abcdefgh end");
    expect(reads).toBe(wanted);
  },
);

describe("pages of several shards", () => {
  /** Slot by slot of each shard; a key goes to the shard that it names, at home there or not. */
  function shardsOf(...keys: string[]): Store {
    const shards = keys.map((texts, id) => {
      const { shard } = makeShard(texts.length, { shape: TWO, id });
      for (const [slot, key] of Array.from(texts).entries()) {
        if (key === ".") continue;
        apply(shard, [{ slot, version: 1, key, value: "" }]);
        if (shardOfKey(keyOf(key), 0, TWO) !== id) shard.misrouted = true;
      }
      return shard;
    });
    return new Store(TWO, shards, () => true);
  }

  test("show a misrouted key, and one of two shards only from where reads find it", () => {
    const stray = Array.from("abcdefgh").find((key) => shardOfKey(keyOf(key), 0, TWO) === 1)!;
    expect(words(shardsOf(stray, "..."))).toBe(`${stray} end`);
    const { entries } = pageOf(shardsOf(stray, stray));
    expect(entries.map(({ shard }) => shard)).toEqual([1]);
  });

  test("look at a bounded number of slots of all shards together", () => {
    const slotCount = MOST_PAGE_SLOTS - 10;
    const shards = [0, 1].map((id) => makeShard(slotCount, { shape: TWO, id }).shard);
    expect(words(new Store(TWO, shards, () => true))).toBe(" 1.10");
  });

  test("look at fewer slots where they are long", () => {
    const shape = { ...SHAPE, valueLength: 52 };
    const { shard } = makeShard(MOST_PAGE_SLOTS, { shape });
    expect(words(new Store(shape, [shard], () => true))).toBe(` 0.${MOST_PAGE_SLOTS / 2}`);
  });

  test("of any limit list what entries does", () => {
    const slots = fc.string({ unit: fc.constantFrom(...".abcdefgh"), maxLength: 12 });
    fc.assert(fc.property(slots, slots, fc.integer({ min: 1, max: 5 }), (first, second, limit) => {
      const store = shardsOf(first, second);
      const { keys, pages } = listing(store, { limit });
      const wanted = [...store.entries()].map(([key]) => textOf(key)!);
      expect(keys.toSorted()).toEqual(wanted.toSorted());
      expect(pages).toBe(Math.max(1, Math.ceil(wanted.length / limit)));
    }));
  });
});

describe("changes between two pages", () => {
  test("a key that stays comes once; one that moves back may be missed, one that moves on may come twice", () => {
    const { store, shard } = storeOf(".abcd.");
    const { cursor } = pageOf(store, { limit: 2 });
    apply(shard, [
      { slot: 4, version: 9, key: "d" },
      { slot: 0, version: 9, key: "d", value: "" },
      { slot: 1, version: 9, key: "a" },
      { slot: 5, version: 9, key: "a", value: "" },
    ]);
    expect(words(store, { cursor })).toBe("ca end");
  });
});

describe("what a page refuses", () => {
  const { store } = storeOf("abc");

  test.each([0, -1, 1.5, 1001, NaN])("a limit of %d", (limit) => {
    expect(() => pageOf(store, { limit })).toThrow(
      new UsageError(`Cannot read a page: limit is ${limit}, allowed are 1 to 1000`),
    );
  });

  test("a prefix longer than a key", () => {
    expect(() => pageOf(store, { prefix: new Uint8Array(5) })).toThrow(
      new UsageError("Cannot read a page: prefix has 5 bytes, keys here have 4"),
    );
  });

  test.each([
    ["", "a page's own is as in 0.100"],
    ["0", "a page's own is as in 0.100"],
    ["0.-1", "a page's own is as in 0.100"],
    ["0.1 ", "a page's own is as in 0.100"],
    ["1.0", "and there are 1 shards"],
    ["0.4", "and shard 0 has 3 slots"],
    ["0.9999999999", "and shard 0 has 3 slots"],
  ])("the cursor %j", (cursor, problem) => {
    expect(() => pageOf(store, { cursor })).toThrow(
      new UsageError(`Cannot read a page: cursor is ${JSON.stringify(cursor)}, ${problem}`),
    );
  });

  test("a cursor of any length, in a message of a line", () => {
    expect(() => pageOf(store, { cursor: "x".repeat(5000) })).toThrow(
      new UsageError(
        `Cannot read a page: cursor is "${"x".repeat(40)}...", a page's own is as in 0.100`,
      ),
    );
  });
});
