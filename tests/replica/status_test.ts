import { expect, test } from "bun:test";

import { LastError } from "../../src/last_error.ts";
import { ShapeError, StorageError } from "../../src/errors.ts";
import type { Phase } from "../../src/replication/phase.ts";
import { errorStatus, leastPhase } from "../../src/replica/status.ts";

const ORDER: Phase[] = [
  "stopped",
  "diverged",
  "paused",
  "backing-off",
  "connecting",
  "greeting",
  "catching-up",
  "catch-up-only",
  "live",
];

test("the least advanced phase stands for all", () => {
  for (const [i, least] of ORDER.entries()) {
    for (const other of ORDER.slice(i)) {
      expect(leastPhase([other, least])).toBe(least);
      expect(leastPhase([least, other, other])).toBe(least);
    }
  }
  expect(leastPhase([])).toBe("connecting");
});

test("an error in status has its message, its remedy and since when, and is plain", () => {
  const last = new LastError();
  expect(errorStatus(undefined)).toBeNull();
  expect(errorStatus(last)).toBeNull();
  const errors = [
    [new ShapeError("a"), "stop"],
    [new StorageError("b"), "reconnect"],
    [new TypeError("c"), "reconnect"],
  ] as const;
  for (const [error, remedy] of errors) {
    last.set(error);
    expect(errorStatus(last)).toEqual({ message: error.message, remedy, sinceMs: expect.any(Number) });
  }
  last.clear();
  expect(errorStatus(last)).toBeNull();
});
