/** So many kills of followers of one storage and one runtime, on two lanes side by side. */
import type { CrashReport as Report } from "./report.ts";
import { CrashReport } from "./report.ts";
import { type LaneOptions, runLane } from "./lane.ts";

const LANES = 2;

/** Runs them. Rejects with an Error that ends with the command which repeats the run. */
export async function runCrashes(options: LaneOptions): Promise<Report> {
  const lanes = Array.from({ length: Math.min(LANES, options.kills) }, (_, lane) =>
    runLane({
      ...options,
      seed: options.seed + lane,
      kills: Math.floor((options.kills + lane) / LANES),
      keep: options.keep === undefined ? undefined : `${options.keep}/lane${lane}`,
    }));
  const outcomes = await Promise.allSettled(lanes);
  const total = new CrashReport();
  for (const outcome of outcomes) {
    if (outcome.status === "fulfilled") total.add(outcome.value);
    else throw new Error(`${outcome.reason.message}\nRepeat: ${repeat(options)}`, { cause: outcome.reason });
  }
  return total;
}

function repeat({ kills, storage, runtime, seed, leader }: LaneOptions): string {
  return `deno run -A tests/faults/crash/main.ts --kills ${kills} --storage ${storage} --runtime ${runtime} ` +
    `--leader ${leader} --seed ${seed}`;
}
