import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { ROOT, runtimePath } from "../harness/runtimes.ts";
import { candidates, Sieve } from "./draw.ts";
import { staleSurvivors, tryMutant } from "./main.ts";
import { applyMutant, type Mutant, mutantsOf } from "./mutants.ts";
import { reportLines, type Result, score } from "./report.ts";
import { subjectFiles, testsOf } from "./subjects.ts";
import { findKnown, markedLine, staleEntries } from "./survivors.ts";
import { tokenize } from "./tokens.ts";
import { Workspace } from "./workspace.ts";

const LIMIT_MS = 60_000;

function read(path: string): string {
  return readFileSync(`${ROOT}/${path}`, "utf8");
}

function textsOf(source: string): string[] {
  return tokenize(source).map(({ text }) => text);
}

/** What each mutant of a source makes of it. */
function changes(source: string): string[] {
  return mutantsOf("a.ts", source).map((mutant) => applyMutant(source, mutant));
}

describe("tokenize", () => {
  test.each([
    ["a<b", ["a", "<", "b"]],
    ["a >>>= 0x1f_ff;", ["a", ">>>=", "0x1f_ff", ";"]],
    ["a / b / c", ["a", "/", "b", "/", "c"]],
    ['f(/[/]"/g, 1.5e-3)', ["f", "(", '/[/]"/g', ",", "1.5e-3", ")"]],
    ["'it\\'s' + `a ${f(`b}`)} c`", ["'it\\'s'", "+", "`a ${f(`b}`)} c`"]],
    ["this.#a?.b ?? c // d", ["this", ".", "#a", "?.", "b", "??", "c", "// d"]],
    ["[...a, 0n]", ["[", "...", "a", ",", "0n", "]"]],
  ])("cuts %s", (source, texts) => expect(textsOf(source)).toEqual(texts));

  test.each(subjectFiles())("loses nothing of %s", (file) => {
    const source = read(file);
    const kept = tokenize(source).map(({ at, text }) => [at, source.slice(at, at + text.length) === text]);
    expect(kept.filter(([, isThere]) => !isThere)).toEqual([]);
    expect(textsOf(source).join("").replace(/\s/g, "")).toBe(source.replace(/\s/g, ""));
  });
});

describe("mutantsOf", () => {
  test.each([
    ["x = a < b", ["x = a <= b", "x = a >= b"]],
    ["x = a === 0", ["x = a !== 0", "x = a === 1"]],
    ["x = !a && 7", ["x = a && 7", "x = !a || 7", "x = !a && 8", "x = !a && 6"]],
    ["x = true ? 0x10 : 2n", [
      "x = false ? 0x10 : 2n",
      "x = true ? 17 : 2n",
      "x = true ? 15 : 2n",
      "x = true ? 0x10 : 3n",
      "x = true ? 0x10 : 1n",
    ]],
    ["if (a) return;", ["if (a) ;"]],
    ["for (; a.b; c()) d();", ["for (; a.b; c()) ;"]],
    ["{ throw new AError(a + 1); }", ["{ ; }"]],
    ["{ f({ a: b }); }", ["{ ; }"]],
    ["{ a.b = c; }", ["{ ; }"]],
    ["x = a!.b", []],
    ["x = new Map<A, B>()", []],
    ["// a + 1\nx = 'a + 1'", []],
    ["x = { a, b }", []],
  ])("of %s", (source, expected) => expect(changes(source)).toEqual(expected));

  test("there are thousands in our files, and each is applied at its place", () => {
    const all = subjectFiles().flatMap((file) => mutantsOf(file, read(file)));
    expect(all.length).toBeGreaterThan(2000);
    for (const mutant of all) expect(applyMutant(read(mutant.file), mutant)).not.toBe(read(mutant.file));
  });

  test("are drawn in the order that the seed says", () => {
    const files = subjectFiles().slice(0, 2);
    expect(candidates(files, read, 7)).toEqual(candidates(files, read, 7));
    expect(candidates(files, read, 7)).not.toEqual(candidates(files, read, 8));
  });
});

