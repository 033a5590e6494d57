import { describe, expect, test } from "bun:test";

import {
  formatAgo,
  formatBytes,
  formatMoment,
  formatPercent,
  formatShort,
  formatSpan,
  groupHex,
  hexToText,
  readHex,
  textToHex,
} from "../../../admin/page/format.js";

describe("times and amounts", () => {
  test.each([
    [0, "under 1 s"],
    [999, "under 1 s"],
    [59_999, "59 s"],
    [60_000, "1 min"],
    [200_000, "3 min 20 s"],
    [7_500_000, "2 h 5 min"],
    [273_600_000, "3 d 4 h"],
  ])("%d ms are %s", (ms, text) => expect(formatSpan(ms)).toBe(text));

  test("a moment that a faster clock puts ahead is now", () => {
    expect(formatAgo(5000, 1000)).toBe("under 1 s ago");
  });

  test("a moment has its time zone, and means the same", () => {
    const text = formatMoment(1_800_000_000_123);
    expect(text).toMatch(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.123 [+-]\d\d:\d\d$/);
    expect(Date.parse(text.replace(" ", "T").replace(" ", ""))).toBe(1_800_000_000_123);
  });

  test.each([[0, "0 B"], [1023, "1,023 B"], [1536, "1.5 KiB"], [200 * 1024, "200 KiB"], [
    2 ** 50,
    "1,024 TiB",
  ]])(
    "%d bytes are %s",
    (bytes, text) => expect(formatBytes(bytes)).toBe(text),
  );

  test("counts get short from 100,000 on", () => {
    expect([99_999, 1_250_000].map(formatShort)).toEqual(["99,999", "1.3M"]);
  });

  test("a share is never all before it is, nor nothing where there is some", () => {
    const shares = [[0, 0], [0, 9], [1, 1000], [999, 1000], [1000, 1000]].map(([a, b]) =>
      formatPercent(a, b)
    );
    expect(shares).toEqual(["0 %", "0 %", "under 1 %", "99 %", "100 %"]);
  });
});

describe("bytes", () => {
  test("hex is read as people paste it", () => {
    expect(["", "0xAB cd", "12:34", " 00 "].map(readHex)).toEqual(["", "abcd", "1234", "00"]);
    expect(["1", "zz", "ab c", "0x"].map(readHex)).toEqual([undefined, undefined, undefined, ""]);
  });

  test("text becomes UTF-8 in hex, and printable hex text", () => {
    expect(textToHex("aé")).toBe("61c3a9");
    expect(hexToText("61c3a900")).toBe("a···");
    expect(groupHex("0011223344")).toBe("00112233 44");
  });
});
