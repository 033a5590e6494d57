import { expect, test } from "bun:test";
import { tagOf } from "../../src/fixed/index_segment.ts";
import { loseSlot } from "../../src/fixed/lost_slots.ts";
import { hashKey } from "../../src/fixed/routing.ts";
import { apply, keyOf, makeShard, type TestEvent } from "../fakes/shard_kit.ts";

/** Two keys that an index tells apart by their bytes alone. */
const EQUAL_TAGS = ["gmva", "kxjb"];

function put(slot: number, key: string): TestEvent {
  return { slot, version: 1, key, value: "v" };
}

test("a lost slot is taken out by its key: one of the same tag does not pass for a second slot of it", () => {
  const [a, b] = EQUAL_TAGS.map((key) => tagOf(hashKey(keyOf(key), 0, 4)));
  expect(a).toBe(b);
  const { shard } = makeShard(6, { kind: "positional" });
  apply(shard, [put(1, EQUAL_TAGS[0]), put(2, EQUAL_TAGS[1]), put(3, "dup"), put(4, "dup")]);
  shard.settle();
  expect(shard.index.duplicates).toBe(1);
  loseSlot(shard, 1);
  expect([shard.index.entries, shard.index.duplicates, [...shard.unverified]]).toEqual([3, 1, [1]]);
});

test("whoever watches is told of the key that a lost slot held, and another slot of that key serves it", () => {
  const { shard } = makeShard(6, { kind: "positional" });
  apply(shard, [put(2, "dup"), put(4, "dup")]);
  shard.settle();
  const told: unknown[] = [];
  shard.observers.add({
    written() {},
    removed() {},
    quarantined: (_shard, slot, key) => told.push([slot, key]),
  });
  // Then a slot is not the first of what was read.
  shard.file.load(0, 6);
  loseSlot(shard, 4);
  expect(told).toEqual([[4, keyOf("dup")]]);
  expect([shard.index.entries, shard.index.duplicates]).toEqual([1, 0]);
  expect(shard.find(hashKey(keyOf("dup"), 0, 4), keyOf("dup"))).toBe(2);
});
