/** As many seeds as CI has time for: one half under each runtime. By hand: main.ts. */

import { expect, test } from "bun:test";
import process from "node:process";
import { report } from "./report.ts";
import { Simulation } from "./simulation.ts";

/** Seeds of a test, so that a failure is told early and the event loop of the test runner turns in between. */
const SEEDS_PER_TEST = 100;
/** The first seed of each runtime's half. */
const FIRST = process.versions.deno === undefined ? 1001 : 1;

const FIRSTS = Array.from({ length: 10 }, (_, i) => FIRST + i * SEEDS_PER_TEST);

test.each(FIRSTS)("100 seeds from %p on", async (from) => {
  const failures: string[] = [];
  for (let seed = from; seed < from + SEEDS_PER_TEST; seed++) {
    const outcome = await new Simulation(seed).run();
    if (outcome.error !== undefined) failures.push(report(outcome));
  }
  expect(failures).toEqual([]);
}, 60_000);

test("a seed always takes the same course", async () => {
  const seeds = [3, 16, 98];
  const hashes = [];
  for (let i = 0; i < 2; i++) {
    for (const seed of seeds) hashes.push((await new Simulation(seed).run()).hash);
  }
  expect(hashes.slice(3)).toEqual(hashes.slice(0, 3));
});
