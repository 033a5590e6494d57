import { expect, test } from "bun:test";

import { Backoff, DEFAULT_BACKOFF } from "../../src/replication/backoff.ts";

test("doubles from a second to 30", () => {
  const backoff = new Backoff(DEFAULT_BACKOFF, () => 1);
  const waits = Array.from({ length: 7 }, () => backoff.next(0));
  expect(waits).toEqual([1000, 2000, 4000, 8000, 16_000, 30_000, 30_000]);
});

test("is reset by a connection that was healthy for a second, and by none that was shorter", () => {
  const backoff = new Backoff(DEFAULT_BACKOFF, () => 1);
  expect([backoff.next(0), backoff.next(999), backoff.next(1000), backoff.next(0)]).toEqual([
    1000,
    2000,
    1000,
    2000,
  ]);
});

test("jitter is full: from nothing to the ceiling", () => {
  expect(new Backoff(DEFAULT_BACKOFF, () => 0).next(0)).toBe(0);
  const backoff = new Backoff({ baseMs: 100, limitMs: 100, healthyMs: 1 });
  const waits = Array.from({ length: 400 }, () => backoff.next(0));
  expect(Math.min(...waits)).toBeLessThan(20);
  expect(Math.max(...waits)).toBeGreaterThan(80);
  expect(Math.max(...waits)).toBeLessThanOrEqual(100);
});
