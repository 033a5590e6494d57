import { describe, expect, test } from "bun:test";
import { blankSource, findImports } from "./source_code.ts";

describe("findImports", () => {
  test.each([
    ['import { a } from "./a.ts";', "value"],
    ['import "./a.ts";', "value"],
    ['import a, { b } from "./a.ts";', "value"],
    ['import * as a from "./a.ts";', "value"],
    ['import {\n  type A,\n  b,\n} from "./a.ts";', "value"],
    ['export * from "./a.ts";', "value"],
    ['export { a } from "./a.ts";', "value"],
    ['import type { A } from "./a.ts";', "type"],
    ['import { type A, type B } from "./a.ts";', "type"],
    ['export type { A } from "./a.ts";', "type"],
    ['if (x) await import("./a.ts");', "dynamic"],
  ])("reads %j", (source, kind) => {
    expect(findImports(`const before = 1;\n${source}\n`)).toEqual([{ specifier: "./a.ts", kind }] as never);
  });

  test.each([
    '// import { a } from "./a.ts";',
    '/*\nimport { a } from "./a.ts";\n*/',
    'export const a = "./a.ts";',
    'export function f(from = "./a.ts") {}',
  ])("finds none in %j", (source) => expect(findImports(source)).toEqual([]));
});

describe("blankSource", () => {
  test.each([
    ["a(); // Deno.b()", "a();            "],
    ["a(/* Deno.b() */);", "a(              );"],
    ['a("Deno.b()", `Bun.c`);', "a(          ,        );"],
    ["a('it\\'s Deno.b');", "a(              );"],
    ["a(`x ${Deno.b} y`);", "a(   ${Deno.b}   );"],
    ["a(/[\"'`]/, Deno.b);", "a(       , Deno.b);"],
    ["a / b / Deno.c;", "a / b / Deno.c;"],
  ])("of %j keeps the code", (source, code) => expect(blankSource(source, { strings: false })).toBe(code));

  test("keeps strings if told so, and code that looks like a comment in them", () => {
    const source = 'import { a } from "./a.ts"; b("// c");';
    expect(blankSource(`${source} // d`, { strings: true }).trimEnd()).toBe(source);
  });

  test("keeps the lines where they were", () => {
    const source = "a;\n/* b\n c */\n`d\n`;\n";
    expect(blankSource(source, { strings: false })).toBe("a;\n    \n     \n  \n ;\n");
  });
});
