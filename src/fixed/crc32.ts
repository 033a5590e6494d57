/**
 * CRC-32 (IEEE, reflected, as zlib's): the checksum of slots and sidecars.
 *
 * Eight tables, one step per 8 bytes, for short inputs; `node:zlib` for long ones, whose call costs 50 to
 * 85 ns, and 0.03 ns per byte.
 */

import { crc32 as zlibCrc32 } from "node:zlib";

/**
 * From this length on zlib's is used; the length alone decides. It takes a typed array, which is garbage for each
 * slot: for 288 bytes zlib's needs 140 ns and the table 200, and yet a catch-up with such slots takes as long with the
 * table in Deno, and in Bun 7 % less CPU and 290 MB at its peak instead of 400.
 */
const LONG = 320;

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

function bytesOf(view: DataView, at: number, length: number): Uint8Array {
  return new Uint8Array(view.buffer, view.byteOffset + at, length);
}

/** Continues a CRC over `length` bytes of a view: the CRC of all, as an i32. The range is not checked. */
export function crc32OfView(view: DataView, at: number, length: number, crc: number): number {
  if (length >= LONG) return zlibCrc32(bytesOf(view, at, length), crc >>> 0) | 0;
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
