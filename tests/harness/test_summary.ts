import type { FailedTest, TestCounts } from "./junit.ts";
import type { RuntimeName } from "./runtimes.ts";

/** How the tests went under one runtime. */
export interface RuntimeResult {
  runtime: RuntimeName;
  counts: TestCounts;
  seconds: number;
  /** What went wrong beside the tests: no report, or a bad exit code without a failed test. */
  problem?: string;
}

/** The lines that end a test run, and whether it was good. */
export interface Summary {
  lines: string[];
  ok: boolean;
}

/** Failed tests whose errors are told again, and lines of each: the end of a log must stay short. */
const FAILURES_TOLD = 20;
const ERROR_LINES = 15;

/**
 * Sums up: the failed tests of all runtimes, a line per runtime, a line per problem, the sum as the last line, `N passed, N failed, N skipped`.
 *
 * Each problem counts as a failure: no test at all, different numbers of tests under the runtimes, or what a
 * result calls a problem.
 */
export function summarize(results: readonly RuntimeResult[]): Summary {
  const problems = [...results.flatMap(problemsOf), ...differences(results)];
  const total = { passed: 0, failed: problems.length, skipped: 0 };
  for (const { counts } of results) {
    total.passed += counts.passed;
    total.failed += counts.failed;
    total.skipped += counts.skipped;
  }
  const runs = results.map((result) =>
    `${result.runtime}: ${countsText(result.counts)} in ${result.seconds.toFixed(1)} s`
  );
  const lines = [...results.flatMap(failuresOf), ...runs, ...problems, countsText(total)];
  return { lines, ok: total.failed === 0 };
}

/** What failed, once more: a log of one runtime is long, and whoever sees only its end must see this. */
function failuresOf({ runtime, counts: { failures } }: RuntimeResult): string[] {
  const told = failures.slice(0, FAILURES_TOLD).flatMap((failed) => failureLines(runtime, failed));
  const rest = failures.length - FAILURES_TOLD;
  return rest > 0 ? [...told, `${runtime}: and ${rest} failed tests more`] : told;
}

function failureLines(runtime: RuntimeName, { file, name, error }: FailedTest): string[] {
  const lines = error === "" ? [] : error.split("\n").slice(0, ERROR_LINES);
  return [`${runtime}: failed: ${file}: ${name}`, ...lines.map((line) => `  ${line}`)];
}

function countsText(
  { passed, failed, skipped }: { passed: number; failed: number; skipped: number },
): string {
  return `${passed} passed, ${failed} failed, ${skipped} skipped`;
}

function problemsOf({ runtime, counts, problem }: RuntimeResult): string[] {
  if (problem !== undefined) return [`${runtime}: ${problem}`];
  return counts.passed + counts.failed === 0 ? [`${runtime}: no test ran`] : [];
}

function differences([first, second]: readonly RuntimeResult[]): string[] {
  if (second === undefined) return [];
  const files = [...new Set([...first.counts.byFile.keys(), ...second.counts.byFile.keys()])].sort();
  const lines = files.flatMap((file) => {
    const [a, b] = [first, second].map(({ counts }) => counts.byFile.get(file) ?? 0);
    return a === b ? [] : [`${file} (${first.runtime} ${a}, ${second.runtime} ${b})`];
  });
  return lines.length === 0 ? [] : [`The runtimes report different numbers of tests: ${lines.join(", ")}`];
}
