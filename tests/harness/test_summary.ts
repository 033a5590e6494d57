import type { TestCounts } from "./junit.ts";
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

/**
 * Sums up: a line per runtime, a line per problem, the sum as the last line, `N passed, N failed, N skipped`.
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
  const lines = results.map((result) =>
    `${result.runtime}: ${countsText(result.counts)} in ${result.seconds.toFixed(1)} s`
  );
  return { lines: [...lines, ...problems, countsText(total)], ok: total.failed === 0 };
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
