import { describe, expect, test } from "bun:test";
import { homeOf, MOST_HOMES, newSegment, tagOf } from "../../src/fixed/index_segment.ts";
import { SlotIndex } from "../../src/fixed/slot_index.ts";

/** Hashes from the largest to 0: their tags descend. */
const HASHES = Array.from({ length: 4097 }, (_, i) => Math.max(0, 2 ** 32 - 1 - i * 2 ** 20));

// Equal hashes make a segment larger than MOST_HOMES: the products of homeOf then need a bit more.
describe.each([64, 8192, MOST_HOMES, 16_384, 16_385, 20_000, 32_767, 32_768, 100_000])(
  "a segment of %d homes",
  (homes) => {
    /** Of a few homes too many for the bits of a tag that are left, the very last are nobody's. */
    function expectLast(place: number): void {
      expect(place).toBeLessThanOrEqual(2 * (homes - 1));
      expect(place).toBeGreaterThanOrEqual(2 * (homes - 1 - homes / 2 ** 14));
    }

    test("has the tags' homes in the order of its entries", () => {
      const segment = newSegment({ homes, depth: 0 });
      const places = HASHES.map((hash) => homeOf(segment, tagOf(hash)));
      expect(places).toEqual([...places].sort((a, b) => a - b));
      expect(places[0]).toBe(0);
      expectLast(places.at(-1)!);
    });

    test("spreads what is left of the tags behind its depth", () => {
      const segment = newSegment({ homes, depth: 3 });
      expect(homeOf(segment, tagOf(0x7fff_ffff))).toBe(0);
      expectLast(homeOf(segment, tagOf(0x6000_0000)));
    });
  },
);

test("keys that come and go leave no segment larger", () => {
  const key = new Uint8Array(1);
  const index = new SlotIndex({ slotHasKey: () => false });
  const { bytes } = index;
  for (let slot = 0; slot < 1000; slot++) {
    index.insert(0x9000_0000 + slot, slot, key, 0);
    expect(index.remove(0x9000_0000 + slot, slot, key, 0)).toBe(true);
  }
  expect(index.bytes).toBe(bytes);
});
