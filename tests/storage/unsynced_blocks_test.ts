import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { UnsyncedBlocks } from "../../src/storage/unsynced_blocks.ts";

const PAGE = 4096;

function rangesOf(blocks: UnsyncedBlocks): [number, number][] {
  return [...blocks.ranges()].map(({ start, end }) => [start / PAGE, end / PAGE]);
}

describe("unsynced blocks", () => {
  test("a write counts for every page that it touches", () => {
    const blocks = new UnsyncedBlocks();
    blocks.add(0, 1);
    blocks.add(PAGE - 1, 2);
    blocks.add(5 * PAGE, PAGE);
    blocks.add(2 ** 34 + 7, 1);
    expect(rangesOf(blocks)).toEqual([[0, 2], [5, 6], [2 ** 22, 2 ** 22 + 1]]);
  });

  test("a sync covers what was written before it, a failed one gives it back", () => {
    const blocks = new UnsyncedBlocks();
    blocks.add(0, 1);
    blocks.begin();
    blocks.add(2 * PAGE, 1);
    expect(rangesOf(blocks)).toEqual([[2, 3]]);
    blocks.failed();
    expect(rangesOf(blocks)).toEqual([[0, 1], [2, 3]]);
    blocks.begin();
    expect(rangesOf(blocks)).toEqual([]);
    blocks.clear();
    blocks.begin();
    blocks.failed();
    expect(rangesOf(blocks)).toEqual([]);
  });

  test("as a set of pages does, whatever is done in which order", () => {
    const step = fc.record({
      kind: fc.constantFrom("add", "add", "add", "begin", "failed", "clear"),
      at: fc.nat(400 * PAGE),
      length: fc.integer({ min: 1, max: 5 * PAGE }),
    });
    fc.assert(fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      const blocks = new UnsyncedBlocks();
      let written = new Set<number>();
      let covered = new Set<number>();
      for (const { kind, at, length } of steps) {
        if (kind === "add") {
          blocks.add(at, length);
          for (let page = Math.floor(at / PAGE); page * PAGE < at + length; page++) written.add(page);
        } else if (kind === "begin") {
          blocks.begin();
          [covered, written] = [written, new Set()];
        } else if (kind === "failed") {
          blocks.failed();
          written = written.union(covered);
        } else {
          blocks.clear();
          written = new Set();
        }
        const pages = rangesOf(blocks).flatMap(([first, end]) =>
          Array.from({ length: end - first }, (_, i) => first + i)
        );
        expect(pages).toEqual([...written].sort((a, b) => a - b));
      }
    }));
  });
});
