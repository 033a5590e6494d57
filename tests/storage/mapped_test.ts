import { afterEach, describe, expect, test } from "bun:test";
import { errorWithCode } from "../../src/error_code.ts";
import { DamagedDirectoryError } from "../../src/errors.ts";
import { detectRuntime } from "../../src/runtime/mod.ts";
import type { Files } from "../../src/runtime/runtime.ts";
import { MappedFile, WINDOW_BYTES } from "../../src/storage/mapped.ts";
import { describeSlotFile, recordOf, stageRecord } from "../contract/slot_file_contract.ts";
import { MemoryFiles } from "../fakes/memory_files.ts";
import "../harness/load_maps.ts";
import { describeSyncs, HEADER, openFake } from "./slot_file_cases.ts";

describeSlotFile("mapped");
describeSyncs("mapped");

const { files } = detectRuntime();

describe("mapped windows", () => {
  const BYTES = 16;
  const RECORDS = WINDOW_BYTES / BYTES;
  const opened = new Set<MappedFile>();
  const closing: (() => void)[] = [];
  afterEach(() => {
    for (const file of opened) file.close();
    opened.clear();
    for (const close of closing.splice(0)) close();
  });

  /** A file of holes, which takes no room but for what is written. */
  function openHoles(
    recordCount: number,
    options: { readOnly?: boolean; replaced?: Partial<Files> } = {},
  ) {
    const directory = files.makeTemporaryDirectory("slotcask-mapped-");
    const path = `${directory}/file`;
    const disk = files.open(path, "create");
    files.truncate(disk, HEADER + recordCount * BYTES);
    const file = new MappedFile({
      files: { ...files, allocate() {}, ...options.replaced },
      path,
      readOnly: options.readOnly,
      headerBytes: HEADER,
      recordBytes: BYTES,
      recordCount,
    });
    opened.add(file);
    closing.push(() => {
      files.close(disk);
      files.remove(directory);
    });
    return { file, disk };
  }

  function onDisk(disk: number, record: number, length = BYTES): number[] {
    const bytes = new Uint8Array(length);
    files.read(disk, bytes, 0, length, HEADER + record * BYTES);
    return [...bytes];
  }

  const filled = (byte: number) => new Uint8Array(BYTES).fill(byte);

  test("reach beyond 4 GiB, and are what is written to the file meanwhile", () => {
    const { file, disk } = openHoles(5 * RECORDS, { readOnly: true });
    for (const record of [0, RECORDS - 1, RECORDS, 4 * RECORDS - 1, 4 * RECORDS, 5 * RECORDS - 1]) {
      expect(recordOf(file, record)).toEqual(filled(0));
      files.write(disk, filled(record % 251), 0, BYTES, HEADER + record * BYTES);
      expect(recordOf(file, record)).toEqual(filled(record % 251));
    }
  });

  test("a run over a window's border, a head behind it", () => {
    const { file, disk } = openHoles(RECORDS + 10);
    for (let i = -20; i < 5; i++) stageRecord(file, RECORDS + i, filled(100 + i));
    file.stageHead(RECORDS + 6, 0x0403_0201);
    expect(onDisk(disk, RECORDS - 1)[0]).toBe(0);
    file.flush();
    const heads = Array.from({ length: 26 }, (_, i) => onDisk(disk, RECORDS - 20 + i)[BYTES - 1]);
    expect(heads).toEqual([...Array.from({ length: 25 }, (_, i) => 80 + i), 0]);
    expect(onDisk(disk, RECORDS + 6, 5)).toEqual([1, 2, 3, 4, 0]);
    expect(recordOf(file, RECORDS + 4)).toEqual(filled(104));
  });

  test("8 KiB of neighbours are one write, fewer are none: both are in the file, and in the mapping", () => {
    const written: [number, number][] = [];
    const write: Files["write"] = (disk, bytes, at, length, position) => {
      written.push([position, length]);
      files.write(disk, bytes, at, length, position);
    };
    const { file, disk } = openHoles(10_000, { replaced: { write } });
    for (let record = 100; record < 612; record++) stageRecord(file, record, filled(record % 251));
    for (let record = 1000; record < 1511; record++) stageRecord(file, record, filled(record % 251));
    file.flush();
    expect(written).toEqual([[HEADER + 100 * BYTES, 8192]]);
    for (const record of [100, 611, 1000, 1510]) {
      expect(onDisk(disk, record)).toEqual([...filled(record % 251)]);
      expect(recordOf(file, record)).toEqual(filled(record % 251));
    }
    expect(recordOf(file, 612)).toEqual(filled(0));
  });

  test("a run that the disk refuses stays staged", () => {
    let isFull = true;
    const write: Files["write"] = (...args) => {
      if (isFull) throw errorWithCode("no space left", "ENOSPC");
      files.write(...args);
    };
    const { file, disk } = openHoles(1000, { replaced: { write } });
    for (let record = 0; record < 600; record++) stageRecord(file, record, filled(9));
    expect(() => file.flush()).toThrow("no space left");
    expect([file.hasStaged, onDisk(disk, 5)[0]]).toEqual([true, 0]);
    expect(recordOf(file, 5)).toEqual(filled(9));
    isFull = false;
    file.flush();
    expect([file.hasStaged, onDisk(disk, 599)[0]]).toEqual([false, 9]);
  });

  test("records that were staged in any order come to their places", () => {
    const { file, disk } = openHoles(100_000);
    const staged = Array.from({ length: 10_000 }, (_, i) => i * 7919 % 100_000);
    for (const record of staged) stageRecord(file, record, filled(record % 250 + 1));
    expect(recordOf(file, staged[5000])).toEqual(filled(staged[5000] % 250 + 1));
    file.flush();
    const wrong = staged.filter((record) => onDisk(disk, record)[3] !== record % 250 + 1);
    expect(wrong).toEqual([]);
  });

  test("no record behind the last one can be touched, and none once it is closed", () => {
    const { file } = openHoles(10);
    expect(() => file.at(10)).toThrow("Cannot reach record 10 of");
    expect(() => file.stage(10)).toThrow(RangeError);
    expect(() => file.stageHead(10, 1)).toThrow(RangeError);
    stageRecord(file, 3, filled(3));
    const { window } = file;
    file.close();
    opened.delete(file);
    expect(() => file.at(0)).toThrow(RangeError);
    expect(() => file.flush()).toThrow("is not open for writing");
    expect([window.length > 0, file.window.length]).toEqual([true, 0]);
  });

  test("load says what comes: what it was asked for, and more where that is more than it takes", () => {
    const asked: [number, number][] = [];
    const readAhead = (_: number, position: number, length: number) => void asked.push([position, length]);
    const { file } = openHoles(100_000, { replaced: { readAhead } });
    expect([file.load(5, 10), file.load(5, 50_000), file.load(99_990, 50)]).toEqual([10, 16_384, 10]);
    expect(asked).toEqual([
      [HEADER + 5 * BYTES, 10 * BYTES],
      [HEADER + 5 * BYTES, (256 << 10) + (1 << 20)],
      [HEADER + 99_990 * BYTES, 10 * BYTES + (1 << 20)],
    ]);
  });

  test("what is only read may be changed by others, so that nothing stays checked", () => {
    expect(openHoles(1).file.inMemory).toBe(false);
    expect(openHoles(1, { readOnly: true }).file.inMemory).toBe(false);
  });

  test("a file that is shorter than its records is refused, and closed again", () => {
    const disk = new MemoryFiles();
    disk.bytes = new Uint8Array(HEADER + 15);
    const options = { files: disk.files, path: "file", headerBytes: HEADER, recordBytes: 16, recordCount: 1 };
    expect(() => new MappedFile(options)).toThrow(DamagedDirectoryError);
    expect(() => new MappedFile(options)).toThrow(
      "Cannot map file: it has 4111 bytes, 1 records end at 4112",
    );
    expect(disk.openCount).toBe(0);
  });
});

