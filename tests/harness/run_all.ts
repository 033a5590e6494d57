/**
 * Runs the tests under Deno, then under Bun, both whatever comes of the first, and sums up: `deno task test`.
 *
 * Arguments are path filters (`tests/fixed`, `session_test`), and `--runtime deno` or `--runtime bun` for one
 * runtime alone. Both runtimes get the same list of files, so neither finds what the other does not. The counts
 * come from the runtimes' JUnit reports. SLOTCASK_DENO and SLOTCASK_BUN tell the tests both executables.
 */
import { parseArgs } from "node:util";
import { readJunit, type TestCounts } from "./junit.ts";
import { findBun, ROOT, type RuntimeName } from "./runtimes.ts";
import { findTestFiles } from "./test_files.ts";
import { type RuntimeResult, summarize } from "./test_summary.ts";

interface Plan {
  files: string[];
  executables: Record<RuntimeName, string>;
  /** Where the reports go. */
  directory: string;
}

/** Runs a command with this process's output, and gives its exit code. */
async function run(executable: string, args: string[], env: Record<string, string> = {}): Promise<number> {
  const command = new Deno.Command(executable, { args, env, cwd: ROOT, stdin: "null" });
  return (await command.spawn().status).code;
}

function testArguments(runtime: RuntimeName, report: string): string[] {
  if (runtime === "bun") return ["test", "--reporter=junit", `--reporter-outfile=${report}`];
  // Types are checked by `deno task static`; Bun does not check them either.
  return ["test", "-A", "--no-check", `--junit-path=${report}`];
}

async function runTests(runtime: RuntimeName, plan: Plan): Promise<RuntimeResult> {
  const report = `${plan.directory}/${runtime}.xml`;
  const env = { SLOTCASK_DENO: plan.executables.deno, SLOTCASK_BUN: plan.executables.bun };
  const files = plan.files.map((file) => `./${file}`);
  const started = performance.now();
  const code = await run(plan.executables[runtime], [...testArguments(runtime, report), ...files], env);
  const seconds = (performance.now() - started) / 1000;
  const counts = await readReport(report);
  // An error outside all tests (in an import, in a crash) is in no report.
  const problem = counts.failed === 0 && code !== 0 ? `exit code ${code} without a failed test` : undefined;
  return { runtime, counts, seconds, problem };
}

async function readReport(path: string): Promise<TestCounts> {
  try {
    return readJunit(await Deno.readTextFile(path));
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return readJunit("");
    throw error;
  }
}

async function runRuntimes(runtimes: RuntimeName[], filters: string[]): Promise<RuntimeResult[]> {
  const directory = await Deno.makeTempDir();
  try {
    const executables = { deno: Deno.execPath(), bun: findBun() };
    const plan = { files: findTestFiles("tests", filters), executables, directory };
    if (plan.files.length === 0) throw new Error(`No test file's path contains ${filters.join(" or ")}`);
    // Bun's test runner does not install packages. Should this fail, then so does the first import of one.
    await run(executables.bun, ["install", "--frozen-lockfile"]);
    const results: RuntimeResult[] = [];
    for (const runtime of runtimes) results.push(await runTests(runtime, plan));
    return results;
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}

function parseArguments(args: string[]): { runtimes: RuntimeName[]; filters: string[] } {
  const options = { runtime: { type: "string" } } as const;
  const { values, positionals } = parseArgs({ args, options, allowPositionals: true });
  const runtimes = (["deno", "bun"] as const).filter((name) => (values.runtime ?? name) === name);
  if (runtimes.length === 0) {
    throw new Error(`--runtime must be deno or bun: current value is ${values.runtime}`);
  }
  return { runtimes, filters: positionals };
}

async function main(): Promise<void> {
  Deno.chdir(ROOT);
  try {
    const { runtimes, filters } = parseArguments(Deno.args);
    const { lines, ok } = summarize(await runRuntimes(runtimes, filters));
    console.log(`\n${lines.join("\n")}`);
    Deno.exitCode = ok ? 0 : 1;
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    console.log("0 passed, 1 failed, 0 skipped");
    Deno.exitCode = 1;
  }
}

if (import.meta.main) await main();
