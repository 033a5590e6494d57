/**
 * `deno task mutants [--mutants 300] [--seed S] [--runtime bun|deno] [--files TEXT] [--only TEXT] [--seconds 10]`: are the
 * unit tests good enough to notice a small fault?
 *
 * Draws mutants of the files in subjects.ts by the seed, and runs the unit tests of each in a copy of the tree, up to
 * the first failure. Fails if less than 85 % are caught, or if survivors.json is stale. `--files` takes only files whose
 * path contains the text, `--only` all mutants of a place, such as `shard.ts:120:5`.
 */

import { existsSync, readFileSync } from "node:fs";
import process from "node:process";
import { parseArgs } from "node:util";
import { findBun, ROOT, runChild, type RuntimeName, runtimePath } from "../harness/runtimes.ts";
import { candidates, Sieve } from "./draw.ts";
import { type Mutant, mutantsOf } from "./mutants.ts";
import { describeMutant, type Outcome, reportLines, type Result, score } from "./report.ts";
import { subjectFiles, testsOf } from "./subjects.ts";
import { findKnown, type KnownSurvivor, staleEntries } from "./survivors.ts";
import { type Executables, Workspace } from "./workspace.ts";

/** The least share that is to be caught. */
const LEAST_SCORE = 0.85;
/** CPU seconds for all tests of an unchanged tree. */
const BASELINE_SECONDS = 120;

interface Plan {
  mutants: number;
  seed: number;
  runtime: RuntimeName;
  files: string[];
  only?: string;
  /** CPU seconds of a mutant's tests. */
  seconds: number;
}

function readPlan(args: string[]): Plan {
  const text = { type: "string" } as const;
  const options = { mutants: text, seed: text, runtime: text, files: text, only: text, seconds: text };
  const { values } = parseArgs({ args, options });
  const runtime = values.runtime ?? "bun";
  if (runtime !== "bun" && runtime !== "deno") {
    throw new Error(`--runtime must be bun or deno, not ${runtime}`);
  }
  const files = subjectFiles().filter((file) => file.includes(values.files ?? ""));
  return {
    mutants: count("--mutants", values.mutants ?? (values.only === undefined ? "300" : "1000")),
    seed: count("--seed", values.seed ?? String(Math.floor(Math.random() * 2 ** 31))),
    runtime,
    files,
    only: values.only,
    seconds: count("--seconds", values.seconds ?? "10"),
  };
}

function count(flag: string, text: string): number {
  const value = Number(text);
  if (Number.isSafeInteger(value) && value >= 0) return value;
  throw new Error(`${flag} must be a whole number: current value is ${text}`);
}

function readTree(path: string): string {
  return readFileSync(`${ROOT}/${path}`, "utf8");
}

/** survivors.json. */
export function knownSurvivors(): KnownSurvivor[] {
  return JSON.parse(readTree("tests/mutation/survivors.json"));
}

/** What is stale in survivors.json. */
export function staleSurvivors(): string[] {
  const known = knownSurvivors();
  const missing = known.filter(({ file }) => !existsSync(`${ROOT}/${file}`));
  const mutantsIn = (file: string) => ({ source: readTree(file), mutants: mutantsOf(file, readTree(file)) });
  return [
    ...missing.map(({ file }) => `${file}: there is no such file`),
    ...staleEntries(known.filter((entry) => !missing.includes(entry)), mutantsIn),
  ];
}

/** Runs the unit tests of a mutant. */
export async function tryMutant(
  workspace: Workspace,
  mutant: Mutant,
  { runtime, seconds }: Pick<Plan, "runtime" | "seconds">,
): Promise<Outcome> {
  return await workspace.with(mutant, async () => {
    for (const tests of testsOf(mutant.file, workspace.has)) {
      const verdict = await workspace.test(runtime, tests, seconds);
      if (verdict !== "passed") return verdict === "hung" ? "hung" : "caught";
    }
    return "survived";
  });
}

/** The unchanged tree must pass, or nothing is caught that fails. */
async function requireGoodTree(workspace: Workspace, { files, runtime }: Plan): Promise<void> {
  const tests = [...new Set(files.flatMap((file) => testsOf(file, workspace.has).flat()))];
  const verdict = await workspace.test(runtime, tests, BASELINE_SECONDS);
  if (verdict !== "passed") {
    throw new Error(`Cannot judge mutants: the tests of the unchanged tree ${verdict}`);
  }
}

async function run(plan: Plan, executables: Executables): Promise<Result[]> {
  // Bun's test runner does not install packages. Should this fail, then so do the tests of the unchanged tree.
  if (plan.runtime === "bun") await runChild(executables.bun, ["install", "--frozen-lockfile"]);
  using sieveTree = new Workspace(executables);
  using workspace = new Workspace(executables);
  const read = (path: string) => workspace.read(path);
  await requireGoodTree(workspace, plan);
  const known = knownSurvivors();
  const drawn = candidates(plan.files, read, plan.seed).filter((mutant) =>
    plan.only === undefined || describeMutant(read(mutant.file), mutant).includes(plan.only)
  );
  const results: Result[] = [];
  for await (const mutant of new Sieve(sieveTree).take(drawn, plan.mutants)) {
    const outcome = await tryMutant(workspace, mutant, plan);
    results.push({ mutant, outcome, known: findKnown(known, read(mutant.file), mutant) });
    console.error(`${results.length} ${outcome} ${describeMutant(read(mutant.file), mutant)}`);
  }
  console.log(reportLines(results, read).join("\n"));
  return results;
}

async function main(): Promise<void> {
  const plan = readPlan(process.argv.slice(2));
  const executables = { deno: runtimePath("deno") ?? "deno", bun: runtimePath("bun") ?? findBun() };
  console.log(`deno task mutants --mutants ${plan.mutants} --seed ${plan.seed} --runtime ${plan.runtime}`);
  const started = performance.now();
  const results = await run(plan, executables);
  const stale = staleSurvivors();
  for (const problem of stale) console.log(`stale in survivors.json: ${problem}`);
  console.log(`${Math.round((performance.now() - started) / 1000)} s`);
  process.exitCode = score(results) >= LEAST_SCORE && stale.length === 0 ? 0 : 1;
}

if (import.meta.main) await main();
