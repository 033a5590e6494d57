/**
 * Power cuts by hand: `deno run -A tests/faults/disk/main.ts --cuts 1000 --seed 1`, the same in Bun. Each seed is a life
 * of 200 cuts; `--cut N` repeats one of them. Ends with 1 at the first failure.
 */

import { parseArgs } from "node:util";
import process from "node:process";

import { optionsOf, runCuts } from "./cuts.ts";

/** Cuts of one life. */
const CUTS_PER_LIFE = 200;

const { values } = parseArgs({
  args: process.argv.slice(2),
  options: {
    cuts: { type: "string", default: "1000" },
    seed: { type: "string", default: "1" },
    cut: { type: "string" },
  },
});
const first = Number(values.seed);
const lives = values.cut === undefined ? Math.ceil(Number(values.cuts) / CUTS_PER_LIFE) : 1;
for (let seed = first; seed < first + lives; seed++) {
  const { storage, sync } = optionsOf(seed);
  const startedAt = performance.now();
  const cut = values.cut === undefined ? undefined : Number(values.cut);
  const { ops, outcomes } = await runCuts(seed, CUTS_PER_LIFE, cut);
  const seconds = ((performance.now() - startedAt) / 1000).toFixed(1);
  console.log(
    `seed ${seed}: ${storage}, sync ${sync}, ${ops} operations, ${JSON.stringify(outcomes)}, ${seconds} s`,
  );
}
