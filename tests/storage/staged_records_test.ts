import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { StagedRecords } from "../../src/storage/staged_records.ts";

const BYTES = 8;

describe("StagedRecords", () => {
  test("places records in the order of staging, each once", () => {
    const staged = new StagedRecords(BYTES);
    expect([staged.count, staged.placeOf(7)]).toEqual([0, -1]);
    expect([7, 0, 2 ** 28, 7].map((record) => staged.placeFor(record))).toEqual([0, 8, 16, 0]);
    expect([7, 0, 2 ** 28, 1].map((record) => staged.placeOf(record))).toEqual([0, 8, 16, -1]);
    expect(staged.count).toBe(3);
  });

  test("sets the first word of what is staged, little-endian, and of nothing else", () => {
    const staged = new StagedRecords(BYTES);
    staged.bytes.fill(9, staged.placeFor(5), BYTES);
    staged.stageWord(5, 0x8765_4321);
    staged.stageWord(6, 1);
    expect([...staged.bytes.slice(0, 9)]).toEqual([0x21, 0x43, 0x65, 0x87, 9, 9, 9, 9, 0]);
  });

  test("keeps bytes, words and view one, and what they hold, when it grows", () => {
    const staged = new StagedRecords(BYTES);
    const { length } = staged.bytes;
    for (let i = 0; i <= length / BYTES; i++) {
      const place = staged.placeFor(i * 4096);
      staged.view.setUint32(place, i, true);
    }
    expect(staged.bytes.length).toBe(2 * length);
    const last = length / BYTES;
    expect([staged.words[2], staged.words[2 * last], staged.view.getUint32(last * BYTES, true)])
      .toEqual([1, last, last]);
    expect(staged.placeOf(last * 4096)).toBe(last * BYTES);
  });

  test("holds a record that is larger than its first room", () => {
    const staged = new StagedRecords(65_535);
    expect([staged.placeFor(3), staged.placeFor(4), staged.bytes.length]).toEqual([0, 65_535, 2 * 65_535]);
  });

  test("knows exactly what was staged since the last clear, for any records", () => {
    const records = fc.array(fc.oneof(fc.nat(300), fc.nat(2 ** 28)), { maxLength: 400, size: "max" });
    const staged = new StagedRecords(BYTES);
    fc.assert(
      fc.property(records, (added) => {
        for (const record of added) staged.placeFor(record);
        const distinct = [...new Set(added)];
        expect(distinct.map((record) => staged.placeOf(record))).toEqual(distinct.map((_, i) => i * BYTES));
        staged.clear();
        expect(distinct.filter((record) => staged.placeOf(record) !== -1)).toEqual([]);
      }),
      { numRuns: 100, seed: 1 },
    );
  });
});
