import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { encode, f32be, f32le, f64be, f64le } from "../../src/values/mod.ts";
import { hexOf, refusal, roundTrip } from "./kit.ts";

const LAYOUTS = [
  [f32le, "00 00 c0 3f"],
  [f32be, "3f c0 00 00"],
  [f64le, "00 00 00 00 00 00 f8 3f"],
  [f64be, "3f f8 00 00 00 00 00 00"],
] as const;

describe.each(LAYOUTS.map(([type, bytes]) => [type.name, type, bytes] as const))(
  "%s",
  (_name, type, bytes) => {
    test("lies in bytes as it should", () => {
      expect(hexOf(encode(type, 1.5))).toBe(bytes);
    });

    test("comes back as it was, or rounded to 32 bits", () => {
      const numbers = type.length === 8 ? fc.double() : fc.float();
      fc.assert(fc.property(numbers, (each) => expect(roundTrip(type, each)).toBe(each)));
      expect(roundTrip(type, 0.1)).toBe(type.length === 8 ? 0.1 : Math.fround(0.1));
      for (const each of [NaN, -0, Infinity, -Infinity]) expect(roundTrip(type, each)).toBe(each);
    });

    test("refuses what is no number", () => {
      for (const [wrong, words] of [["1", '"1"'], [1n, "1n"], [undefined, "undefined"]]) {
        expect(refusal(type, wrong))
          .toBe(`UsageError: Cannot encode: ${type.name} is ${words}, allowed are numbers`);
      }
    });
  },
);

test("a number that 32 bits would make infinite is refused", () => {
  expect(refusal(f32le, 3.5e38))
    .toBe("UsageError: Cannot encode: f32le is 3.5e+38, allowed are numbers up to 3.4028234663852886e38");
  expect(roundTrip(f32be, -3.4028234663852886e38)).toBe(-3.4028234663852886e38);
});
