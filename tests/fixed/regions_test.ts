import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { UsageError } from "../../src/errors.ts";
import { packMeta } from "../../src/fixed/meta.ts";
import { slotRegions } from "../../src/fixed/regions.ts";
import { countSlots } from "../../src/fixed/store.ts";
import { TimeSlice } from "../../src/time_slice.ts";
import { makeShard } from "../fakes/shard_kit.ts";

/** A shard by the letters of its slots: Occupied, Deleted, Unverified, a dot for free. */
function shardOf(slots: string) {
  const { shard } = makeShard(slots.length);
  for (const [slot, letter] of Array.from(slots).entries()) {
    if (letter === "D") shard.setMeta(slot, packMeta(5, 2));
    if (letter === "O" || letter === "U") shard.setMeta(slot, packMeta(0x3fff_ffff, 1));
    if (letter === "U") shard.unverified.add(slot);
  }
  return shard;
}

/** Regions as "first: letters", the letters sorted. */
async function words(slots: string, count: number): Promise<string[]> {
  const regions = await slotRegions(shardOf(slots), count, new TimeSlice());
  return regions.map((region) => {
    const { first, occupied, deleted, free, unverified } = region;
    const letters = ".".repeat(free) + "D".repeat(deleted) + "O".repeat(occupied) + "U".repeat(unverified);
    expect(letters.length).toBe(region.slots);
    return `${first}: ${letters}`;
  });
}

describe("regions of a shard", () => {
  test("are equal, and the last is shorter", async () => {
    expect(await words("OD.UOO.DDU", 4)).toEqual(["0: .DO", "3: OOU", "6: .DD", "9: U"]);
    expect(await words("OOO", 1)).toEqual(["0: OOO"]);
  });

  test("are fewer than asked for where the slots are", async () => {
    expect(await words("OD", 5)).toEqual(["0: O", "1: D"]);
    expect(await words("..........", 7)).toEqual(["0: ..", "2: ..", "4: ..", "6: ..", "8: .."]);
    expect(await words("", 5)).toEqual([]);
  });

  test("count what the whole shard counts", async () => {
    const slots = fc.string({ unit: fc.constantFrom(..."ODU."), maxLength: 40 });
    await fc.assert(fc.asyncProperty(slots, fc.integer({ min: 1, max: 50 }), async (slots, count) => {
      const shard = shardOf(slots);
      const regions = await slotRegions(shard, count, new TimeSlice());
      const sum = (field: "occupied" | "deleted" | "free" | "unverified") =>
        regions.reduce((total, region) => total + region[field], 0);
      const whole = countSlots(shard);
      expect(sum("occupied")).toBe(whole.occupied - whole.unverified);
      expect([sum("deleted"), sum("free"), sum("unverified")])
        .toEqual([whole.deleted, whole.free, whole.unverified]);
    }));
  });

  test("of many slots are counted in several turns of the event loop", async () => {
    const { shard } = makeShard(100_000);
    shard.setMeta(99_999, packMeta(1, 1));
    let turns = 0;
    class Counted extends TimeSlice {
      override async yield(): Promise<void> {
        turns++;
        await super.yield();
      }
    }
    const regions = await slotRegions(shard, 2, new Counted(0));
    expect(regions.map(({ slots, occupied }) => [slots, occupied])).toEqual([[50_000, 0], [50_000, 1]]);
    expect(turns).toBe(8);
  });

  test.each([0, -1, 1.5, 4097, NaN])("refuse a count of %d", async (count) => {
    await expect(slotRegions(shardOf("O"), count, new TimeSlice())).rejects.toThrow(
      new UsageError(`Cannot count slots by region: regions is ${count}, allowed are 1 to 4096`),
    );
  });
});
