import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { decode, encode, hex, text } from "../../src/values/mod.ts";
import { bytesOf, errorOf, hexOf, refusal, roundTrip } from "./kit.ts";

describe("text", () => {
  test("is UTF-8 with zeros behind it", () => {
    expect(hexOf(encode(text(5), "hé"))).toBe("68 c3 a9 00 00");
    expect(hexOf(encode(text(3), "hé"))).toBe("68 c3 a9");
    expect([decode(text(5), bytesOf("68 c3 a9 00 00")), decode(text(2), bytesOf("00 00"))]).toEqual([
      "hé",
      "",
    ]);
    expect([decode(text(0), new Uint8Array(0)), roundTrip(text(0), "")]).toEqual(["", ""]);
  });

  test("comes back as it was, short or long", () => {
    const any = fc.string({ unit: "binary", maxLength: 20 }).filter((each) => !each.endsWith("\0"));
    fc.assert(fc.property(any, fc.constantFrom(80, 200), (each, length) => {
      expect(roundTrip(text(length), each)).toBe(each);
    }));
    expect(roundTrip(text(200), "x".repeat(200))).toBe("x".repeat(200));
  });

  test("keeps zeros and a byte order mark that are part of it", () => {
    expect(decode(text(5), bytesOf("61 00 62 00 00"))).toBe("a\0b");
    expect(decode(text(5), bytesOf("ef bb bf 61 00"))).toBe("\uFEFFa");
  });

  test("that is not UTF-8 is an error, or lossy", () => {
    const cut = bytesOf("61 62 e2 82");
    expect(errorOf(() => decode(text(4), cut))).toBe(
      'UsageError: Cannot decode: text(4) is "ab\uFFFD", and its bytes are not UTF-8: see its option lossy',
    );
    expect(decode(text(4, { lossy: true }), cut)).toBe("ab\uFFFD");
    expect(decode(text(4, { lossy: true }), bytesOf("61 62 63 00"))).toBe("abc");
  });

  test("is refused where it would not come back", () => {
    expect(refusal(text(3), "abcé")).toBe(
      'UsageError: Cannot encode: text(3) is "abcé" of 5 bytes, there is room for 3',
    );
    expect(refusal(text(3), "aé€")).toContain("of 6 bytes, there is room for 3");
    for (const [wrong, words] of [["a\0", '"a\\u0000"'], ["\ud800", '"\\ud800"'], [7, "7"]]) {
      expect(refusal(text(8), wrong)).toBe(
        `UsageError: Cannot encode: text(8) is ${words}, allowed are whole characters, the last not U+0000`,
      );
    }
    expect(refusal(text(8), "y".repeat(5000)).length).toBeLessThan(200);
  });

  test("is in the order of its bytes", () => {
    const words = ["", "a", "a\0b", "aa", "b", "é", "€"];
    const sorted = words.map((word) => hexOf(encode(text(4), word))).toSorted();
    expect(sorted.map((each) => decode(text(4), bytesOf(each)))).toEqual(words);
  });
});

describe("hex", () => {
  test("is two digits a byte", () => {
    expect(hexOf(encode(hex(3), "00fFa1"))).toBe("00 ff a1");
    expect(decode(hex(3), bytesOf("00 ff a1"))).toBe("00ffa1");
    fc.assert(fc.property(fc.uint8Array({ minLength: 9, maxLength: 9 }), (each) => {
      expect(encode(hex(9), roundTrip(hex(9), decode(hex(9), each)))).toEqual(each);
    }));
  });

  test.each(["", "00", "00112", "0011223", "0x1122", "00112g"])("is not %j in 3 bytes", (wrong) => {
    expect(refusal(hex(3), wrong)).toBe(
      `UsageError: Cannot encode: hex(3) is ${JSON.stringify(wrong)}, allowed are 6 hexadecimal digits`,
    );
  });
});
