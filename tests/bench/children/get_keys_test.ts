import { describe, expect, test } from "bun:test";

import { KEY_BYTES, Keys, shuffle } from "../../../bench/children/get_keys.ts";

/** Keys 0, 1, 2, ...: each a u64 in big-endian. */
function countingKeys(count: number): Uint8Array {
  const keys = new DataView(new ArrayBuffer(count * KEY_BYTES));
  for (let i = 0; i < count; i++) keys.setBigUint64(i * KEY_BYTES, BigInt(i));
  return new Uint8Array(keys.buffer);
}

function split(keys: Uint8Array): string[] {
  return Array.from({ length: keys.length / KEY_BYTES }, (_, i) => {
    return keys.subarray(i * KEY_BYTES, (i + 1) * KEY_BYTES).toHex();
  });
}

describe("shuffle", () => {
  test("keeps every record whole, once, and moves them all about in the same way each time", () => {
    const [ordered, once, again] = [countingKeys(1000), countingKeys(1000), countingKeys(1000)];
    shuffle(once, KEY_BYTES);
    shuffle(again, KEY_BYTES);
    expect(once).toEqual(again);
    expect(split(once).sort()).toEqual(split(ordered));
    const stayed = split(once).filter((key, i) => key === split(ordered)[i]);
    expect(stayed.length).toBeLessThan(10);
  });
});

describe("Keys", () => {
  test("passes every key in its order, after some that warm up", () => {
    const seen: string[] = [];
    const ns = new Keys(countingKeys(10)).time((key) => seen.push(key.toHex()) > 0, "all");
    expect(seen).toEqual([...split(countingKeys(10)), ...split(countingKeys(10))]);
    expect(ns).toBeGreaterThan(0);
  });

  test("refuses a pass in which a key was not found, or was found that should not be", () => {
    const keys = new Keys(countingKeys(10));
    expect(() => keys.time((key) => key[KEY_BYTES - 1] !== 7, "all")).toThrow("9 keys were found, not 10");
    expect(() => keys.time((key) => key[KEY_BYTES - 1] === 7, "none")).toThrow("1 keys were found, not 0");
  });
});
