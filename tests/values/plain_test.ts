import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { array, bool, bytes, decode, encode, hex, skip, struct, text } from "../../src/values/mod.ts";
import { bytesOf, errorOf, hexOf, refusal, roundTrip } from "./kit.ts";

describe("bool", () => {
  test("is the byte 0 or 1", () => {
    expect([false, true].map((each) => hexOf(encode(bool, each)))).toEqual(["00", "01"]);
    expect([false, true].map((each) => roundTrip(bool, each))).toEqual([false, true]);
  });

  test("is no other byte, and no other value", () => {
    expect(errorOf(() => decode(bool, bytesOf("02"))))
      .toBe("UsageError: Cannot decode: bool is the byte 2, allowed are 0 and 1");
    expect(refusal(bool, 1)).toBe("UsageError: Cannot encode: bool is 1, allowed are true and false");
  });
});

describe.each([0, 1, 5, 32, 33, 300])("bytes(%d)", (length) => {
  const type = bytes(length);

  test("come back as they were", () => {
    fc.assert(fc.property(fc.uint8Array({ minLength: length, maxLength: length }), (each) => {
      expect(roundTrip(type, each)).toEqual(each);
    }));
  });

  test("are a copy", () => {
    const memory = new Uint8Array(length).fill(7);
    const read = decode(type, memory);
    memory.fill(8);
    expect(read).toEqual(new Uint8Array(length).fill(7));
    expect(read.buffer.byteLength).toBe(length);
  });

  test("are refused in any other number", () => {
    expect(refusal(type, new Uint8Array(length + 1))).toBe(
      `UsageError: Cannot encode: bytes(${length}) is ${length + 1} bytes, allowed are ${length} bytes`,
    );
    expect(refusal(type, Array(length).fill(0))).toBe(
      `UsageError: Cannot encode: bytes(${length}) is an array of ${length}, allowed are ${length} bytes`,
    );
  });
});

test("skipped bytes are written as zeros, whatever lay there", () => {
  expect(roundTrip(skip(3), undefined)).toBeUndefined();
  expect(hexOf(encode(skip(3), undefined))).toBe("00 00 00");
  expect(decode(skip(3), bytesOf("01 02 03"))).toBeUndefined();
});

test.each([-1, 1.5, 65_536, NaN])("a length of %d is refused when the type is made", (length) => {
  const makers = { bytes, skip, text, hex, array: (count: number) => array(bool, count) };
  for (const [name, make] of Object.entries(makers)) {
    expect(errorOf(() => make(length))).toBe(
      `UsageError: Cannot make this type: length of ${name} is ${length}, ` +
        "allowed are integers from 0 to 65535",
    );
  }
  expect(errorOf(() => struct({ a: bytes(40_000), b: bytes(40_000) }))).toContain(
    "length of struct is 80000",
  );
});