describe("mapped stores", () => {
  const BYTES = 512;

  /** A file whose mapping ends, for the test, before its records: a store there throws. */
  function openCut(records: number) {
    const { disk } = openFake("mapped", 10, BYTES);
    disk.map = () => new Uint8Array(disk.bytes.buffer, HEADER, records * BYTES);
    const file = new MappedFile({
      files: disk.files,
      path: "file",
      headerBytes: HEADER,
      recordBytes: BYTES,
      recordCount: 10,
    });
    return { disk, file };
  }

  test("heads go before whole records; after a failure all of it stays staged", () => {
    const { disk, file } = openCut(6);
    stageRecord(file, 2, new Uint8Array(BYTES).fill(2));
    stageRecord(file, 8, new Uint8Array(BYTES).fill(8));
    stageRecord(file, 1, new Uint8Array(BYTES).fill(1));
    file.stageHead(5, 0x0505_0505);
    file.stageHead(8, 7);
    file.stageHead(8, 0);
    expect(() => file.flush()).toThrow(RangeError);
    const heads = Array.from({ length: 10 }, (_, record) => disk.bytes[HEADER + record * BYTES]);
    expect(heads).toEqual([0, 1, 2, 0, 0, 5, 0, 0, 0, 0]);
    expect(file.unsynced).toBe(true);
    expect(recordOf(file, 8)).toEqual(new Uint8Array(BYTES).fill(8).fill(0, 0, 4));
  });

  test("where no record can be stored, the heads were", () => {
    const { disk, file } = openCut(6);
    stageRecord(file, 8, new Uint8Array(BYTES).fill(8));
    file.stageHead(5, 0x0505_0505);
    expect(() => file.flush()).toThrow(RangeError);
    expect([...disk.bytes.slice(HEADER + 5 * BYTES, HEADER + 5 * BYTES + 5)]).toEqual([5, 5, 5, 5, 0]);
  });
});

describe("mapped blocks", () => {
  test("are allocated at open, for what there is, and in extend, for what comes", () => {
    const asked: [number, number][] = [];
    const disk = new MemoryFiles();
    disk.bytes = new Uint8Array(HEADER + 100);
    const allocate = disk.allocate.bind(disk);
    disk.allocate = (file, position, length) => {
      asked.push([position, length]);
      allocate(file, position, length);
    };
    const options = { path: "file", headerBytes: HEADER, recordBytes: 16, recordCount: 3 };
    const file = new MappedFile({ ...options, files: disk.files });
    expect(file.unsynced).toBe(false);
    file.extend(100);
    expect([file.unsynced, disk.bytes.length]).toEqual([true, HEADER + 1600]);
    new MappedFile({ ...options, files: disk.files, readOnly: true });
    expect(asked).toEqual([[0, HEADER + 48], [HEADER + 48, 97 * 16]]);
  });

  test("that there are not leave the file as long as it was, and all of it in use", () => {
    const { disk, file } = openFake("mapped", 4);
    disk.allocate = (_, position) => {
      disk.truncate(3, position + 100);
      throw errorWithCode("no space left", "ENOSPC");
    };
    stageRecord(file, 3, new Uint8Array(16).fill(9));
    expect(() => file.extend(5)).toThrow("no space left");
    expect([file.recordCount, disk.bytes.length]).toEqual([4, HEADER + 64]);
    expect(() => file.at(4)).toThrow(RangeError);
    file.flush();
    expect([...disk.bytes.slice(-16)]).toEqual(Array(16).fill(9));
  });
});
