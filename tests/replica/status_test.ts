import { expect, test } from "bun:test";

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

test("an error in status has its message and remedy, and is plain", () => {
  expect(errorStatus(undefined)).toBeNull();
  expect(errorStatus(new ShapeError("a"))).toEqual({ message: "a", remedy: "stop" });
  expect(errorStatus(new StorageError("b"))).toEqual({ message: "b", remedy: "reconnect" });
  expect(errorStatus(new TypeError("c"))).toEqual({ message: "c", remedy: "reconnect" });
});
