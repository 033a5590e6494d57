/**
 * CRC-32 (IEEE, reflected, as zlib's): the checksum of slots and sidecars.
 *
 * Eight tables, one step per 8 bytes, for short inputs; `node:zlib` for others, whose call costs 25 to 50 ns whatever
 * the length. It takes a typed array, and one for each slot would be garbage: so bytes of middle length are laid into
 * one that is always there. ns (Deno / Bun, one busy core of two), for a CRC, and for a copy with it:
 *
 * | bytes | tables | laid | typed arrays | copy: tables | laid | typed arrays |
 * |---|---|---|---|---|---|---|
 * | 64 | 29 / 30 | 35 / 42 | 40 / 74 | 52 / 37 | 65 / 50 | 113 / 125 |
 * | 96 | 53 / 48 | 42 / 44 | 41 / 72 | 66 / 54 | 50 / 57 | 76 / 118 |
 * | 116 | 63 / 57 | 55 / 57 | 42 / 71 | 106 / 68 | 64 / 70 | 82 / 129 |
 * | 288 | 146 / 138 | 74 / 71 | 49 / 78 | 192 / 149 | 101 / 103 | 110 / 134 |
 * | 384 | - | 96 / 87 | 53 / 80 | - | 123 / 127 | 122 / 135 |
 */

import { crc32 as zlibCrc32 } from "node:zlib";

/** From this length on zlib's is used, and the length alone decides. Between 96 and this, catch-ups gain nothing by it. */
const MIDDLE = 160;
/** From this length on a typed array for each call costs less than to lay the bytes elsewhere. */
const LONG = 384;

/** Where bytes of middle length are laid, as words and as bytes, and what of it zlib's was given last. */
const LAID = new Int32Array(LONG / 4);
const LAID_BYTES = new Uint8Array(LAID.buffer);
let laid = LAID_BYTES;

/** `TABLES[k][byte]`: what a byte contributes once k zero bytes have followed it. */
const TABLES = makeTables();
const [T0, T1, T2, T3, T4, T5, T6, T7] = TABLES;

/**
 * CRC-32 of `length` bytes of `bytes` from offset `at`, as a u32.
 *
 * Give the CRC of what comes before as `crc` to continue it; 0, the CRC of nothing, begins. The range is not
 * checked.
 */
export function crc32(bytes: Uint8Array, at: number, length: number, crc: number = 0): number {
  if (length >= LONG) return zlibCrc32(bytes.subarray(at, at + length), crc);
  const end = at + length;
  let c = ~crc;
  let i = at;
  for (const last = end - 8; i <= last; i += 8) {
    c = T7[(c & 0xff) ^ bytes[i]] ^ T6[((c >>> 8) & 0xff) ^ bytes[i + 1]] ^
      T5[((c >>> 16) & 0xff) ^ bytes[i + 2]] ^ T4[(c >>> 24) ^ bytes[i + 3]] ^
      T3[bytes[i + 4]] ^ T2[bytes[i + 5]] ^ T1[bytes[i + 6]] ^ T0[bytes[i + 7]];
  }
  for (; i < end; i++) c = T0[(c & 0xff) ^ bytes[i]] ^ (c >>> 8);
  return ~c >>> 0;
}

/**
 * Copies `length` bytes and continues a CRC over them, in one pass while they are few: the CRC of all, as an i32.
 * The ranges are not checked.
 */
export function copyWithCrc(
  target: DataView,
  to: number,
  source: DataView,
  from: number,
  length: number,
  crc: number,
): number {
  if (length >= LONG) {
    const copy = bytesOf(target, to, length);
    copy.set(bytesOf(source, from, length));
    return zlibCrc32(copy, crc >>> 0) | 0;
  }
  if (length >= MIDDLE) {
    layAndCopy(target, to, source, from, length);
    return crc32OfLaid(length, crc);
  }
  let c = ~crc;
  let i = 0;
  for (const last = length - 8; i <= last; i += 8) {
    const low = source.getInt32(from + i, true);
    const high = source.getInt32(from + i + 4, true);
    target.setInt32(to + i, low, true);
    target.setInt32(to + i + 4, high, true);
    c = nextTwoWords(c ^ low, high);
  }
  for (; i < length; i++) {
    const byte = source.getUint8(from + i);
    target.setUint8(to + i, byte);
    c = T0[(c & 0xff) ^ byte] ^ (c >>> 8);
  }
  return ~c;
}

