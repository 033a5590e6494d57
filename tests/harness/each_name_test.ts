import { expect, test } from "bun:test";
import { eachName } from "./each_name.ts";

test.each([
  ["%s and %d", ["a", 2], "a and 2"],
  ["%i, %f, %j", [7, 1.5, { a: 1 }], '7, 1.5, {"a":1}'],
  ["%p", [[1, 2]], "[ 1, 2 ]"],
  ["row %#", ["a"], "row 3"],
  ["%d%%", [50], "50%"],
  ["more %s than %s", ["one"], "more one than %s"],
  ["$name is $inner.value", [{ name: "x", inner: { value: 7 } }], "x is 7"],
  ["$missing stays", [{ name: "x" }], "$missing stays"],
  ["plain", [1, 2], "plain"],
])("template %j", (template, row, name) => {
  expect(eachName(template as string, row as unknown[], 3)).toBe(name as string);
});
