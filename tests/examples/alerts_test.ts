import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { type ChildResult, ROOT, runChild } from "../harness/runtimes.ts";
import { requireTool } from "../harness/tools.ts";
import { scrape, unknownIn } from "./metrics.ts";

const LIMIT_MS = 60_000;
const promtool = requireTool("promtool");

function read(path: string): string {
  return readFileSync(`${ROOT}/${path}`, "utf8");
}

function runPromtool(...args: string[]): Promise<ChildResult> {
  return runChild(promtool!, args, { cwd: `${ROOT}/examples`, timeoutMs: LIMIT_MS });
}

describe("examples/alerts.yml", () => {
  const alerts = read("examples/alerts.yml");
  const names = [...alerts.matchAll(/^ +- alert: (\w+)$/gm)].map(([, name]) => name);

  test("has alerts, each once", () => {
    expect(names.length).toBeGreaterThan(5);
    expect(new Set(names).size).toBe(names.length);
  });

  test("uses metrics and labels that a follower has", async () => {
    expect(unknownIn(alerts, await scrape())).toEqual([]);
  });

  test("has for each alert a test that sees it", () => {
    const tests = read("examples/alerts_test.yml");
    const seen = [...tests.matchAll(/^ +- alertname: (\w+)$/gm)].map(([, name]) => name);
    expect(names.filter((name) => !seen.includes(name))).toEqual([]);
  });

  test("has for each alert a section of docs/operations.md that says what to do", () => {
    const page = read("docs/operations.md");
    expect(names.filter((name) => !page.includes(`\n### ${name}\n`))).toEqual([]);
  });

  test.skipIf(promtool === undefined)("is what promtool accepts", async () => {
    const { code, output } = await runPromtool("check", "rules", "alerts.yml");
    expect(output).toContain(`SUCCESS: ${names.length} rules found`);
    expect(code).toBe(0);
  }, LIMIT_MS);

  test.skipIf(promtool === undefined)("fires when it should, and only then", async () => {
    const { code, output } = await runPromtool("test", "rules", "alerts_test.yml");
    expect(output).toContain("SUCCESS");
    expect(code).toBe(0);
  }, LIMIT_MS);
});
