import { describe, expect, test } from "bun:test";
import { crc32 as zlibCrc32 } from "node:zlib";
import { copyWithCrc, crc32, crc32OfView, crc32OfWord } from "../../src/fixed/crc32.ts";

const ascii = new TextEncoder();
const bytes = Uint8Array.from({ length: 1024 + 16 }, (_, i) => Math.imul(i + 1, 0x9e3779b1) >>> 24);

describe("crc32", () => {
  test.each([
    ["", 0],
    ["a", 0xe8b7be43],
    ["abc", 0x352441c2],
    ["123456789", 0xcbf43926],
    ["The quick brown fox jumps over the lazy dog", 0x414fa339],
  ])("gives the published value for %j", (text, value) => {
    expect(crc32(ascii.encode(text), 0, text.length)).toBe(value);
  });

  test.each([0, 1, 2, 3, 7, 8, 13])("agrees with zlib for every length up to 1,024 from offset %d", (at) => {
    const differing = [];
    for (let length = 0; length <= 1024; length++) {
      if (crc32(bytes, at, length) !== zlibCrc32(bytes.subarray(at, at + length))) differing.push(length);
    }
    expect(differing).toEqual([]);
  });

  test.each([["zeros", 0], ["ones", 0xff]])(
    "agrees with zlib for every length up to 1,024: %s",
    (_name, byte) => {
      const same = new Uint8Array(1024).fill(byte);
      const differing = [];
      for (let length = 0; length <= 1024; length++) {
        if (crc32(same, 0, length) !== zlibCrc32(same.subarray(0, length))) differing.push(length);
      }
      expect(differing).toEqual([]);
    },
  );

  test.each([1, 7, 8, 9, 159, 160, 161, 224, 383, 384, 385])(
    "continues over every cut of %d bytes",
    (length) => {
      const whole = zlibCrc32(bytes.subarray(5, 5 + length));
      const differing = [];
      for (let cut = 0; cut <= length; cut++) {
        const before = crc32(bytes, 5, cut);
        if (crc32(bytes, 5 + cut, length - cut, before) !== whole) differing.push(cut);
      }
      expect(differing).toEqual([]);
    },
  );

  test("continues byte by byte", () => {
    let crc = 0;
    for (let at = 0; at < bytes.length; at++) crc = crc32(bytes, at, 1, crc);
    expect(crc).toBe(zlibCrc32(bytes));
  });

  test("counts its offset from the view, not from the buffer behind it", () => {
    const view = bytes.subarray(11);
    for (const length of [20, 200]) {
      expect(crc32(view, 3, length)).toBe(zlibCrc32(bytes.subarray(14, 14 + length)));
    }
  });
});

describe("copyWithCrc", () => {
  test.each([[0, 0], [3, 8], [5, 1]])(
    "copies any length from %d to %d, and nothing beside it",
    (from, to) => {
      const source = new DataView(bytes.buffer);
      const wrong = [];
      for (let length = 0; length <= 1000; length++) {
        const target = new Uint8Array(1024).fill(0x77);
        const crc = copyWithCrc(new DataView(target.buffer), to, source, from, length, 0xdead_beef) >>> 0;
        const expected = new Uint8Array(1024).fill(0x77);
        expected.set(bytes.subarray(from, from + length), to);
        const sum = zlibCrc32(bytes.subarray(from, from + length), 0xdead_beef);
        if (crc !== sum || !target.every((byte, i) => byte === expected[i])) wrong.push(length);
      }
      expect(wrong).toEqual([]);
    },
  );

  test("works within views that begin anywhere", () => {
    const target = new Uint8Array(400);
    const crc = copyWithCrc(new DataView(target.buffer, 7), 2, new DataView(bytes.buffer, 11), 3, 380, 0);
    expect(target.subarray(9, 389)).toEqual(bytes.subarray(14, 394));
    expect(crc >>> 0).toBe(zlibCrc32(bytes.subarray(14, 394)));
  });
});

test.each([0, 3])("crc32OfView agrees with zlib for every length, from offset %d", (at) => {
  const view = new DataView(bytes.buffer, 2);
  const wrong = [];
  for (let length = 0; length <= 1000; length++) {
    const sum = zlibCrc32(bytes.subarray(2 + at, 2 + at + length), 0xdead_beef);
    if (crc32OfView(view, at, length, 0xdead_beef | 0) !== (sum | 0)) wrong.push(length);
  }
  expect(wrong).toEqual([]);
});

test("crc32OfWord is the CRC of its four bytes, lowest first", () => {
  for (const word of [0, 1, 0xffff_ffff, 0x0403_0201, 0x8000_0000]) {
    const four = new Uint8Array(4);
    new DataView(four.buffer).setUint32(0, word, true);
    expect(crc32OfWord(word) >>> 0).toBe(zlibCrc32(four));
  }
});
