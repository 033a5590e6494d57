import { describe, expect, test } from "bun:test";
import { WINDOW_BYTES } from "../../src/storage/resident.ts";
import { describeSlotFile, recordOf, stageRecord } from "../contract/slot_file_contract.ts";
import { describeDiskCalls, HEADER, openFake } from "./slot_file_cases.ts";

describeSlotFile("resident");
describeDiskCalls("resident");

/** Records of 16 bytes in the smallest window. */
const RECORDS = 32_768;

describe("resident windows", () => {
  test("reads cost no I/O once loaded", () => {
    const { disk, file } = openFake("resident", 100);
    disk.bytes.fill(7, HEADER);
    expect(file.load(0, 100)).toBe(100);
    const { reads } = disk;
    for (let i = 0; i < 100; i++) expect(recordOf(file, i)[0]).toBe(7);
    expect(disk.reads).toBe(reads);
  });

  test("growth adds windows and never moves one", () => {
    const { file } = openFake("resident", 0);
    expect(file.window.length).toBe(0);
    file.extend(10);
    file.at(0);
    const first = file.window;
    expect(first.length).toBe(RECORDS * 16);
    file.extend(3 * RECORDS + 1);
    expect(file.at(0)).toBe(0);
    expect(file.window).toBe(first);
    expect(file.at(RECORDS - 1)).toBe((RECORDS - 1) * 16);
    expect(file.window).toBe(first);
    expect(file.at(RECORDS)).toBe(0);
    expect(file.window).not.toBe(first);
    expect(file.window.length).toBe(RECORDS * 16);
    file.at(3 * RECORDS);
    const last = file.window;
    file.extend(4 * RECORDS);
    file.at(4 * RECORDS - 1);
    expect(file.window).toBe(last);
  });

  test.each([[16, RECORDS + 1, 2 * RECORDS], [16, 1_000_000, 1 << 20], [65_528, 10, 1024], [
    65_535,
    3000,
    1024,
  ], [
    24,
    1,
    32_768,
  ]])(
    "records of %d bytes, %d of them: windows of %d whole records, at most 64 MiB",
    (recordBytes, recordCount, records) => {
      const { file } = openFake("resident", 0, recordBytes);
      file.close();
      const opened = openFakeOf(recordBytes, recordCount);
      expect(opened.window.length).toBe(records * recordBytes);
      expect(opened.window.length).toBeLessThanOrEqual(WINDOW_BYTES);
    },
  );

  /** Opens a file that claims so many records; none of them is read. */
  function openFakeOf(recordBytes: number, recordCount: number) {
    const { file } = openFake("resident", recordCount, recordBytes);
    return file;
  }

  test("the first growth of an empty file chooses its windows", () => {
    const { file } = openFake("resident", 0);
    file.extend(1_000_000);
    file.at(999_999);
    expect(file.window.length).toBe(2 ** 20 * 16);
  });

  test("reserve fetches one window a call, and extend has no more to fetch", () => {
    const { file } = openFake("resident", 0);
    file.extend(RECORDS);
    expect([1, 2, 3].map(() => file.reserve(4 * RECORDS))).toEqual([false, false, true]);
    expect([file.recordCount, file.unsynced, file.reserve(10)]).toEqual([RECORDS, true, true]);
    file.extend(4 * RECORDS);
    expect(file.at(4 * RECORDS - 1)).toBe((RECORDS - 1) * 16);
  });

  /** A file whose windows are of {@link RECORDS}, and that is grown by more of them. */
  function openWindows(records: number) {
    const opened = openFake("resident", 0);
    opened.file.extend(RECORDS);
    opened.file.extend(records);
    return opened;
  }

  test("a run over a window's border is one write on each side", () => {
    const { disk, file } = openWindows(2 * RECORDS);
    for (let i = RECORDS - 2; i < RECORDS + 3; i++) stageRecord(file, i, new Uint8Array(16).fill(i));
    expect(file.window.length).toBe(RECORDS * 16);
    file.flush();
    expect(disk.writes).toEqual([
      { position: HEADER + (RECORDS - 2) * 16, length: 32 },
      { position: HEADER + RECORDS * 16, length: 48 },
    ]);
    const written = disk.bytes.subarray(HEADER + (RECORDS - 2) * 16, HEADER + (RECORDS + 3) * 16);
    expect(Array.from(written).filter((_, i) => i % 16 === 0)).toEqual([254, 255, 0, 1, 2]);
  });

  test("a head on the other side of a border reaches its own window", () => {
    const { disk, file } = openWindows(2 * RECORDS);
    file.stageHead(RECORDS, 0xdead_beef);
    expect(recordOf(file, RECORDS).slice(0, 4)).toEqual(Uint8Array.of(0xef, 0xbe, 0xad, 0xde));
    expect(recordOf(file, 0).slice(0, 4)).toEqual(new Uint8Array(4));
    file.flush();
    expect(disk.writes).toEqual([{ position: HEADER + RECORDS * 16, length: 4 }]);
  });

  test("load stops at a window's border", () => {
    const { disk, file } = openWindows(2 * RECORDS);
    disk.bytes.fill(5, HEADER);
    expect(file.load(RECORDS - 96, 4000)).toBe(96);
    expect(recordOf(file, RECORDS - 1)[15]).toBe(5);
    expect(recordOf(file, RECORDS)[0]).toBe(0);
  });
});
