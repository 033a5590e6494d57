/**
 * Registers a `Deno.test` at the place of the call in the test file.
 *
 * Deno takes a test's file and line from the code that calls `Deno.test`, which for us is one line of the harness:
 * failures would not say where the test is, and the report could not tell the files apart. So the call is made by
 * a function that was compiled under the test file's name and at its line.
 */
import { runInThisContext } from "node:vm";

const CALL = "(register, test) => register(test)";
const CALL_COLUMN = CALL.indexOf("register(test)");

/** Calls `Deno.test` so that it seems to be called from the innermost frame outside the files in `inside`. */
export function registerAtCaller(test: Deno.TestDefinition, inside: readonly string[]): void {
  const place = callerOutside([...inside, import.meta.url]);
  if (place === undefined) return Deno.test(test);
  const { url, line, column } = place;
  const call = runInThisContext(CALL, {
    // By the bare URL Deno would find the file's source map and apply it, but the line is the source's already.
    filename: `${url}#`,
    lineOffset: line - 1,
    columnOffset: column - 1 - CALL_COLUMN,
  });
  call(Deno.test, test);
}

function callerOutside(inside: readonly string[]): { url: string; line: number; column: number } | undefined {
  for (const frame of new Error().stack?.split("\n") ?? []) {
    const [, url, line, column] = /(file:\/\/[^\s()]+):(\d+):(\d+)\)?$/.exec(frame) ?? [];
    if (url !== undefined && !inside.includes(url)) {
      return { url, line: Number(line), column: Number(column) };
    }
  }
}
