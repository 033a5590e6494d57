import { describe, expect, test } from "bun:test";
import type { Directory } from "../src/directory/directory.ts";
import { DELETED, FREE, OCCUPIED, packMeta } from "../src/fixed/meta.ts";
import { hashKey } from "../src/fixed/routing.ts";
import type { Shard } from "../src/fixed/shard.ts";
import { OwnSource } from "../src/own_source.ts";
import type { BatchEncoder } from "../src/replication/protocol.ts";
import type { SlotWants } from "../src/replication/source.ts";
import { STORAGE_KINDS } from "../src/storage/slot_file.ts";
import { apply, damage, keyOf, makeShard, SHAPE, textOf } from "./fakes/shard_kit.ts";

const WANTS: SlotWants = { resets: true, skipDeleted: false };

/** The source of a directory of one shard. */
function sourceOf(shard: Shard): OwnSource {
  return new OwnSource({ shape: SHAPE, store: { shards: [shard] } } as unknown as Directory);
}

/** What a source adds of a slot, in words. */
function added(source: OwnSource, slot: number, wants: SlotWants = WANTS): string[] {
  const calls: string[] = [];
  const text = (bytes: Uint8Array, at: number, length: number) => textOf(bytes.slice(at, at + length));
  const encoder = {
    addReset: (slot: number, meta: number) => calls.push(`reset ${slot} ${meta}`),
    addDeleted: (slot: number, meta: number, bytes: Uint8Array, at: number) =>
      calls.push(`deleted ${slot} ${meta} ${text(bytes, at, 4)}`),
    addOccupied: (slot: number, meta: number, bytes: Uint8Array, at: number) =>
      calls.push(`occupied ${slot} ${meta} ${text(bytes, at, 4)} ${text(bytes, at + 4, 3)}`),
  };
  source.addSlot(encoder as unknown as BatchEncoder, { shard: 0, slot }, wants);
  return calls;
}

describe.each(STORAGE_KINDS)("OwnSource over a %s shard", (kind) => {
  function setup() {
    const made = makeShard(5, { kind });
    apply(made.shard, [
      { slot: 0, version: 1, key: "a", value: "1" },
      { slot: 1, version: 1, key: "b", value: "2" },
      { slot: 3, version: 7 },
    ]);
    apply(made.shard, [{ slot: 1, version: 2, key: "b" }]);
    return { ...made, source: sourceOf(made.shard) };
  }

  test("gives each slot as it is, and nothing of one that was never written", () => {
    const { source } = setup();
    expect([0, 1, 2, 3, 4].map((slot) => added(source, slot))).toEqual([
      [`occupied 0 ${packMeta(1, OCCUPIED)} a 1`],
      [`deleted 1 ${packMeta(2, DELETED)} b`],
      [],
      [`reset 3 ${packMeta(7, FREE)}`],
      [],
    ]);
    expect([source.slotCount(0), source.shape]).toEqual([5, SHAPE]);
  });

  test("leaves out what was not asked for", () => {
    const { source } = setup();
    expect(added(source, 1, { ...WANTS, skipDeleted: true })).toEqual([]);
    expect(added(source, 3, { ...WANTS, resets: false })).toEqual([]);
  });

  test("a slot that cannot be trusted is a reset, or nothing, never its bytes", () => {
    const { source, shard } = setup();
    shard.quarantine(0, hashKey(keyOf("a"), 0, 4), keyOf("a"), 0);
    expect(added(source, 0)).toEqual([`reset 0 ${packMeta(1, FREE)}`]);
    expect(added(source, 0, { ...WANTS, resets: false })).toEqual([]);
  });

  test("tells those who subscribed each slot that changes, until they leave", () => {
    const { source } = setup();
    const seen: string[] = [];
    const leave = source.subscribe(0, (slot) => seen.push(`first ${slot}`));
    source.subscribe(0, (slot) => seen.push(`second ${slot}`));
    source.changed(0, 4);
    leave();
    source.changed(0, 2);
    expect(seen).toEqual(["first 4", "second 4", "second 2"]);
  });
});

describe("OwnSource over a positional shard", () => {
  test("a slot that went bad on disk is a reset", () => {
    const { shard, disk } = makeShard(1, { kind: "positional" });
    apply(shard, [{ slot: 0, version: 1, key: "a", value: "1" }]);
    damage(disk, 0, 12, 1);
    expect(added(sourceOf(shard), 0)).toEqual([`reset 0 ${packMeta(1, FREE)}`]);
  });
});
