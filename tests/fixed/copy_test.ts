import { describe, expect, test } from "bun:test";
import { CopyInto, copyOf } from "../../src/fixed/copy.ts";
import type { SlotFile } from "../../src/storage/slot_file.ts";

const bytes = Uint8Array.from({ length: 1024 }, (_, i) => Math.imul(i + 1, 0x9e37_79b1) >>> 24);
const file = { window: bytes, view: new DataView(bytes.buffer) } as Partial<SlotFile> as SlotFile;
const LENGTHS = [0, 1, 3, 4, 16, 31, 32, 33, 100, 255, 256, 257, 600];

test.each(LENGTHS)("copyOf gives %d bytes in memory of their own", (length) => {
  const copy = copyOf(bytes, 5, length);
  expect(copy).toEqual(bytes.slice(5, 5 + length));
  expect([copy.buffer.byteLength, copy.buffer instanceof ArrayBuffer]).toEqual([length, true]);
});

describe("CopyInto", () => {
  test.each(LENGTHS)("copies %d bytes to the start of a view, and nothing beside it", (length) => {
    const memory = new Uint8Array(700).fill(0x77);
    new CopyInto().copy(memory.subarray(9, 690), file, 7, length);
    const expected = new Uint8Array(700).fill(0x77);
    expected.set(bytes.subarray(7, 7 + length), 9);
    expect(memory).toEqual(expected);
  });

  test("takes one buffer after the other, and the first again", () => {
    const into = new CopyInto();
    const [a, b] = [new Uint8Array(8), new Uint8Array(8)];
    into.copy(a, file, 0, 8);
    into.copy(b, file, 8, 8);
    into.copy(a, file, 16, 8);
    expect([a, b]).toEqual([bytes.slice(16, 24), bytes.slice(8, 16)]);
  });

  test("a buffer that shrank, and still has room, is as good", () => {
    const into = new CopyInto();
    const buffer = new ArrayBuffer(64, { maxByteLength: 64 });
    const out = new Uint8Array(buffer);
    into.copy(out, file, 0, 16);
    buffer.resize(32);
    into.copy(out, file, 16, 16);
    expect(out.slice(0, 16)).toEqual(bytes.slice(16, 32));
  });
});
