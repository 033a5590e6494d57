import { describe, expect, test } from "bun:test";
import { describeSlotFile, recordOf, stageRecord } from "../contract/slot_file_contract.ts";
import { describeDiskCalls, HEADER, openFake } from "./slot_file_cases.ts";

describeSlotFile("positional");
describeDiskCalls("positional");

const A = new Uint8Array(16).fill(0xaa);

describe("positional reads", () => {
  test("a record that was not loaded is one read; a loaded one, or a staged one, is none", () => {
    const { disk, file } = openFake("positional", 100);
    disk.bytes.fill(7, HEADER);
    expect(recordOf(file, 50)[15]).toBe(7);
    expect(disk.reads).toBe(1);
    file.load(0, 10);
    stageRecord(file, 20, A);
    expect([recordOf(file, 9)[0], recordOf(file, 20)[0]]).toEqual([7, 0xaa]);
    expect(disk.reads).toBe(2);
  });

  test("a flush ends what was loaded: later reads see the disk", () => {
    const { file } = openFake("positional", 100);
    file.load(0, 100);
    stageRecord(file, 3, A);
    file.flush();
    expect(recordOf(file, 3)).toEqual(A);
  });

  test("a flush keeps nothing of the batch in memory", () => {
    const { disk, file } = openFake("positional", 100);
    stageRecord(file, 3, A);
    file.flush();
    disk.bytes[HEADER + 3 * 16] = 0x55;
    expect([recordOf(file, 3)[0], disk.reads]).toEqual([0x55, 1]);
  });

  test("staged bytes are read before loaded ones", () => {
    const { file } = openFake("positional", 100);
    stageRecord(file, 3, A);
    file.load(0, 100);
    expect(recordOf(file, 3)).toEqual(A);
  });

  test("staging grows with the batch and keeps what is in it", () => {
    const { disk, file } = openFake("positional", 20_000);
    for (let i = 0; i < 20_000; i++) stageRecord(file, i, new Uint8Array(16).fill(i % 251));
    const wrong = [];
    for (let i = 0; i < 20_000; i++) if (recordOf(file, i)[15] !== i % 251) wrong.push(i);
    expect(wrong).toEqual([]);
    expect(disk.reads).toBe(0);
    file.flush();
    expect(disk.writes).toEqual([{ position: HEADER, length: 20_000 * 16 }]);
    for (let i = 0; i < 20_000; i++) if (disk.bytes[HEADER + i * 16] !== i % 251) wrong.push(i);
    expect(wrong).toEqual([]);
  });

  test("a run that was staged in another order is written in pieces, each to its place", () => {
    const { disk, file } = openFake("positional", 10);
    for (const i of [4, 2, 3]) stageRecord(file, i, new Uint8Array(16).fill(i));
    file.flush();
    expect(disk.writes).toEqual([
      { position: HEADER + 2 * 16, length: 32 },
      { position: HEADER + 4 * 16, length: 16 },
    ]);
    expect([2, 3, 4].map((i) => recordOf(file, i)[15])).toEqual([2, 3, 4]);
  });

  test("a batch leaves nothing behind in staging for the next", () => {
    const { disk, file } = openFake("positional", 10);
    stageRecord(file, 1, A);
    file.stageHead(2, 5);
    file.flush();
    disk.writes = [];
    stageRecord(file, 7, A);
    file.flush();
    expect(disk.writes).toEqual([{ position: HEADER + 7 * 16, length: 16 }]);
  });
});
