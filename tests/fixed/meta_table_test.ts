import { describe, expect, test } from "bun:test";
import { MetaTable } from "../../src/fixed/meta_table.ts";

const PAGE = 65_536;

describe("MetaTable", () => {
  test("new slots have meta 0, and keep what they get", () => {
    const table = new MetaTable();
    expect(table.length).toBe(0);
    table.grow(3);
    expect([table.length, table.get(0), table.get(2)]).toEqual([3, 0, 0]);
    table.set(2, 0xffff_fffe);
    expect(table.get(2)).toBe(0xffff_fffe);
  });

  test("grows over pages and never shrinks", () => {
    const table = new MetaTable();
    table.grow(PAGE);
    table.set(PAGE - 1, 7);
    table.grow(2 * PAGE + 1);
    for (const [i, slot] of [PAGE - 1, PAGE, 2 * PAGE - 1, 2 * PAGE].entries()) table.set(slot, 10 + i);
    table.grow(5);
    expect(table.length).toBe(2 * PAGE + 1);
    expect([PAGE - 1, PAGE, 2 * PAGE - 1, 2 * PAGE, 0].map((slot) => table.get(slot)))
      .toEqual([10, 11, 12, 13, 0]);
  });

  test.each([0, 1, 5, PAGE - 1, PAGE, PAGE + 1, 2 * PAGE + 77])(
    "copies %d metas out and in again",
    (length) => {
      const table = new MetaTable();
      table.grow(length);
      for (let slot = 0; slot < length; slot++) table.set(slot, Math.imul(slot, 0x9e37_79b1) >>> 0);
      const bytes = new Uint8Array(3 + length * 4 + 8).fill(0xee, 3 + length * 4).subarray(3);
      let copied = 0;
      for (let page = 0; page < table.pageCount; page++) copied += table.copyPageTo(page, bytes);
      expect(copied).toBe(length * 4);
      expect([...bytes.subarray(length * 4)]).toEqual(Array(8).fill(0xee));
      const other = new MetaTable();
      other.grow(length);
      for (let page = 0; page < other.pageCount; page++) other.copyPageFrom(page, bytes);
      let different = 0;
      for (let slot = 0; slot < length; slot++) {
        if (other.get(slot) !== (Math.imul(slot, 0x9e37_79b1) >>> 0)) different++;
      }
      expect(different).toBe(0);
    },
  );

  test("fetches its memory a page at a time, and has the slots only once it has grown", () => {
    const table = new MetaTable();
    expect([1, 2, 3].map(() => table.reserve(2 * PAGE + 1))).toEqual([false, false, true]);
    expect([table.length, table.pageCount, table.reserve(5)]).toEqual([0, 0, true]);
    table.grow(2 * PAGE + 1);
    expect([table.length, table.pageCount, table.get(2 * PAGE)]).toEqual([2 * PAGE + 1, 3, 0]);
  });

  test("copies little-endian", () => {
    const table = new MetaTable();
    table.grow(2);
    table.set(0, 0x0403_0201);
    table.set(1, 0x8000_0000);
    const bytes = new Uint8Array(8);
    expect([table.pageCount, table.copyPageTo(0, bytes)]).toEqual([1, 8]);
    expect([...bytes]).toEqual([1, 2, 3, 4, 0, 0, 0, 0x80]);
  });
});
