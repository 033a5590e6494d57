/**
 * What every kind of slot file must do, on real files. A new kind is one more file that calls
 * {@link describeSlotFile}, beside resident_test.ts and positional_test.ts.
 */

import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import fc from "fast-check";
import { errorWithCode } from "../../src/error_code.ts";
import { detectRuntime } from "../../src/runtime/mod.ts";
import { openSlotFile } from "../../src/storage/open_slot_file.ts";
import type { SlotFile, StorageKind } from "../../src/storage/slot_file.ts";
import { nextTurn } from "../../src/time_slice.ts";

const { files } = detectRuntime();
const HEADER = 64;

/** A record of one byte value. */
function filled(length: number, byte: number): Uint8Array {
  return new Uint8Array(length).fill(byte);
}

/** A copy of a record as the file serves it. */
export function recordOf(file: SlotFile, record: number): Uint8Array {
  const offset = file.at(record);
  return file.window.slice(offset, offset + file.recordBytes);
}

/** Stages a whole record. */
export function stageRecord(file: SlotFile, record: number, bytes: Uint8Array): void {
  const offset = file.stage(record);
  file.window.set(bytes, offset);
}

/** Describes the contract for one kind. */
export function describeSlotFile(kind: StorageKind): void {
  describe(`${kind} slot file`, () => {
    let directory: string;
    let path: string;
    let opened: SlotFile[];

    beforeEach(() => {
      directory = files.makeTemporaryDirectory("slotcask-slots-");
      path = `${directory}/file`;
      opened = [];
    });
    afterEach(() => {
      for (const file of opened) file.close();
      files.remove(directory);
    });

    /** Makes the file of so many records, each filled with its number + 1, and opens it. */
    function make(recordBytes: number, recordCount: number): SlotFile {
      const bytes = new Uint8Array(HEADER + recordBytes * recordCount);
      bytes.fill(0xee, 0, HEADER);
      for (let i = 0; i < recordCount; i++) {
        bytes.fill(i + 1, HEADER + i * recordBytes, HEADER + (i + 1) * recordBytes);
      }
      files.remove(path);
      const file = files.open(path, "create");
      files.write(file, bytes, 0, bytes.length, 0);
      files.close(file);
      return open(recordBytes, recordCount);
    }

    function open(recordBytes: number, recordCount: number, readOnly = false): SlotFile {
      const file = openSlotFile(kind, {
        files,
        path,
        readOnly,
        headerBytes: HEADER,
        recordBytes,
        recordCount,
      });
      opened.push(file);
      return file;
    }

    function loadAll(file: SlotFile): void {
      for (let first = 0; first < file.recordCount;) {
        const loaded = file.load(first, file.recordCount - first);
        expect(loaded).toBeGreaterThan(0);
        expect(loaded).toBeLessThanOrEqual(file.loadLimit);
        first += loaded;
      }
    }

    /** The bytes behind the header, as they are on disk. */
    function body(): Uint8Array {
      return files.readFile(path)!.slice(HEADER);
    }

    test("says what it is", () => {
      const file = make(24, 5);
      expect([file.kind, file.recordBytes, file.recordCount, file.unsynced]).toEqual([kind, 24, 5, false]);
    });

    test("a missing file is the runtime's error", () => {
      expect(() => open(16, 0)).toThrow("ENOENT");
    });

    test.each([[16, 1], [16, 100], [24, 9000], [40, 4096], [65_528, 7], [65_535, 6]])(
      "records of %d bytes, %d of them: loads and serves each",
      (recordBytes, recordCount) => {
        const file = make(recordBytes, recordCount);
        loadAll(file);
        const wrong = [];
        for (let i = 0; i < recordCount; i++) {
          const offset = file.at(i);
          const expected = (i + 1) & 0xff;
          if (file.window[offset] !== expected || file.window[offset + recordBytes - 1] !== expected) {
            wrong.push(i);
          }
        }
        expect(wrong).toEqual([]);
      },
    );

    test("load takes no more than was asked for, nor than there is", () => {
      const file = make(16, 10);
      expect(file.load(2, 3)).toBe(3);
      expect(recordOf(file, 4)).toEqual(filled(16, 5));
      expect(file.load(8, 100)).toBe(2);
      expect(recordOf(file, 9)).toEqual(filled(16, 10));
    });

    test("a staged record is served at once and reaches the file in flush", () => {
      const file = make(16, 4);
      loadAll(file);
      stageRecord(file, 2, filled(16, 0xaa));
      expect(file.unsynced).toBe(true);
      expect(recordOf(file, 2)).toEqual(filled(16, 0xaa));
      expect(body().slice(32, 48)).toEqual(filled(16, 3));
      file.flush();
      expect(body().slice(32, 48)).toEqual(filled(16, 0xaa));
      expect(recordOf(file, 2)).toEqual(filled(16, 0xaa));
      expect(recordOf(file, 1)).toEqual(filled(16, 2));
      expect(recordOf(file, 3)).toEqual(filled(16, 4));
    });

    test("a staged head writes its 4 bytes, little-endian, and nothing else", () => {
      const file = make(16, 3);
      loadAll(file);
      file.stageHead(1, 0x8765_4321);
      expect(file.unsynced).toBe(true);
      file.flush();
      const expected = filled(16, 2);
      expected.set([0x21, 0x43, 0x65, 0x87]);
      expect(body()).toEqual(Uint8Array.of(...filled(16, 1), ...expected, ...filled(16, 3)));
      expect(recordOf(file, 1)).toEqual(expected);
    });

    test("of a record that was staged whole and by its head, the later wins", () => {
      const file = make(16, 2);
      loadAll(file);
      stageRecord(file, 0, filled(16, 0xaa));
      file.stageHead(0, 0x0102_0304);
      file.stageHead(1, 0x0102_0304);
      stageRecord(file, 1, filled(16, 0xbb));
      const first = filled(16, 0xaa);
      first.set([4, 3, 2, 1]);
      expect(recordOf(file, 0)).toEqual(first);
      expect(recordOf(file, 1)).toEqual(filled(16, 0xbb));
      file.flush();
      expect(body()).toEqual(Uint8Array.of(...first, ...filled(16, 0xbb)));
    });

    test("a record that is staged twice has its later bytes", () => {
      const file = make(16, 3);
      loadAll(file);
      stageRecord(file, 2, filled(16, 0xaa));
      stageRecord(file, 0, filled(16, 0xab));
      stageRecord(file, 2, filled(16, 0xac));
      file.flush();
      expect(body()).toEqual(Uint8Array.of(...filled(16, 0xab), ...filled(16, 2), ...filled(16, 0xac)));
    });

    test("flush with nothing staged does nothing", () => {
      const file = make(16, 3);
      file.flush();
      expect(file.unsynced).toBe(false);
    });

    test("grows by zeros, keeps what is there, and never shrinks", () => {
      const file = make(16, 3);
      loadAll(file);
      file.extend(6000);
      expect(file.recordCount).toBe(6000);
      expect(file.unsynced).toBe(true);
      expect(files.readFile(path)!.length).toBe(HEADER + 6000 * 16);
      expect(recordOf(file, 2)).toEqual(filled(16, 3));
      expect(recordOf(file, 5999)).toEqual(filled(16, 0));
      stageRecord(file, 5999, filled(16, 0xaa));
      file.flush();
      expect(body().slice(-16)).toEqual(filled(16, 0xaa));
      file.extend(10);
      expect(file.recordCount).toBe(6000);
    });

    test("grows while records are staged", () => {
      const file = make(16, 1);
      loadAll(file);
      stageRecord(file, 0, filled(16, 0xaa));
      file.extend(9000);
      stageRecord(file, 8999, filled(16, 0xbb));
      expect(recordOf(file, 0)).toEqual(filled(16, 0xaa));
      file.flush();
      expect(body().slice(0, 16)).toEqual(filled(16, 0xaa));
      expect(body().slice(-16)).toEqual(filled(16, 0xbb));
    });

    test("takes up a file that is longer than its records", () => {
      make(16, 8).close();
      opened.pop();
      const file = open(16, 2);
      loadAll(file);
      file.extend(3);
      expect(file.recordCount).toBe(3);
      expect(files.readFile(path)!.length).toBe(HEADER + 8 * 16);
      file.load(2, 1);
      expect(recordOf(file, 2)).toEqual(filled(16, 3));
    });

    test("writes into the header at once", () => {
      const file = make(16, 1);
      file.writeHeader(17, Uint8Array.of(1, 2));
      expect(file.unsynced).toBe(true);
      const header = filled(HEADER, 0xee);
      header.set([1, 2], 17);
      expect(files.readFile(path)!.slice(0, HEADER)).toEqual(header);
    });

    test("sync covers what was flushed, and nothing that is only staged", async () => {
      const file = make(16, 2);
      stageRecord(file, 0, filled(16, 1));
      await file.sync();
      expect(file.unsynced).toBe(true);
      file.flush();
      expect(file.unsynced).toBe(true);
      await file.sync();
      expect(file.unsynced).toBe(false);
      file.stageHead(1, 5);
      file.flush();
      file.syncNow();
      expect(file.unsynced).toBe(false);
    });

    /** The file's syncs fail as often as `failures` says, and then the system forgets what was not on disk. */
    function makeForgetful(recordBytes: number, recordCount: number) {
      make(recordBytes, recordCount).close();
      opened.pop();
      const state = { failures: 0, lost: [] as string[] };
      const onDisk = files.readFile(path)!;
      const forget = () => {
        const again = files.open(path, "write");
        files.write(again, onDisk, 0, onDisk.length, 0);
        files.close(again);
      };
      const failing = () => {
        if (state.failures-- <= 0) return;
        forget();
        throw errorWithCode("fdatasync", "EIO");
      };
      const file = openSlotFile(kind, {
        files: {
          ...files,
          sync: async (descriptor) => (await nextTurn(), failing(), await files.sync(descriptor)),
          syncNow: (descriptor) => (failing(), files.syncNow(descriptor)),
        },
        ...{ path, headerBytes: HEADER, recordBytes, recordCount },
      });
      file.onLost = (first, count) => {
        state.lost.push(`${first} to ${first + count}`);
        return Promise.resolve();
      };
      opened.push(file);
      loadAll(file);
      return { file, state };
    }

    test.each([["sync", 1], ["sync", 3], ["syncNow", 2]] as const)(
      "what a failed %s may have lost is written again, or told: %d failures",
      async (call, failures) => {
        const { file, state } = makeForgetful(32, 1000);
        file.writeHeader(8, filled(4, 0x77));
        stageRecord(file, 3, filled(32, 0xaa));
        stageRecord(file, 700, filled(32, 0xbb));
        file.stageHead(900, 0x01020304);
        file.flush();
        state.failures = failures;
        for (let i = 0; i < failures; i++) {
          const failed = await (async () => await file[call]())().then(() => undefined, (error) => error);
          expect(failed).toMatchObject({ code: "EIO" });
          expect(file.unsynced).toBe(true);
        }
        await file[call]();
        expect(file.unsynced).toBe(false);
        const header = files.readFile(path)!.slice(0, HEADER);
        expect(header.slice(8, 12)).toEqual(filled(4, 0x77));
        expect(header[7]).toBe(0xee);
        if (file.inMemory) {
          expect(state.lost).toEqual([]);
          expect(body().slice(3 * 32, 4 * 32)).toEqual(filled(32, 0xaa));
          expect(body().slice(700 * 32, 701 * 32)).toEqual(filled(32, 0xbb));
          expect([...body().slice(900 * 32, 900 * 32 + 5)]).toEqual([4, 3, 2, 1, (900 + 1) & 0xff]);
        } else {
          // Pages of 4,096 bytes. The first holds the header too, which each retry writes again.
          expect([...new Set(state.lost)]).toEqual(["0 to 126", "638 to 766", "894 to 1000"]);
        }
      },
    );

    test("what a sync has lost is not forgotten for a syncNow that succeeded beside it", async () => {
      const { file, state } = makeForgetful(32, 1000);
      stageRecord(file, 3, filled(32, 0xaa));
      file.flush();
      const syncing = file.sync().then(() => undefined, (error) => error);
      stageRecord(file, 700, filled(32, 0xbb));
      file.flush();
      file.syncNow();
      // Held until here by `makeForgetful`: the system tells only one of two who ask.
      state.failures = 1;
      expect(await syncing).toMatchObject({ code: "EIO" });
      expect(file.unsynced).toBe(true);
      await file.sync();
      if (file.inMemory) {
        expect(body().slice(3 * 32, 4 * 32)).toEqual(filled(32, 0xaa));
        expect(body().slice(700 * 32, 701 * 32)).toEqual(filled(32, 0xbb));
      } else expect(state.lost).toEqual(["0 to 126", "638 to 766"]);
    });

    test("a sync that waits behind one that failed makes good what is in memory, and else fails as well", async () => {
      const { file, state } = makeForgetful(32, 1000);
      stageRecord(file, 3, filled(32, 0xaa));
      file.flush();
      state.failures = 1;
      const [first, second] = await Promise.allSettled([file.sync(), file.sync()]);
      expect(first.status).toBe("rejected");
      expect(second.status).toBe(file.inMemory ? "fulfilled" : "rejected");
      if (file.inMemory) expect(body().slice(3 * 32, 4 * 32)).toEqual(filled(32, 0xaa));
      else await file.sync();
    });

    test("a sync that succeeds has nothing written again later", async () => {
      const { file, state } = makeForgetful(32, 1000);
      stageRecord(file, 3, filled(32, 0xaa));
      file.flush();
      await file.sync();
      stageRecord(file, 700, filled(32, 0xbb));
      file.flush();
      state.failures = 1;
      await file.sync().catch(() => {});
      stageRecord(file, 500, filled(32, 0xcc));
      file.flush();
      await file.sync();
      // The forgetful system took this one back beyond the last sync, so that a rewrite would be seen.
      expect(body().slice(3 * 32, 4 * 32)).toEqual(filled(32, 4));
      expect(body().slice(500 * 32, 501 * 32)).toEqual(filled(32, 0xcc));
      if (file.inMemory) expect(body().slice(700 * 32, 701 * 32)).toEqual(filled(32, 0xbb));
      else expect(state.lost).toEqual(["638 to 766"]);
    });

    test("a file that is opened for reading refuses to flush and keeps what is staged", () => {
      make(16, 2);
      const file = open(16, 2, true);
      loadAll(file);
      expect(recordOf(file, 1)).toEqual(filled(16, 2));
      stageRecord(file, 1, filled(16, 9));
      expect(() => file.flush()).toThrow();
      expect(file.unsynced).toBe(true);
      expect(recordOf(file, 1)).toEqual(filled(16, 9));
      expect(body().slice(16)).toEqual(filled(16, 2));
    });

    test("behaves as an array of records does, whatever is done in which order", () => {
      const operation = fc.record({
        kind: fc.constantFrom("stage", "stage", "head", "flush", "extend", "load"),
        record: fc.nat(39),
        byte: fc.nat(255),
      });
      fc.assert(
        fc.property(fc.array(operation, { maxLength: 60, size: "max" }), (operations) => {
          const file = make(16, 20);
          loadAll(file);
          const model = Array.from({ length: 20 }, (_, i) => filled(16, i + 1));
          for (const { kind, record, byte } of operations) {
            const target = record % model.length;
            if (kind === "stage") {
              stageRecord(file, target, filled(16, byte));
              model[target] = filled(16, byte);
            } else if (kind === "head") {
              file.stageHead(target, byte);
              model[target].set([byte, 0, 0, 0]);
              // Where it is not staged whole, a head may be missing until flush.
              file.flush();
            } else if (kind === "extend") {
              file.extend(record);
              while (model.length < record) model.push(filled(16, 0));
            } else if (kind === "load") {
              file.flush();
              file.load(target, 1 + byte % 8);
            } else file.flush();
            expect(recordOf(file, target)).toEqual(model[target]);
          }
          file.flush();
          expect(model.map((_, i) => recordOf(file, i))).toEqual(model);
          expect(body()).toEqual(Uint8Array.from(model.flatMap((bytes) => [...bytes])));
          file.close();
          opened.pop();
        }),
        { numRuns: 40, seed: 1 },
      );
    });
  });
}
