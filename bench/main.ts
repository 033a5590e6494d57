/**
 * `deno task bench [NAME ...] [--rounds 7] [--runtime deno|bun] [--quick] [--json FILE]`: see README.md.
 *
 * Tables go to standard output, progress to standard error. It fails if anything could not be measured, and not because
 * a ratio is not met.
 */
import { writeFileSync } from "node:fs";
import process from "node:process";
import { findBun, runtimePath } from "../tests/harness/runtimes.ts";
import { type Plan, readArguments } from "./arguments.ts";
import { BENCHES } from "./benches.ts";
import { commit, machine, runtimeVersion } from "./machine.ts";
import type { BenchResult } from "./results.ts";
import { removeDirectories, runBench } from "./rounds.ts";
import { benchLines } from "./table.ts";

/** Names both executables in the environment, where the children look. */
function nameRuntimes({ runtimes }: Plan): void {
  process.env.SLOTCASK_DENO ??= runtimePath("deno");
  if (runtimes.includes("bun")) process.env.SLOTCASK_BUN ??= findBun();
}

async function run(plan: Plan): Promise<BenchResult[]> {
  const results: BenchResult[] = [];
  for (const bench of plan.benches) {
    try {
      const result = await runBench(bench, { ...plan, onProgress: (text) => console.error(text) });
      results.push(result);
      console.log(benchLines(result).join("\n"));
      if (result.contenders.some(({ error }) => error !== undefined)) process.exitCode = 1;
    } catch (error) {
      console.error(`${bench.name} could not be run:`, error);
      process.exitCode = 1;
    }
  }
  return results;
}

async function main(): Promise<void> {
  const args = process.argv.slice(2);
  const plan = readArguments(args, BENCHES);
  nameRuntimes(plan);
  const runtimes = Object.fromEntries(plan.runtimes.map((name) => [name, runtimeVersion(name)]));
  const head = {
    date: new Date().toISOString(),
    command: ["deno task bench", ...args].join(" "),
    commit: commit(),
    machine: machine(),
    runtimes,
    rounds: plan.rounds,
    quick: plan.quick,
  };
  const { cpu, cores, memoryGb, kernel, loadBefore } = head.machine;
  console.log(`${head.date}, commit ${head.commit}, ${head.command}`);
  console.log(`${cpu}, ${cores} cores, ${memoryGb} GB, ${kernel}, load ${loadBefore}`);
  console.log(plan.runtimes.map((name) => `${name} ${runtimes[name]}`).join(", "));
  if (plan.quick) console.log("--quick: these figures mean nothing");
  const benches = await run(plan);
  if (plan.json !== undefined) writeFileSync(plan.json, `${JSON.stringify({ ...head, benches }, null, 2)}\n`);
}

/** The processes that were started end by themselves: their standard input ends. */
function stop(): void {
  removeDirectories();
  process.exit(130);
}

if (import.meta.main) {
  process.once("SIGINT", stop).once("SIGTERM", stop);
  try {
    await main();
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    process.exitCode = 1;
  }
}
