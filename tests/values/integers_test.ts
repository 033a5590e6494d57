import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { UsageError } from "../../src/errors.ts";
import * as values from "../../src/values/mod.ts";
import type { ValueType } from "../../src/values/mod.ts";
import { bytesOf, errorOf, hexOf, refusal, roundTrip } from "./kit.ts";

const { asNumber, decode, encode, i64be, i64le, u64be, u64le, u8 } = values;

type Name = "u8" | "i8" | "u16le" | "u16be" | "i16le" | "i16be" | "u32le" | "u32be" | "i32le" | "i32be";
const LAYOUTS: [Name, number, string, string, string][] = [
  // name, a value and its bytes, the bytes of the least and of the greatest value
  ["u8", 0x12, "12", "00", "ff"],
  ["i8", -2, "fe", "80", "7f"],
  ["u16le", 0x1234, "34 12", "00 00", "ff ff"],
  ["u16be", 0x1234, "12 34", "00 00", "ff ff"],
  ["i16le", -2, "fe ff", "00 80", "ff 7f"],
  ["i16be", -2, "ff fe", "80 00", "7f ff"],
  ["u32le", 0x12345678, "78 56 34 12", "00 00 00 00", "ff ff ff ff"],
  ["u32be", 0x92345678, "92 34 56 78", "00 00 00 00", "ff ff ff ff"],
  ["i32le", -2, "fe ff ff ff", "00 00 00 80", "ff ff ff 7f"],
  ["i32be", -2, "ff ff ff fe", "80 00 00 00", "7f ff ff ff"],
];

/** The least and the greatest value of a type, by its name. */
function bounds(name: string): { low: bigint; high: bigint } {
  const bits = BigInt(parseInt(name.slice(1)));
  return name[0] === "u"
    ? { low: 0n, high: 2n ** bits - 1n }
    : { low: -(2n ** (bits - 1n)), high: 2n ** (bits - 1n) - 1n };
}

describe.each(LAYOUTS)("%s", (name, value, bytes, least, greatest) => {
  const type = values[name];
  const [low, high] = [Number(bounds(name).low), Number(bounds(name).high)];

  test("lies in bytes as it should", () => {
    expect([type.name, type.length]).toEqual([name, bytes.split(" ").length]);
    expect([value, low, high].map((each) => hexOf(encode(type, each)))).toEqual([bytes, least, greatest]);
    expect([bytes, least, greatest].map((each) => decode(type, bytesOf(each)))).toEqual([value, low, high]);
  });

  test("comes back as it was", () => {
    fc.assert(fc.property(fc.integer({ min: low, max: high }), (each) => {
      expect(roundTrip(type, each)).toBe(each);
    }));
  });

  test("refuses what it cannot hold", () => {
    const allowed = `allowed are integers from ${low} to ${high}`;
    for (const wrong of [low - 1, high + 1, 0.5, NaN, Infinity]) {
      expect(refusal(type, wrong)).toBe(`UsageError: Cannot encode: ${name} is ${wrong}, ${allowed}`);
    }
    expect(refusal(type, 1n)).toBe(`UsageError: Cannot encode: ${name} is 1n, ${allowed}`);
    expect(refusal(type, "1")).toBe(`UsageError: Cannot encode: ${name} is "1", ${allowed}`);
    expect(refusal(type, undefined)).toBe(`UsageError: Cannot encode: ${name} is undefined, ${allowed}`);
  });
});

const LONG = [
  [u64le, 0x0102030405060708n, "08 07 06 05 04 03 02 01"],
  [u64be, 0xf102030405060708n, "f1 02 03 04 05 06 07 08"],
  [i64le, -2n, "fe ff ff ff ff ff ff ff"],
  [i64be, -2n, "ff ff ff ff ff ff ff fe"],
] as const;

describe.each(LONG.map(([type, value, bytes]) => [type.name, type, value, bytes] as const))(
  "%s",
  (name, type, value, bytes) => {
    const { low, high } = bounds(name);
    const safeLow = type.signed ? Number.MIN_SAFE_INTEGER : 0;

    test("lies in bytes as it should", () => {
      expect(hexOf(encode(type, value))).toBe(bytes);
      expect(decode(type, bytesOf(bytes))).toBe(value);
      expect([low, high].map((each) => roundTrip(type, each))).toEqual([low, high]);
    });

    test("comes back as it was", () => {
      fc.assert(fc.property(fc.bigInt({ min: low, max: high }), (each) => {
        expect(roundTrip(type, each)).toBe(each);
      }));
    });

    test("refuses what it cannot hold", () => {
      const allowed = `allowed are bigints from ${low}n to ${high}n`;
      expect(refusal(type, low - 1n)).toBe(`UsageError: Cannot encode: ${name} is ${low - 1n}n, ${allowed}`);
      expect(refusal(type, high + 1n)).toBe(
        `UsageError: Cannot encode: ${name} is ${high + 1n}n, ${allowed}`,
      );
      expect(refusal(type, 1)).toBe(`UsageError: Cannot encode: ${name} is 1, ${allowed}`);
    });

    test("as a number has the same bytes, up to 2^53 - 1", () => {
      const number = asNumber(type);
      fc.assert(fc.property(fc.maxSafeInteger(), (any) => {
        const each = type.signed ? any : Math.abs(any);
        expect(hexOf(encode(number, each))).toBe(hexOf(encode(type, BigInt(each))));
        expect(roundTrip(number, each)).toBe(each + 0);
      }));
      for (const each of [safeLow, Number.MAX_SAFE_INTEGER, 2 ** 32, 2 ** 32 - 1, 2 ** 31, 0]) {
        expect(roundTrip(number, each)).toBe(each);
      }
    });

    test("as a number refuses what would be rounded, on either way", () => {
      const number = asNumber(type);
      const unsafe = [2n ** 53n, 2n ** 53n + 1n, high].concat(type.signed ? [-(2n ** 53n), low] : []);
      for (const each of unsafe) {
        expect(errorOf(() => decode(number, encode(type, each)))).toBe(
          `UsageError: Cannot decode: ${name} is ${each}, exact as a number are those up to 9007199254740991: ` +
            `use ${name} itself`,
        );
      }
      for (const each of [2 ** 53, safeLow - 1, 0.5, NaN]) {
        expect(refusal(number, each)).toBe(
          `UsageError: Cannot encode: ${name} as a number is ${each}, ` +
            `allowed are integers from ${safeLow} to 9007199254740991`,
        );
      }
    });
  },
);

test("only types whose bytes compare as their values do say so", () => {
  const exported: unknown[] = Object.values(values);
  const all = exported.filter((each) => typeof each === "object") as ValueType<unknown>[];
  expect(all.length).toBe(19);
  expect(all.filter(({ ordered }) => ordered).map(({ name }) => name).toSorted())
    .toEqual(["bool", "u16be", "u32be", "u64be", "u8"]);
});

describe("encode and decode", () => {
  test("name both lengths where they differ", () => {
    expect(errorOf(() => decode(u64be, new Uint8Array(7))))
      .toBe("UsageError: Cannot decode: 7 bytes were given, u64be has 8");
    expect(() => decode(u8, new Uint8Array(2))).toThrow(UsageError);
  });

  test("take bytes anywhere in a buffer, and give an own one", () => {
    expect(decode(u8, new Uint8Array([1, 2, 3]).subarray(1, 2))).toBe(2);
    expect(encode(u8, 7).buffer.byteLength).toBe(1);
  });
});
