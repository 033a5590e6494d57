import { expect, test } from "bun:test";
import { LastError } from "../src/last_error.ts";

test("an error that repeats keeps the time of its first; another one, or one after a success, begins anew", () => {
  const last = new LastError();
  const times: number[] = [];
  const note = (message: string) => {
    last.set(new Error(message));
    times.push(last.sinceMs);
    const since = Date.now();
    while (Date.now() === since);
  };
  note("a");
  note("a");
  note("b");
  last.clear();
  expect(last.error).toBeUndefined();
  note("b");
  expect(times[1]).toBe(times[0]);
  expect(times[2]).toBeGreaterThan(times[1]);
  expect(times[3]).toBeGreaterThan(times[2]);
  expect(last.error?.message).toBe("b");
});
