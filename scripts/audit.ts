/**
 * `deno task audit`: asks the package registry whether packages that we depend on are known to be vulnerable, by the
 * audits of both runtimes. Fails where one is. A registry that has no such service, or none at all in reach, is told of
 * plainly and fails nothing: what needs no registry is tests/security/dependencies_test.ts.
 */

import process from "node:process";
import { findBun, ROOT, runChild, runtimePath } from "../tests/harness/runtimes.ts";

/** What an audit came to. */
export type AuditOutcome = "good" | "vulnerable" | "not available";

const LIMIT_MS = 60_000;

/** What an audit says by its exit code and its output: neither runtime has a code of its own for a missing service. */
export function auditOutcome({ code, output }: { code: number; output: string }): AuditOutcome {
  if (/\b[1-9]\d* vulnerabilit|severity: (low|moderate|high|critical)/i.test(output)) return "vulnerable";
  return code === 0 ? "good" : "not available";
}

/** The line of an output that says why there was no answer, without what it was sent to. */
export function reasonOf(output: string): string {
  const lines = output.split("\n").map((line) => line.trim());
  const line = lines.find((line) => /error/i.test(line)) ?? lines.find((line) => line !== "") ?? "no output";
  return line.replace(/\(?https?:\/\/\S+\)?/g, "").replace(/^error:\s*/i, "").replace(/\s+/g, " ");
}

async function main(): Promise<void> {
  const audits = { deno: runtimePath("deno") ?? "deno", bun: runtimePath("bun") ?? findBun() };
  for (const [name, executable] of Object.entries(audits)) {
    const result = await runChild(executable, ["audit"], { cwd: ROOT, timeoutMs: LIMIT_MS });
    const outcome = auditOutcome(result);
    if (outcome === "vulnerable") console.log(result.output.trim());
    console.log(
      `${name} audit: ${outcome}${outcome === "not available" ? `: ${reasonOf(result.output)}` : ""}`,
    );
    if (outcome === "vulnerable") process.exitCode = 1;
  }
}

if (import.meta.main) await main();
