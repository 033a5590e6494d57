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

/**
 * Calls `Deno.test` so that it seems to be called from the innermost frame of a test file: the tests of a contract
 * suite belong to the file that runs it, as under Bun. Where there is none, from the innermost frame outside `inside`.
 */
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

interface Place {
  url: string;
  line: number;
  column: number;
}

/** A contract suite's groups lie between a test and the test file: more frames than are kept by default. */
const MOST_FRAMES = 50;

function callerOutside(inside: readonly string[]): Place | undefined {
  const places = stackPlaces().filter(({ url }) => !inside.includes(url));
  return places.find(({ url }) => url.endsWith("_test.ts")) ?? places[0];
}

function stackPlaces(): Place[] {
  const limit = Error.stackTraceLimit;
  Error.stackTraceLimit = MOST_FRAMES;
  const frames = new Error().stack?.split("\n") ?? [];
  Error.stackTraceLimit = limit;
  return frames.flatMap((frame) => {
    const [, url, line, column] = /(file:\/\/[^\s()]+):(\d+):(\d+)\)?$/.exec(frame) ?? [];
    return url === undefined ? [] : [{ url, line: Number(line), column: Number(column) }];
  });
}
