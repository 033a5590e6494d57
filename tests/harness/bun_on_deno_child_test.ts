// How test files end that fail or leak, and whether both runtimes run the same: seen from outside, in children.
import { describe, expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { readJunit, type TestCounts } from "./junit.ts";
import { runChild, type RuntimeName, runtimePath } from "./runtimes.ts";

const LIMIT_MS = 60_000;
const NO_DENO = runtimePath("deno") === undefined;
const NO_BUN = runtimePath("bun") === undefined;

interface FixtureRun {
  code: number;
  output: string;
  counts: TestCounts;
}

/** Runs a file of fixtures/ as a test file. */
async function runFixture(runtime: RuntimeName, name: string): Promise<FixtureRun> {
  const directory = await mkdtemp(`${tmpdir()}/slotcask-harness-`);
  try {
    const report = `${directory}/report.xml`;
    const reporting = runtime === "deno"
      ? ["-A", "--no-check", `--junit-path=${report}`]
      : ["--reporter=junit", `--reporter-outfile=${report}`];
    const args = ["test", ...reporting, `./tests/harness/fixtures/${name}.ts`];
    const { code, output } = await runChild(runtimePath(runtime)!, args);
    return { code, output, counts: readJunit(await readFile(report, "utf8")) };
  } finally {
    await rm(directory, { recursive: true });
  }
}

function eventsOf({ output }: FixtureRun): string[] {
  return output.split("\n").filter((line) => line.startsWith("EVENT "));
}

/** The names of failed tests in Deno's output. */
function failedTests({ output }: FixtureRun): string[] {
  return [...output.matchAll(/^(\S.*) \.\.\. FAILED \(/gm)].map(([, name]) => name);
}

describe.skipIf(NO_DENO || NO_BUN)("a file that passes", () => {
  test("runs the same under both runtimes", async () => {
    const [deno, bun] = [await runFixture("deno", "semantics"), await runFixture("bun", "semantics")];
    expect([deno.code, bun.code]).toEqual([0, 0]);
    expect(eventsOf(deno)).toEqual(eventsOf(bun));
    expect(eventsOf(deno).length).toBeGreaterThan(50);
    expect(deno.counts).toEqual(bun.counts);
    expect(deno.counts).toMatchObject({ passed: 15, failed: 0, skipped: 9 });
  }, LIMIT_MS);
});

describe.skipIf(NO_DENO || NO_BUN)("a file that fails", () => {
  test("runs the same hooks and has as many failures under both runtimes", async () => {
    const [deno, bun] = [await runFixture("deno", "failures"), await runFixture("bun", "failures")];
    expect([deno.code, bun.code]).toEqual([1, 1]);
    expect(eventsOf(deno)).toEqual(eventsOf(bun));
    expect(deno.counts.failed).toBe(11);
    expect(bun.counts.failed).toBe(11);
  }, LIMIT_MS);
});

describe.skipIf(NO_DENO)("under Deno", () => {
  test("failures name their tests and causes, and nothing hangs", async () => {
    const result = await runFixture("deno", "failures");
    expect(failedTests(result)).toEqual([
      "late",
      "late by an option",
      "blocks the thread",
      "late hook > one",
      "failing beforeEach > one",
      "failing afterEach > one",
      "failing test > one",
      "failing beforeAll > one",
      "failing afterAll > one",
      "too few assertions",
      "no assertion",
    ]);
    for (const cause of ["Timed out after 50 ms", "beforeAll broke", "afterAll broke", "test broke"]) {
      expect(result.output).toContain(cause);
    }
    expect(result.output).not.toContain("must not run");
    expect(result.output).toContain("late => ./tests/harness/fixtures/failures.ts");
  }, LIMIT_MS);

  test("a test that leaves something open fails", async () => {
    const result = await runFixture("deno", "leaks");
    const byDeno = ["a timer", "a child"];
    const byProc = [
      "a timer",
      "a listener",
      "a file",
      "a child",
      "a connection",
      "a scope > opens nothing itself",
    ];
    expect(failedTests(result)).toEqual(existsSync("/proc/self/fd") ? byProc : byDeno);
    expect(result.code).toBe(1);
  }, LIMIT_MS);
});
