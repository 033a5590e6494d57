import { describe, expect, test } from "bun:test";

import { optionsOf, runCuts } from "./cuts.ts";

/** Of each life: by hand `main.ts` tries as many as one likes. */
const CUTS = 40;

describe("a power cut", () => {
  test.each([0, 4, 2, 6])(
    "leaves what was promised, and nothing wrong, whenever it comes: seed %d",
    async (seed) => {
      const { ops, outcomes } = await runCuts(seed, CUTS);
      expect(ops).toBeGreaterThan(150);
      const { complete = 0, incomplete = 0, unfinished = 0, nothing = 0 } = outcomes;
      expect(complete + incomplete + unfinished + nothing).toBe(CUTS);
      expect([complete > 0, incomplete > 0]).toEqual([true, true]);
    },
    30_000,
  );

  test("is tried for every storage and every policy", () => {
    const tried = [0, 4, 2, 6].map((seed) => optionsOf(seed));
    expect(new Set(tried.map(({ storage }) => storage)).size).toBe(3);
    expect(new Set(tried.map(({ sync }) => sync)).size).toBe(3);
  });
});
