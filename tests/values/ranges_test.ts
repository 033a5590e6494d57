import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import {
  compareBytes,
  encode,
  hasPrefix,
  i64be,
  inRange,
  prefixOf,
  prefixRange,
  rangeOf,
  skip,
  struct,
  text,
  u32be,
  u64be,
  u64le,
  u8,
} from "../../src/values/mod.ts";
import { bytesOf, errorOf, hexOf } from "./kit.ts";

const KEY = struct({ user: u32be, pad: skip(1), kind: u8, at: u64be });
const PLAIN = struct({ user: u32be, kind: u8, at: u64le });

describe("prefixOf", () => {
  test("is the bytes of the first fields", () => {
    expect(hexOf(prefixOf(PLAIN, { user: 42 }))).toBe("00 00 00 2a");
    expect(hexOf(prefixOf(PLAIN, { user: 42, kind: 7 }))).toBe("00 00 00 2a 07");
    expect(hexOf(prefixOf(PLAIN, { user: 42, kind: undefined }))).toBe("00 00 00 2a");
    expect(prefixOf(PLAIN, {})).toEqual(new Uint8Array(0));
    expect(prefixOf(PLAIN, { user: 1, kind: 2, at: 3n })).toEqual(
      encode(PLAIN, { user: 1, kind: 2, at: 3n }),
    );
  });

  test("refuses a field behind one that is missing or skipped, and one that is none", () => {
    expect(errorOf(() => prefixOf(PLAIN, { user: 1, at: 3n }))).toBe(
      "UsageError: Cannot make a prefix of the key: it has at, and not kind, which lies before it",
    );
    expect(errorOf(() => prefixOf(KEY, { user: 1, kind: 3 }))).toContain("it has kind, and not pad");
    expect(errorOf(() => prefixOf(PLAIN, { usr: 1 } as object))).toContain("it has usr, a field it has not");
    expect(errorOf(() => prefixOf(PLAIN, { user: -1 }))).toContain("Cannot encode user: u32be is -1");
    // @ts-expect-error: not a field of the key
    expect(() => prefixOf(PLAIN, { usr: 1 })).toThrow();
  });
});

describe("ranges", () => {
  const anyBytes = fc.uint8Array({ maxLength: 4 });
  const key = fc.uint8Array({ minLength: 4, maxLength: 4 });

  test("of a prefix hold the keys that begin with it, and no others", () => {
    const byte = fc.constantFrom(0, 1, 0xfe, 0xff);
    const few = (options: { minLength?: number; maxLength: number }) =>
      fc.array(byte, options).map((list) => Uint8Array.from(list));
    fc.assert(fc.property(few({ maxLength: 3 }), few({ minLength: 4, maxLength: 4 }), (prefix, each) => {
      expect(inRange(each, prefixRange(prefix))).toBe(hasPrefix(each, prefix));
    }));
    const { from, to } = prefixRange(bytesOf("01 ff ff"));
    expect([hexOf(from!), hexOf(to!)]).toEqual(["01 ff ff", "02"]);
    expect(prefixRange(bytesOf("ff ff")).to).toBeUndefined();
    expect(prefixRange(new Uint8Array(0)).to).toBeUndefined();
  });

  test("of values hold the values between", () => {
    const value = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });
    fc.assert(fc.property(value, value, value, (from, to, each) => {
      expect(inRange(encode(u64be, each), rangeOf(u64be, { from, to }))).toBe(from <= each && each < to);
    }));
    const two = rangeOf(u8, { from: 2, to: 4 });
    expect([1, 2, 3, 4].map((each) => inRange(encode(u8, each), two))).toEqual([false, true, true, false]);
    const open = rangeOf(struct({ name: text(3), n: u8 }), { from: { name: "b", n: 2 } });
    const entry = (name: string, n: number) => encode(struct({ name: text(3), n: u8 }), { name, n });
    expect([entry("b", 1), entry("b", 2), entry("bb", 0), entry("a", 9)].map((each) => inRange(each, open)))
      .toEqual([false, true, true, false]);
    expect(inRange(bytesOf("00"), rangeOf(u8, {}))).toBe(true);
  });

  test.each([u64le, i64be, PLAIN].map((type) => [type.name, type] as const))(
    "of %s are refused: bytes do not compare as values",
    (name, type) => {
      expect(errorOf(() => rangeOf<unknown>(type, {}))).toBe(
        `UsageError: Cannot make a range of ${name}: its bytes do not compare as its values do, ` +
          "those of u64be would",
      );
    },
  );

  test("compareBytes orders as hexadecimal text does", () => {
    fc.assert(fc.property(anyBytes, anyBytes, (a, b) => {
      const [x, y] = [hexOf(a), hexOf(b)];
      expect(Math.sign(compareBytes(a, b))).toBe(x < y ? -1 : x > y ? 1 : 0);
    }));
  });

  test("hasPrefix is false for what is longer than the key", () => {
    fc.assert(fc.property(key, anyBytes, (each, more) => {
      expect(hasPrefix(each, Uint8Array.of(...each, ...more))).toBe(more.length === 0);
      expect(hasPrefix(each, each.slice(0, more.length))).toBe(true);
    }));
  });
});
