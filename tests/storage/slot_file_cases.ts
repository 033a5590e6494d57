/** What slot files do with the calls to the disk: counted, held back and failed by a fake. */

import { describe, expect, test } from "bun:test";
import { openSlotFile } from "../../src/storage/open_slot_file.ts";
import type { SlotFile, StorageKind } from "../../src/storage/slot_file.ts";
import { recordOf, stageRecord } from "../contract/slot_file_contract.ts";
import { MemoryFiles } from "../fakes/memory_files.ts";

/** Bytes before the first record. */
export const HEADER = 4096;
const RECORD = 16;

/** A file of the kind over a fake disk. */
export function openFake(
  kind: StorageKind,
  recordCount: number,
  recordBytes = RECORD,
): { disk: MemoryFiles; file: SlotFile } {
  const disk = new MemoryFiles();
  disk.bytes = new Uint8Array(HEADER + recordCount * recordBytes);
  const file = openSlotFile(kind, {
    files: disk.files,
    path: "file",
    headerBytes: HEADER,
    recordBytes,
    recordCount,
  });
  return { disk, file };
}

function filled(byte: number): Uint8Array {
  return new Uint8Array(RECORD).fill(byte);
}

/** A promise and the way to resolve it. */
function gate(): { closed: Promise<void>; open: () => void } {
  let open = () => {};
  const closed = new Promise<void>((resolve) => open = resolve);
  return { closed, open };
}

/** Describes one kind that writes by calls. */
export function describeDiskCalls(kind: StorageKind): void {
  describeWrites(kind);
  describeSyncs(kind);
}

function describeWrites(kind: StorageKind): void {
  describe(`${kind}: calls to the disk`, () => {
    test("256 neighbours that were staged in order are one write", () => {
      const { disk, file } = openFake(kind, 1000);
      for (let i = 100; i < 356; i++) stageRecord(file, i, filled(i));
      expect(disk.writes).toEqual([]);
      file.flush();
      expect(disk.writes).toEqual([{ position: HEADER + 100 * RECORD, length: 256 * RECORD }]);
    });

    test("what may wait gathers until a write is large; heads, which are written one by one, do not wait", () => {
      const { file } = openFake(kind, 100_000);
      const records = 4096;
      for (let i = 0; i < records - 1; i++) stageRecord(file, i, filled(1));
      expect(file.gathers).toBe(true);
      stageRecord(file, records - 1, filled(1));
      expect(file.gathers).toBe(false);
      file.flush();
      expect(file.gathers).toBe(true);
      file.stageHead(3, 7);
      expect(file.gathers).toBe(false);
    });

    test("heads go before whole records", () => {
      const { disk, file } = openFake(kind, 100);
      stageRecord(file, 1, filled(1));
      file.stageHead(50, 7);
      stageRecord(file, 2, filled(2));
      file.flush();
      expect(disk.writes).toEqual([
        { position: HEADER + 50 * RECORD, length: 4 },
        { position: HEADER + RECORD, length: 2 * RECORD },
      ]);
    });

    test("so does the head of a record that was staged whole before it, with its last word", () => {
      const { disk, file } = openFake(kind, 100);
      stageRecord(file, 9, filled(1));
      file.stageHead(9, 0x0505_0505);
      stageRecord(file, 3, filled(2));
      disk.failingWrite = 1;
      expect(() => file.flush()).toThrow("no space left");
      expect(disk.writes[0]).toEqual({ position: HEADER + 9 * RECORD, length: 4 });
      const slot = HEADER + 9 * RECORD;
      expect([...disk.bytes.slice(slot, slot + 5)]).toEqual([5, 5, 5, 5, 0]);
      disk.failingWrite = Infinity;
      file.flush();
      expect([...disk.bytes.slice(slot, slot + 5)]).toEqual([5, 5, 5, 5, 1]);
      expect(disk.bytes[HEADER + 3 * RECORD]).toBe(2);
    });

    test("a head that a whole record followed is not written: the slot would be torn until that is", () => {
      const { disk, file } = openFake(kind, 100);
      file.stageHead(9, 5);
      stageRecord(file, 9, filled(1));
      file.stageHead(8, 5);
      file.flush();
      expect(disk.writes).toEqual([
        { position: HEADER + 8 * RECORD, length: 4 },
        { position: HEADER + 9 * RECORD, length: RECORD },
      ]);
    });

    test.each([0, 1, 2])("a flush whose write %d fails keeps all; the next one writes all", (failing) => {
      const { disk, file } = openFake(kind, 100);
      stageRecord(file, 3, filled(3));
      stageRecord(file, 60, filled(60));
      file.stageHead(9, 0x0909_0909);
      disk.failingWrite = failing;
      expect(() => file.flush()).toThrow("no space left");
      expect(file.unsynced).toBe(true);
      expect(recordOf(file, 3)).toEqual(filled(3));
      expect(recordOf(file, 60)).toEqual(filled(60));
      stageRecord(file, 4, filled(4));
      disk.failingWrite = Infinity;
      file.flush();
      const body = disk.bytes.subarray(HEADER);
      expect(body.slice(3 * RECORD, 5 * RECORD)).toEqual(Uint8Array.of(...filled(3), ...filled(4)));
      expect(body.slice(60 * RECORD, 61 * RECORD)).toEqual(filled(60));
      expect(body.slice(9 * RECORD, 9 * RECORD + 5)).toEqual(Uint8Array.of(9, 9, 9, 9, 0));
      disk.writes = [];
      file.flush();
      expect(disk.writes).toEqual([]);
    });

    test("a failed write leaves the file unsynced although nothing was staged", () => {
      const { disk, file } = openFake(kind, 1);
      disk.failingWrite = 0;
      expect(() => file.writeHeader(0, filled(1))).toThrow("no space left");
      expect(file.unsynced).toBe(true);
    });
  });
}