function crc32OfLaid(length: number, crc: number): number {
  if (laid.length !== length) laid = LAID_BYTES.subarray(0, length);
  return zlibCrc32(laid, crc >>> 0) | 0;
}

function lay(source: DataView, from: number, length: number): void {
  let i = 0;
  for (const last = length - 16; i <= last; i += 16) {
    const word = i >>> 2;
    LAID[word] = source.getInt32(from + i, true);
    LAID[word + 1] = source.getInt32(from + i + 4, true);
    LAID[word + 2] = source.getInt32(from + i + 8, true);
    LAID[word + 3] = source.getInt32(from + i + 12, true);
  }
  for (; i < length; i++) LAID_BYTES[i] = source.getUint8(from + i);
}

/** As {@link lay}, with a copy in the same pass. */
function layAndCopy(target: DataView, to: number, source: DataView, from: number, length: number): void {
  let i = 0;
  for (const last = length - 16; i <= last; i += 16) {
    const a = source.getInt32(from + i, true), b = source.getInt32(from + i + 4, true);
    const c = source.getInt32(from + i + 8, true), d = source.getInt32(from + i + 12, true);
    const word = i >>> 2;
    LAID[word] = a;
    LAID[word + 1] = b;
    LAID[word + 2] = c;
    LAID[word + 3] = d;
    target.setInt32(to + i, a, true);
    target.setInt32(to + i + 4, b, true);
    target.setInt32(to + i + 8, c, true);
    target.setInt32(to + i + 12, d, true);
  }
  for (; i < length; i++) {
    const byte = source.getUint8(from + i);
    LAID_BYTES[i] = byte;
    target.setUint8(to + i, byte);
  }
}

function bytesOf(view: DataView, at: number, length: number): Uint8Array {
  return new Uint8Array(view.buffer, view.byteOffset + at, length);
}

/** Continues a CRC over `length` bytes of a view: the CRC of all, as an i32. The range is not checked. */
export function crc32OfView(view: DataView, at: number, length: number, crc: number): number {
  if (length >= LONG) return zlibCrc32(bytesOf(view, at, length), crc >>> 0) | 0;
  if (length >= MIDDLE) {
    lay(view, at, length);
    return crc32OfLaid(length, crc);
  }
  const end = at + length;
  let c = ~crc;
  let i = at;
  for (const last = end - 8; i <= last; i += 8) {
    c = nextTwoWords(c ^ view.getInt32(i, true), view.getInt32(i + 4, true));
  }
  for (; i < end; i++) c = T0[(c & 0xff) ^ view.getUint8(i)] ^ (c >>> 8);
  return ~c;
}

/** CRC-32 of the four bytes of a little-endian word, as an i32. */
export function crc32OfWord(word: number): number {
  const c = ~word;
  return ~(T3[c & 0xff] ^ T2[(c >>> 8) & 0xff] ^ T1[(c >>> 16) & 0xff] ^ T0[c >>> 24]);
}

function nextTwoWords(low: number, high: number): number {
  return T7[low & 0xff] ^ T6[(low >>> 8) & 0xff] ^ T5[(low >>> 16) & 0xff] ^ T4[low >>> 24] ^
    T3[high & 0xff] ^ T2[(high >>> 8) & 0xff] ^ T1[(high >>> 16) & 0xff] ^ T0[high >>> 24];
}

function makeTables(): Int32Array[] {
  const tables = Array.from({ length: 8 }, () => new Int32Array(256));
  for (let byte = 0; byte < 256; byte++) {
    let c = byte;
    for (let bit = 0; bit < 8; bit++) c = (c & 1) !== 0 ? 0xedb88320 ^ (c >>> 1) : c >>> 1;
    tables[0][byte] = c;
  }
  for (let k = 1; k < 8; k++) {
    for (let byte = 0; byte < 256; byte++) {
      const c = tables[k - 1][byte];
      tables[k][byte] = tables[0][c & 0xff] ^ (c >>> 8);
    }
  }
  return tables;
}
