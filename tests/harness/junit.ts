/** What a run's JUnit report says. */
export interface TestCounts {
  passed: number;
  failed: number;
  skipped: number;
  /** Number of tests of each test file, by its path below the current directory. */
  byFile: Map<string, number>;
  failures: FailedTest[];
}

/** A failed test, as a reader has to know it who cannot see the rest of the output. */
export interface FailedTest {
  file: string;
  /** With the names of the groups around it. */
  name: string;
  /** The error's text, its stack included; may be empty. */
  error: string;
}

const TAG = /<testsuite\b([^>]*)>|<testcase\b([^>]*?)(?:\/>|>([\s\S]*?)<\/testcase>)/g;

/**
 * Reads the reports of `deno test --junit-path` and `bun test --reporter=junit`, not XML at large: both escape
 * `<`, `>`, `&` and quotes in names and messages.
 */
export function readJunit(xml: string): TestCounts {
  const counts: TestCounts = { passed: 0, failed: 0, skipped: 0, byFile: new Map(), failures: [] };
  let suite = "";
  for (const [, suiteTag, caseTag, body = ""] of xml.matchAll(TAG)) {
    if (suiteTag !== undefined) suite = attribute(suiteTag, "name");
    else countCase(counts, { tag: caseTag, body, suite });
  }
  return counts;
}

interface Case {
  tag: string;
  body: string;
  suite: string;
}

function countCase(counts: TestCounts, { tag, body, suite }: Case): void {
  const outcome = outcomeOf(body);
  // Bun lists the hooks of a skipped group as one more skipped test.
  if (outcome === "skipped" && attribute(tag, "name") === "(unnamed)") return;
  counts[outcome]++;
  // Bun names the file at each test, Deno in the suite around it; the # is test_location.ts's.
  const named = attribute(tag, "file");
  const file = (named || suite).replace(/^\.\//, "").replace(/#$/, "");
  counts.byFile.set(file, (counts.byFile.get(file) ?? 0) + 1);
  if (outcome !== "failed") return;
  // Bun names the groups apart, as the class.
  const groups = named === "" ? [] : [attribute(tag, "classname")];
  const name = [...groups, attribute(tag, "name")].filter(Boolean).join(" > ");
  counts.failures.push({ file, name: unescape(name), error: unescape(errorOf(body)) });
}

function errorOf(body: string): string {
  const [, tag, text] = /<(?:failure|error)\b((?:[^>"]|"[^"]*")*?)(?:\/>|>([^<]*)<)/.exec(body) ?? [];
  return (text || attribute(tag ?? "", "message")).trim();
}

const ENTITIES: Record<string, string> = { lt: "<", gt: ">", quot: '"', apos: "'", amp: "&" };

function unescape(text: string): string {
  return text.replace(/&(?:#(\d+)|(\w+));/g, (entity, code, name) => {
    return code === undefined ? ENTITIES[name] ?? entity : String.fromCodePoint(Number(code));
  });
}

function outcomeOf(body: string): "passed" | "failed" | "skipped" {
  if (/<(failure|error)\b/.test(body)) return "failed";
  return /<skipped\b/.test(body) ? "skipped" : "passed";
}

function attribute(tag: string, name: string): string {
  return new RegExp(`\\s${name}="([^"]*)"`).exec(tag)?.[1] ?? "";
}
