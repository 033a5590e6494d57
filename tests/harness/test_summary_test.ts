import { describe, expect, test } from "bun:test";
import type { TestCounts } from "./junit.ts";
import { type RuntimeResult, summarize } from "./test_summary.ts";

type Changes = Partial<RuntimeResult> & Partial<Pick<TestCounts, "passed" | "failed" | "failures">>;

function result(changes: Changes = {}): RuntimeResult {
  const { passed = 3, failed = 0, failures = [], ...rest } = changes;
  const byFile = new Map([["tests/a_test.ts", passed + failed + 1]]);
  return {
    runtime: "deno",
    seconds: 1.26,
    counts: { passed, failed, skipped: 1, byFile, failures },
    ...rest,
  };
}

describe("summarize", () => {
  test("gives a line per runtime and the sum as the last line", () => {
    expect(summarize([result(), result({ runtime: "bun", seconds: 2 })])).toEqual({
      lines: [
        "deno: 3 passed, 0 failed, 1 skipped in 1.3 s",
        "bun: 3 passed, 0 failed, 1 skipped in 2.0 s",
        "6 passed, 0 failed, 2 skipped",
      ],
      ok: true,
    });
  });

  test("a failed test fails the run", () => {
    const { lines, ok } = summarize([result({ passed: 2, failed: 1 }), result({ runtime: "bun" })]);
    expect(ok).toBe(false);
    expect(lines.at(-1)).toBe("5 passed, 1 failed, 2 skipped");
  });

  test("tells what failed once more, with the beginning of a long error", () => {
    const failure = { file: "tests/a_test.ts", name: "g > t", error: "no\n".repeat(40) };
    const { lines } = summarize([
      result({ failed: 1, failures: [failure] }),
      result({ runtime: "bun", failed: 22, failures: Array(22).fill({ ...failure, error: "" }) }),
    ]);
    expect(lines.slice(0, 17)).toEqual([
      "deno: failed: tests/a_test.ts: g > t",
      ...Array(15).fill("  no"),
      "bun: failed: tests/a_test.ts: g > t",
    ]);
    expect(lines[36]).toBe("bun: and 2 failed tests more");
  });

  test("different numbers of tests fail the run, with the file", () => {
    const { lines, ok } = summarize([result(), result({ runtime: "bun", passed: 2 })]);
    expect(ok).toBe(false);
    expect(lines.at(-2)).toBe(
      "The runtimes report different numbers of tests: tests/a_test.ts (deno 4, bun 3)",
    );
    expect(lines.at(-1)).toBe("5 passed, 1 failed, 2 skipped");
  });

  test("a run without tests fails, even if all were skipped", () => {
    const { lines, ok } = summarize([result({ passed: 0 })]);
    expect(ok).toBe(false);
    expect(lines).toContain("deno: no test ran");
  });

  test("a problem beside the tests fails the run", () => {
    const { lines, ok } = summarize([result({ problem: "exit code 134" })]);
    expect(ok).toBe(false);
    expect(lines.slice(1)).toEqual(["deno: exit code 134", "3 passed, 1 failed, 1 skipped"]);
  });
});
