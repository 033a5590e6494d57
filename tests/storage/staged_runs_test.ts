import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { StagedRuns } from "../../src/storage/staged_runs.ts";

/** What a flush calls, in order: "head 3", "run 5+2". */
function flushed(runs: StagedRuns): string[] {
  const calls: string[] = [];
  runs.flush(
    (record) => calls.push(`head ${record}`),
    (first, count) => calls.push(`run ${first}+${count}`),
  );
  return calls;
}

describe("StagedRuns", () => {
  test.each([
    ["nothing", [], []],
    ["one", [7], ["run 7+1"]],
    ["neighbours", [3, 4, 5], ["run 3+3"]],
    ["neighbours in any order", [5, 3, 4], ["run 3+3"]],
    ["gaps", [1, 2, 4, 9, 8], ["run 1+2", "run 4+1", "run 8+2"]],
    ["the same twice in a row", [2, 2, 2], ["run 2+1"]],
    ["the same again later", [4, 9, 4, 5], ["run 4+2", "run 9+1"]],
    ["record 0", [1, 0], ["run 0+2"]],
  ])("coalesces %s", (_, records, expected) => {
    const runs = new StagedRuns();
    for (const record of records) runs.addRecord(record);
    expect(runs.empty).toBe(records.length === 0);
    expect(flushed(runs)).toEqual(expected);
    expect(runs.empty).toBe(true);
    expect(flushed(runs)).toEqual([]);
  });

  test("writes heads first, in order, those too whose record was staged whole before", () => {
    const runs = new StagedRuns();
    runs.addRecord(4);
    runs.addHead(9);
    runs.addHead(4);
    runs.addRecord(2);
    runs.addHead(1);
    runs.addHead(4);
    expect(flushed(runs)).toEqual(["head 9", "head 4", "head 1", "run 2+1", "run 4+1"]);
  });

  test("writes no head that its whole record followed, even where it went before it as well", () => {
    const runs = new StagedRuns();
    runs.addHead(4);
    runs.addRecord(4);
    runs.addRecord(6);
    runs.addHead(6);
    runs.addRecord(6);
    expect(flushed(runs)).toEqual(["run 4+1", "run 6+1"]);
  });

  test.each([
    [0, 2, ["run 1+2", "run 5+1", "run 8+1"]],
    [1, 2, ["run 1+2", "run 5+1", "run 8+1"]],
    [2, 6, ["run 1+1", "run 5+2", "run 8+1"]],
    [3, 7, ["run 1+1", "run 5+1", "run 7+2"]],
    [3, 9, ["run 1+1", "run 5+1", "run 8+2"]],
  ])("keeps everything if call %d fails, and record %d comes", (failing, record, expected) => {
    const runs = new StagedRuns();
    for (const record of [8, 1, 5]) runs.addRecord(record);
    runs.addHead(3);
    let calls = 0;
    const call = () => {
      if (calls++ === failing) throw new Error("disk");
    };
    expect(() => runs.flush(call, call)).toThrow("disk");
    expect(runs.empty).toBe(false);
    runs.addRecord(record);
    expect(flushed(runs)).toEqual(["head 3", ...expected]);
  });

  test("neighbours without end are one run", () => {
    const runs = new StagedRuns();
    const count = 2 ** 22 + 5;
    for (let record = 9; record < 9 + count; record++) runs.addRecord(record);
    expect(flushed(runs)).toEqual([`run 9+${count}`]);
  });

  test("runs that overlap are one", () => {
    const runs = new StagedRuns();
    for (const record of [4, 5, 6, 7, 5, 6, 20, 7, 8, 9, 1]) runs.addRecord(record);
    expect(flushed(runs)).toEqual(["run 1+1", "run 4+6", "run 20+1"]);
  });

  test("clear forgets all, the order too", () => {
    const runs = new StagedRuns();
    for (const record of [3, 1]) runs.addRecord(record);
    runs.addHead(0);
    runs.clear();
    expect(runs.empty).toBe(true);
    for (const record of [1, 2]) runs.addRecord(record);
    expect(flushed(runs)).toEqual(["run 1+2"]);
  });

  test("covers exactly what was added, for any batch", () => {
    const records = fc.array(fc.nat(3000), { maxLength: 1500, size: "max" });
    fc.assert(
      fc.property(records, records, (whole, heads) => {
        const runs = new StagedRuns();
        for (const record of whole) runs.addRecord(record);
        for (const head of heads) runs.addHead(head);
        const covered: number[] = [];
        const written: number[] = [];
        let starts = 0;
        runs.flush((record) => written.push(record), (first, count) => {
          starts++;
          for (let i = 0; i < count; i++) covered.push(first + i);
        });
        const expected = [...new Set(whole)].sort((a, b) => a - b);
        expect(covered).toEqual(expected);
        expect(starts).toBe(expected.filter((record, i) => record - 1 !== expected[i - 1]).length);
        expect(written).toEqual([...new Set(heads)]);
      }),
      { numRuns: 50, seed: 1 },
    );
  });
});
