import { describe, expect, test } from "bun:test";
import { OCCUPIED, packMeta } from "../../src/fixed/meta.ts";
import { hashKey } from "../../src/fixed/routing.ts";
import type { Shard } from "../../src/fixed/shard.ts";
import { deleteKey, freeHidden, putSlot, SlotAllocator, slotForPut } from "../../src/fixed/write.ts";
import { apply, keyOf, makeShard, slotWords, valueIn, valueOf } from "../fakes/shard_kit.ts";

function get(shard: Shard, key: string): string | undefined {
  return valueIn(shard, key, (bytes) => hashKey(bytes, 0, bytes.length));
}

/** Puts as a store does; answers the slot, or the slot count where there is no room. */
function put(shard: Shard, allocator: SlotAllocator, key: string, value: string): number {
  const slot = slotForPut(shard, allocator, keyOf(key));
  if (slot < shard.slotCount) putSlot(shard, slot, Uint8Array.of(...keyOf(key), ...valueOf(value)));
  return slot;
}

describe("local writes", () => {
  test("a new key takes the lowest free slot, an old one its own, with the next version", () => {
    const { shard } = makeShard(4);
    const allocator = new SlotAllocator(shard);
    expect([
      put(shard, allocator, "a", "1"),
      put(shard, allocator, "b", "2"),
      put(shard, allocator, "a", "3"),
    ])
      .toEqual([0, 1, 0]);
    expect([slotWords(shard, 0), slotWords(shard, 1), get(shard, "a")]).toEqual([
      "occupied 2",
      "occupied 1",
      "3",
    ]);
  });

  test("a full shard asks for the slot behind its end", () => {
    const { shard } = makeShard(1);
    const allocator = new SlotAllocator(shard);
    expect([put(shard, allocator, "a", "1"), put(shard, allocator, "b", "2")]).toEqual([0, 1]);
    shard.file.extend(2);
    shard.metas.grow(2);
    expect([put(shard, allocator, "b", "2"), get(shard, "b")]).toEqual([1, "2"]);
  });

  test("a deleted key's slot is taken next, and its version goes on", () => {
    const { shard } = makeShard(4);
    const allocator = new SlotAllocator(shard);
    for (const key of ["a", "b", "c"]) put(shard, allocator, key, "1");
    expect([deleteKey(shard, allocator, keyOf("b")), get(shard, "b")]).toEqual([[1], undefined]);
    expect([deleteKey(shard, allocator, keyOf("b")), slotWords(shard, 1)]).toEqual([[], "deleted 2"]);
    expect([deleteKey(shard, allocator, keyOf("a")), put(shard, allocator, "d", "4")]).toEqual([[0], 0]);
    expect([put(shard, allocator, "b", "5"), slotWords(shard, 1)]).toEqual([1, "occupied 3"]);
    expect([put(shard, allocator, "e", "6"), slotWords(shard, 0)]).toEqual([3, "occupied 3"]);
  });

  test("of several free slots the lowest is taken, in whatever order they became free", () => {
    const { shard } = makeShard(4);
    const allocator = new SlotAllocator(shard);
    for (const key of ["a", "b", "c"]) put(shard, allocator, key, "1");
    for (const key of ["a", "b"]) deleteKey(shard, allocator, keyOf(key));
    expect(["d", "e", "f"].map((key) => put(shard, allocator, key, "2"))).toEqual([0, 1, 3]);
  });

  test("versions wrap", () => {
    const { shard } = makeShard(1);
    apply(shard, [{ slot: 0, version: 0x3fff_ffff, key: "a", value: "1" }]);
    const meta = putSlot(shard, 0, Uint8Array.of(...keyOf("a"), ...valueOf("2")));
    expect([meta, shard.metas.get(0)]).toEqual([packMeta(0, OCCUPIED), packMeta(0, OCCUPIED)]);
    expect(get(shard, "a")).toBe("2");
  });

  test("an allocator over a recovered shard passes over what is OCCUPIED, not what is DELETED", () => {
    const { shard } = makeShard(5);
    apply(shard, [
      { slot: 0, version: 1, key: "a", value: "1" },
      { slot: 1, version: 1, key: "b", value: "1" },
      { slot: 2, version: 1, key: "c" },
      { slot: 3, version: 1, key: "d", value: "1" },
    ]);
    const allocator = new SlotAllocator(shard);
    expect([allocator.next(), allocator.next()]).toEqual([2, 2]);
    shard.setMeta(2, packMeta(2, OCCUPIED));
    expect(allocator.next()).toBe(4);
    allocator.freed(4);
    allocator.freed(3);
    shard.setMeta(3, 0);
    expect(allocator.next()).toBe(3);
  });
});

describe("a key that several slots hold", () => {
  /** "a" in slots 0, 2 and 3, the last of which serves it; "b" in 1 and 4. */
  function equalKeys() {
    const { shard } = makeShard(5);
    for (const [slot, key] of Array.from("abaab").entries()) {
      apply(shard, [{ slot, version: 1, key, value: String(slot) }]);
    }
    return { shard, allocator: new SlotAllocator(shard) };
  }

  test("is deleted from all of them: no older value comes to light", () => {
    const { shard, allocator } = equalKeys();
    expect(get(shard, "a")).toBe("3");
    expect(deleteKey(shard, allocator, keyOf("a")).sort()).toEqual([0, 2, 3]);
    expect([get(shard, "a"), get(shard, "b"), shard.index.keys, shard.index.duplicates])
      .toEqual([undefined, "4", 1, 1]);
    expect([0, 1, 2, 3].map((slot) => slotWords(shard, slot)))
      .toEqual(["deleted 2", "occupied 1", "deleted 2", "deleted 2"]);
    expect([deleteKey(shard, allocator, keyOf("a")), allocator.next()]).toEqual([[], 0]);
  });

  test("loses the slot that serves it last: whoever hears of the slots sees no older value either", () => {
    const { shard, allocator } = equalKeys();
    expect(deleteKey(shard, allocator, keyOf("a")).at(-1)).toBe(3);
  });

  test("keeps, where it is put again, the slot that serves it, and no other", () => {
    const { shard, allocator } = equalKeys();
    const slot = put(shard, allocator, "a", "n");
    expect([slot, freeHidden(shard, allocator, { slot, key: keyOf("a") }).sort()]).toEqual([3, [0, 2]]);
    expect([get(shard, "a"), get(shard, "b"), shard.index.keys, shard.index.duplicates])
      .toEqual(["n", "4", 2, 1]);
    expect(freeHidden(shard, allocator, { slot, key: keyOf("a") })).toEqual([]);
  });
});
