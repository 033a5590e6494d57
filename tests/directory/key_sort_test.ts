import { describe, expect, test } from "bun:test";
import { sortKeys } from "../../src/directory/key_sort.ts";
import { randomWords } from "../harness/random.ts";

function keysOf(length: number, count: number, byte: (i: number, at: number) => number): Uint8Array {
  return Uint8Array.from({ length: length * count }, (_, i) => byte(Math.floor(i / length), i % length));
}

/** The order by the plain definition: hex texts, and numbers where they are equal. */
function orderOf(keys: Uint8Array, length: number, count: number): number[] {
  const texts = Array.from({ length: count }, (_, i) => keys.slice(i * length, (i + 1) * length).toHex());
  return texts.map((_, i) => i).sort((a, b) => texts[a] < texts[b] ? -1 : texts[a] > texts[b] ? 1 : a - b);
}

describe("sortKeys", () => {
  for (const length of [1, 2, 3, 4, 5, 7, 8, 9, 12, 16, 33]) {
    test(`sorts keys of ${length} bytes, with few and with many equal beginnings`, () => {
      for (const values of [1, 2, 3, 256]) {
        const random = randomWords(length * 1000 + values);
        const keys = keysOf(length, 500, () => random() % values);
        expect(Array.from(sortKeys(keys, length, 500))).toEqual(orderOf(keys, length, 500));
      }
    });
  }

  test("sorts bytes unsigned, and ties by number", () => {
    const keys = Uint8Array.of(0x80, 0, 0x7f, 0xff, 0xff, 0, 0xff, 0xff, 0x80, 0);
    expect(Array.from(sortKeys(keys, 2, 5))).toEqual([1, 0, 4, 2, 3]);
  });

  test("sorts big-endian counters, which share their first bytes", () => {
    const count = 20_000;
    const numbers = Array.from({ length: count }, (_, i) => (i * 7919) % count);
    const keys = new Uint8Array(8 * count);
    numbers.forEach((number, i) => new DataView(keys.buffer).setUint32(8 * i + 4, number));
    const sorted = Array.from(sortKeys(keys, 8, count), (i) => numbers[i]);
    expect(sorted).toEqual(numbers.map((_, i) => i));
  });

  test("sorts many keys that are all equal by number", () => {
    const keys = new Uint8Array(5 * 1000).fill(9);
    expect(Array.from(sortKeys(keys, 5, 1000))).toEqual(Array.from({ length: 1000 }, (_, i) => i));
  });

  test("sorts none and one", () => {
    expect(Array.from(sortKeys(new Uint8Array(), 8, 0))).toEqual([]);
    expect(Array.from(sortKeys(new Uint8Array(8), 8, 1))).toEqual([0]);
  });
});