/** Describes what any kind does. */
export function describeSyncs(kind: StorageKind): void {
  describe(`${kind}: syncs`, () => {
    test("a sync with nothing to make durable asks nothing of the disk", async () => {
      const { disk, file } = openFake(kind, 1);
      await file.sync();
      file.syncNow();
      expect(disk.syncs).toBe(0);
    });

    test("a write during a sync stays unsynced", async () => {
      const { disk, file } = openFake(kind, 10);
      const { closed, open } = gate();
      file.writeHeader(0, filled(1));
      disk.held = closed;
      const syncing = file.sync();
      file.writeHeader(0, filled(2));
      open();
      await syncing;
      expect(file.unsynced).toBe(true);
      await file.sync();
      expect([file.unsynced, disk.syncs]).toEqual([false, 2]);
    });

    test("a sync that is asked for during another covers what came before it, in one more call", async () => {
      const { disk, file } = openFake(kind, 10);
      const { closed, open } = gate();
      file.writeHeader(0, filled(1));
      disk.held = closed;
      const first = file.sync();
      file.writeHeader(0, filled(2));
      const later = [file.sync(), file.sync(), file.sync()];
      open();
      await first;
      expect(file.unsynced).toBe(true);
      await Promise.all(later);
      expect([file.unsynced, disk.syncs]).toEqual([false, 2]);
    });

    test("a failed sync leaves the file unsynced, and those that wait try again themselves", async () => {
      const { disk, file } = openFake(kind, 10);
      file.writeHeader(0, filled(1));
      disk.failsSync = true;
      const results = await Promise.allSettled([file.sync(), file.sync()]);
      expect(results.map((result) => result.status)).toEqual(["rejected", "rejected"]);
      expect([file.unsynced, disk.syncs]).toEqual([true, 2]);
      expect(() => file.syncNow()).toThrow("input/output error");
      expect(file.unsynced).toBe(true);
      disk.failsSync = false;
      await file.sync();
      expect(file.unsynced).toBe(false);
    });

    test("close closes the file and writes nothing", () => {
      const { disk, file } = openFake(kind, 10);
      stageRecord(file, 1, filled(1));
      file.close();
      expect([disk.openCount, disk.writes.length]).toEqual([0, 0]);
    });
  });
}
