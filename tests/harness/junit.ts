/** What a run's JUnit report says. */
export interface TestCounts {
  passed: number;
  failed: number;
  skipped: number;
  /** Number of tests of each test file, by its path below the current directory. */
  byFile: Map<string, number>;
}

const TAG = /<testsuite\b([^>]*)>|<testcase\b([^>]*?)(?:\/>|>([\s\S]*?)<\/testcase>)/g;

/**
 * Reads the reports of `deno test --junit-path` and `bun test --reporter=junit`, not XML at large: both escape
 * `<`, `>`, `&` and quotes in names and messages.
 */
export function readJunit(xml: string): TestCounts {
  const counts: TestCounts = { passed: 0, failed: 0, skipped: 0, byFile: new Map() };
  let suite = "";
  for (const [, suiteTag, caseTag, body = ""] of xml.matchAll(TAG)) {
    if (suiteTag !== undefined) suite = attribute(suiteTag, "name");
    else countCase(counts, { tag: caseTag, body, suite });
  }
  return counts;
}

function countCase(
  counts: TestCounts,
  { tag, body, suite }: { tag: string; body: string; suite: string },
): void {
  const outcome = outcomeOf(body);
  // Bun lists the hooks of a skipped group as one more skipped test.
  if (outcome === "skipped" && attribute(tag, "name") === "(unnamed)") return;
  counts[outcome]++;
  // Bun names the file at each test, Deno in the suite around it; the # is test_location.ts's.
  const file = (attribute(tag, "file") || suite).replace(/^\.\//, "").replace(/#$/, "");
  counts.byFile.set(file, (counts.byFile.get(file) ?? 0) + 1);
}

function outcomeOf(body: string): "passed" | "failed" | "skipped" {
  if (/<(failure|error)\b/.test(body)) return "failed";
  return /<skipped\b/.test(body) ? "skipped" : "passed";
}

function attribute(tag: string, name: string): string {
  return new RegExp(`\\s${name}="([^"]*)"`).exec(tag)?.[1] ?? "";
}
