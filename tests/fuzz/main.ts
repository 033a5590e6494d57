/**
 * Mutated frames and directories by hand: `deno task fuzz --frames 10000000 --seed 7`.
 *
 * `--frames N` and `--directories N` say how many, `--seed S` which, and `--case C` begins with that one: a failure
 * prints the flags that repeat it. Without any, a run of the size of CI's: 1,000,000 and 100,000.
 */

import { parseArgs } from "node:util";
import { runDirectories } from "./directory_run.ts";
import { runFrames } from "./frame_run.ts";
import { withoutStacks } from "./refusal.ts";

const { values } = parseArgs({
  options: {
    frames: { type: "string" },
    directories: { type: "string" },
    seed: { type: "string", default: "1" },
    case: { type: "string", default: "0" },
  },
});

const isPlain = values.frames === undefined && values.directories === undefined;
const frames = Number(values.frames ?? (isPlain ? 1_000_000 : 0));
const seed = Number(values.seed);
const first = Number(values.case);

const directories = Number(values.directories ?? (isPlain ? 100_000 : 0));

await timed("frames", frames, () => runFrames({ seed, frames, first }));
await timed("directories", directories, () => runDirectories({ seed, directories, first }));

/** Runs one kind, and tells what it did. A single case keeps its stack traces. */
async function timed<T>(what: string, count: number, run: () => T | Promise<T>): Promise<void> {
  if (count === 0) return;
  const startedAt = performance.now();
  const report = await (count === 1 ? run() : withoutStacks(run));
  const seconds = (performance.now() - startedAt) / 1000;
  console.log(
    what,
    report,
    `seed ${seed}, ${seconds.toFixed(1)} s, ${Math.round(count / seconds)} ${what}/s`,
  );
}
