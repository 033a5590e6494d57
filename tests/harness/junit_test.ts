import { describe, expect, test } from "bun:test";
import { readJunit } from "./junit.ts";

const DENO = `<?xml version="1.0" encoding="UTF-8"?>
<testsuites name="deno test" tests="4" failures="1" errors="0" time="0.023">
    <testsuite name="./tests/a_test.ts#" tests="3" disabled="1" errors="0" failures="1">
        <testcase name="d &gt; pass" classname="./harness.ts" time="0.000" line="1" col="6">
        </testcase>
        <testcase name="skipped" classname="./harness.ts" time="0.000" line="3" col="6">
            <skipped/>
        </testcase>
        <testcase name="fails &quot; &lt; &amp;" classname="./harness.ts" time="0.001" line="4" col="6">
            <failure message="Uncaught Error: boom">Error: boom &lt;skipped/&gt;</failure>
        </testcase>
    </testsuite>
    <testsuite name="./tests/b_test.ts" tests="1" disabled="0" errors="0" failures="0">
        <testcase name="pass" classname="./harness.ts" time="0.000" line="1" col="6">
        </testcase>
    </testsuite>
</testsuites>`;

const BUN = `<?xml version="1.0" encoding="UTF-8"?>
<testsuites name="bun test" tests="5" assertions="0" failures="1" skipped="2" time="0.0099">
  <testsuite name="tests/a_test.ts" file="tests/a_test.ts" tests="4" failures="1" skipped="2">
    <testsuite name="d" file="tests/a_test.ts" line="8" tests="3" failures="1" skipped="2">
      <testcase name="pass" classname="d" time="0.00001" file="tests/a_test.ts" line="7" assertions="0" />
      <testcase name="t" classname="d" time="0" file="tests/a_test.ts" line="20" assertions="0">
        <skipped message="TODO" />
      </testcase>
      <testcase name="(unnamed)" classname="sk" time="0." file="tests/a_test.ts" assertions="0">
        <skipped />
      </testcase>
    </testsuite>
    <testcase name="late" classname="" time="0.05" file="tests/a_test.ts" line="32" assertions="0">
      <failure type="TimeoutError" message="test timed out" />
    </testcase>
  </testsuite>
  <testsuite name="tests/b_test.ts" file="tests/b_test.ts" tests="1" failures="0" skipped="0">
    <testcase name="pass" classname="" time="0.00001" file="tests/b_test.ts" line="7" assertions="0" />
  </testsuite>
</testsuites>`;

describe("readJunit", () => {
  test.each([["deno", DENO], ["bun", BUN]])("counts the report of %s by outcome and by file", (_, xml) => {
    expect(readJunit(xml)).toEqual({
      passed: 2,
      failed: 1,
      skipped: 1,
      byFile: new Map([["tests/a_test.ts", 3], ["tests/b_test.ts", 1]]),
      failures: [expect.objectContaining({ file: "tests/a_test.ts" })],
    });
  });

  test("names what failed, with its groups and its error", () => {
    const inGroup = BUN.replace(
      'assertions="0" />\n      <testcase name="t"',
      'assertions="0"><failure type="Error" message="a &gt; b">a &gt; b&#10;  at x</failure></testcase>\n' +
        '      <testcase name="t"',
    );
    expect([...readJunit(DENO).failures, ...readJunit(inGroup).failures]).toEqual([
      { file: "tests/a_test.ts", name: 'fails " < &', error: "Error: boom <skipped/>" },
      { file: "tests/a_test.ts", name: "d > pass", error: "a > b\n  at x" },
      { file: "tests/a_test.ts", name: "late", error: "test timed out" },
    ]);
  });

  test("counts a failed hook, which Bun reports without a name", () => {
    expect(readJunit(BUN.replaceAll("<skipped />", '<failure type="Error" message="x"/>')).failed).toBe(2);
  });

  test("finds nothing in an empty report", () => {
    expect(readJunit("")).toEqual({ passed: 0, failed: 0, skipped: 0, byFile: new Map(), failures: [] });
  });
});
