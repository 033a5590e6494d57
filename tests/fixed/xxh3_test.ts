import { describe, expect, test } from "bun:test";
import { createXXHash3 } from "hash-wasm";
import { hash, HIGH, LOW, xxh3 } from "../../src/fixed/xxh3.ts";

const oracle = await createXXHash3();

/** What hash-wasm says, in hex. */
function expected(bytes: Uint8Array): string {
  return oracle.init().update(bytes).digest("hex");
}

/** What ours says, in hex. */
function actual(bytes: Uint8Array, at: number, length: number): string {
  xxh3(bytes, at, length);
  return [hash[HIGH], hash[LOW]].map((word) => word.toString(16).padStart(8, "0")).join("");
}

/** The bytes over which xxHash's own sanity values are taken. */
function sanityBytes(length: number): Uint8Array {
  let state = 2654435761n;
  return Uint8Array.from({ length }, () => {
    const byte = Number(state >> 56n);
    state = (state * 0x9e3779b185ebca8dn) & 0xffff_ffff_ffff_ffffn;
    return byte;
  });
}

/** The secret's first 64 bytes: input that is XORed with them meets the arithmetic as it is. */
const SECRET = Uint8Array.fromHex(
  "b8fe6c3923a44bbe7c01812cf721ad1cded46de9839097db7240a4a4b7b3671f" +
    "cb79e64eccc0e578825ad07dccff7221b8084674f743248ee03590e6813a264c",
);

/** Words in little-endian bytes, under the secret from its start. */
function underSecret(words: number[]): Uint8Array {
  const bytes = new Uint8Array(4 * words.length);
  const view = new DataView(bytes.buffer);
  words.forEach((word, i) => view.setUint32(4 * i, word, true));
  return bytes.map((byte, i) => byte ^ SECRET[i]);
}

const EDGES = [0, 1, 0xffff, 0x10000, 0x7fff_ffff, 0x8000_0000, 0xffff_0000, 0xffff_ffff];

/** Contents that meet different carries: all zero, all ones, words at the edges of their range, any bytes. */
const CONTENTS: [string, (i: number) => number][] = [
  ["zeros", () => 0],
  ["ones", () => 0xff],
  ["high bits", (i) => i % 4 === 3 ? 0x80 : 0],
  ["all but high bits", (i) => i % 4 === 3 ? 0x7f : 0xff],
  ["low halves", (i) => i % 4 < 2 ? 0xff : 0],
  ["high halves", (i) => i % 4 < 2 ? 0 : 0xff],
  ["any bytes", (i) => Math.imul(i + 1, 0x9e3779b1) >>> 24],
];

/** Lengths from 0 to 1,024 at which ours and the oracle differ. */
function differingLengths(bytes: Uint8Array, at: number): number[] {
  const differing = [];
  for (let length = 0; length <= 1024; length++) {
    if (actual(bytes, at, length) !== expected(bytes.subarray(at, at + length))) differing.push(length);
  }
  return differing;
}

describe("xxh3", () => {
  // Source: xxHash, cli/xsum_sanity_check.c, XSUM_XXH3_testdata with seed 0.
  test.each<[number, string]>([
    [0, "2d06800538d394c2"],
    [1, "c44bdff4074eecdb"],
    [6, "27b56a84cd2d7325"],
    [12, "a713daf0dfbb77e7"],
    [24, "a3fe70bf9d3510eb"],
    [48, "397da259ecba1f11"],
    [80, "bcdefbbb2c47c90a"],
    [195, "cd94217ee362ec3a"],
    [403, "cdeb804d65c6dea4"],
    [512, "617e49599013cb6b"],
    [2048, "dd59e2c3a5f038e0"],
    [2240, "6e73a90539cf2948"],
    [2367, "cb37aeb9e5d361ed"],
  ])("gives xxHash's published value for %d bytes", (length, value) => {
    expect(actual(sanityBytes(length), 0, length)).toBe(value);
  });

  test.each(CONTENTS)("agrees with hash-wasm for every length up to 1,024: %s", (_name, byteAt) => {
    expect(differingLengths(Uint8Array.from({ length: 1024 }, (_, i) => byteAt(i)), 0)).toEqual([]);
  });

  test.each([1, 2, 3, 5])("agrees with hash-wasm for every length from offset %d", (at) => {
    expect(differingLengths(sanityBytes(at + 1024), at)).toEqual([]);
  });

  test("agrees with hash-wasm for products of words at the edges", () => {
    const differing = [];
    for (let mixture = 0; mixture < 8 ** 4; mixture++) {
      const [a, b, c, d] = [0, 3, 6, 9].map((shift) => EDGES[(mixture >> shift) & 7]);
      const bytes = underSecret([a, b, c, d, d, a, b, c]);
      if (actual(bytes, 0, 32) !== expected(bytes)) differing.push([a, b, c, d]);
    }
    expect(differing).toEqual([]);
  });

  // A product in doubles that rounds down from just above a power of two.
  test("agrees with hash-wasm where a product's high word is a power of two", () => {
    const words = [];
    for (let a = 0x8000_0001n; words.length < 16 * 50; a += 0x12345n) {
      const b = (1n << 63n) / a + 1n;
      const roundedDown = BigInt(Number(a) * Number(b)) < a * b;
      if (roundedDown && (a * b) >> 32n === 1n << 31n) words.push(Number(a), Number(b));
    }
    for (let i = 0; i < words.length; i += 16) {
      const bytes = new Uint8Array(300);
      bytes.set(underSecret(words.slice(i, i + 16)));
      expect(actual(bytes, 0, 300)).toBe(expected(bytes));
    }
  });

  test("agrees with hash-wasm where the length carries into the high word", () => {
    const bytes = sanityBytes(16);
    for (let i = 4; i < 8; i++) bytes[i] = ~(SECRET[24 + i] ^ SECRET[32 + i]);
    for (let length = 9; length <= 16; length++) {
      expect(actual(bytes, 0, length)).toBe(expected(bytes.subarray(0, length)));
    }
  });

  test.each([1025, 2048, 2049, 4097, 65_535])("agrees with hash-wasm for %d bytes", (length) => {
    const bytes = sanityBytes(length + 3);
    expect(actual(bytes, 3, length)).toBe(expected(bytes.subarray(3)));
  });

  test("reads nothing outside its range", () => {
    const bytes = sanityBytes(600);
    for (const length of [0, 3, 4, 8, 9, 16, 17, 32, 128, 129, 240, 241, 500]) {
      const inPlace = actual(bytes, 50, length);
      const surrounded = new Uint8Array(600).fill(0xa5);
      surrounded.set(bytes.subarray(50, 50 + length), 50);
      expect(actual(surrounded, 50, length)).toBe(inPlace);
    }
  });

  test("gives both words unsigned", () => {
    let highest = 0;
    for (let length = 0; length < 100; length++) {
      xxh3(sanityBytes(100), 0, length);
      expect(Math.min(hash[HIGH], hash[LOW])).toBeGreaterThanOrEqual(0);
      highest = Math.max(highest, hash[HIGH], hash[LOW]);
    }
    expect(highest).toBeGreaterThan(0x8000_0000);
  });
});
