import { describe, expect, test } from "bun:test";
import { CURSOR_BYTES, decodeCursor, encodeCursor } from "../../src/fixed/cursor.ts";

/** What armdb 0.15.0's own follower left after two events and a clean stop. */
const RECORDED = "0000000002000000000000000100000000000000" +
  "0b25e1fca1010000000000000000000000000000";

function bytesOfHex(hex: string): Uint8Array {
  return Uint8Array.from(hex.match(/../g)!, (pair) => parseInt(pair, 16));
}

describe("cursor", () => {
  test("reads and writes what armdb writes", () => {
    const cursor = { shard: 0, applied: 2, maxVersion: 1, ackedAtMs: 1_795_243_975_947 };
    expect(decodeCursor(bytesOfHex(RECORDED))).toEqual(cursor);
    expect(encodeCursor(cursor)).toEqual(bytesOfHex(RECORDED));
  });

  test("has each field in its place", () => {
    const bytes = encodeCursor({
      shard: 254,
      applied: 0x0002_0304_0506_0708,
      maxVersion: 0x3fff_fffe,
      ackedAtMs: 0x0002_0000_0000_0001,
    });
    expect(bytes).toEqual(bytesOfHex(
      "fe000000" + "0807060504030200" + "feffff3f" + "00000000" + "0100000000000200" + "00".repeat(12),
    ));
    expect(bytes.length).toBe(CURSOR_BYTES);
  });

  test("reads from the middle of a buffer, and ignores the reserved bytes", () => {
    const bytes = new Uint8Array(60).fill(0xff);
    bytes.set(bytesOfHex(RECORDED).subarray(0, 28), 7);
    expect(decodeCursor(bytes.subarray(7))?.applied).toBe(2);
  });

  test("refuses too few bytes, and figures that no cursor has", () => {
    expect(decodeCursor(bytesOfHex(RECORDED).subarray(0, 39))).toBeUndefined();
    expect(decodeCursor(new Uint8Array(0))).toBeUndefined();
    for (const at of [11, 27]) {
      const bytes = bytesOfHex(RECORDED);
      bytes[at] = 0xff;
      expect(decodeCursor(bytes)).toBeUndefined();
    }
  });
});