describe("the report", () => {
  const source = "a = 1;\nif (a < b) return;\n";
  const mutant: Mutant = { file: "a.ts", at: source.indexOf("<"), before: "<", after: "<=" };

  test("marks what is changed", () => {
    expect(markedLine(source, mutant)).toBe("if (a «<» b) return;");
    expect(markedLine("  f({\n  a,\n});\n", { file: "", at: 2, before: "f({\n  a,\n});", after: ";" })).toBe(
      "«f({»",
    );
  });

  test("counts, and names survivors with what was answered", () => {
    const known = { file: "a.ts", code: "if (a «<» b) return;", after: ["<=", ">="], reason: "b is never a" };
    expect(findKnown([known], source, mutant)).toBe(known);
    const other = { ...mutant, after: ">=" };
    const results: Result[] = [
      { mutant, outcome: "survived", known },
      { mutant: other, outcome: "survived" },
      { mutant, outcome: "caught", known },
      { mutant, outcome: "hung" },
    ];
    expect(score(results)).toBe(0.5);
    expect(reportLines(results, () => source)).toEqual([
      "caught  hung  survived  file",
      "     1     1         2  a.ts",
      "     1     1         2  all",
      "",
      "survived: a.ts:2:7 < -> >=",
      "answered: a.ts:2:7 < -> <=: b is never a",
      "caught after all, take it out of survivors.json: a.ts:2:7 < -> <=",
      "50.0 % of 4 mutants were caught",
    ]);
  });

  test("finds entries that are stale", () => {
    const entry = { file: "a.ts", code: "if (a «<» b) return;", after: "<=", reason: "x" };
    const mutantsIn = () => ({ source, mutants: mutantsOf("a.ts", source) });
    expect(staleEntries([entry], mutantsIn)).toEqual([]);
    expect(staleEntries([{ ...entry, code: "if (a «<» c) return;" }], mutantsIn)).toHaveLength(1);
    expect(staleEntries([{ ...entry, after: "-" }, { ...entry, reason: " " }], mutantsIn)).toHaveLength(2);
  });
});

test("no entry of survivors.json is stale", () => expect(staleSurvivors()).toEqual([]));

test("every test file of the table is there", () => {
  using tree = new Workspace({ deno: "", bun: "" }, [
    "tests/fixed",
    "tests/replication",
    "tests/replica",
    "tests/directory",
  ]);
  expect(subjectFiles().flatMap((file) => testsOf(file, tree.has).flat()).filter((path) => !tree.has(path)))
    .toEqual([]);
});

const bun = runtimePath("bun");
const deno = runtimePath("deno");

describe.skipIf(bun === undefined || deno === undefined)("a mutant of meta.ts", () => {
  const file = "src/fixed/meta.ts";
  const COPIED = [
    file,
    "tests/fixed/meta_test.ts",
    "tests/replication/wire_samples.ts",
    "src/errors.ts",
    "deno.json",
  ];

  /** The first mutant of a line that is changed so. */
  function mutantAt(code: string, after: string): Mutant {
    const source = read(file);
    return mutantsOf(file, source).find((mutant) =>
      markedLine(source, mutant) === code && mutant.after === after
    )!;
  }

  test("is caught by its unit tests, or survives, and its file is put back", async () => {
    using tree = new Workspace({ deno: deno!, bun: bun! }, COPIED);
    const wrong = mutantAt("return distance !== 0 «&&» distance < HALF_RING;", "||");
    const run = () => tree.test("bun", ["tests/fixed/meta_test.ts"], 10);
    expect(await run()).toBe("passed");
    expect(await tree.with(wrong, run)).toBe("failed");
    expect(tree.read(file)).toBe(read(file));
    expect(await tryMutant(tree, wrong, { runtime: "bun", seconds: 10 })).toBe("caught");
    expect(tree.read(file)).toBe(read(file));
  }, LIMIT_MS);

  test("is drawn only if it parses, has good types and changes the program", async () => {
    using tree = new Workspace({ deno: deno!, bun: bun! }, COPIED);
    const sieve = new Sieve(tree);
    const source = read(file);
    const at = source.indexOf("number {");
    const good = mutantAt("return meta & «3»;", "4");
    const bad: Mutant[] = [
      { file, at, before: "number {", after: "string | number {" },
      { file, at, before: "number {", after: "number {{" },
      { file, at: source.indexOf("meta & 3"), before: "meta & 3", after: "meta & three" },
    ];
    expect(await sieve.accepted([bad[0], bad[1], good, bad[2]])).toEqual([good]);
    expect(await Array.fromAsync(sieve.take([good, ...bad, good, good], 2))).toEqual([good, good]);
    expect(await Array.fromAsync(sieve.take([bad[0]], 2))).toEqual([]);
    expect(tree.read(file)).toBe(source);
  }, LIMIT_MS);
});
