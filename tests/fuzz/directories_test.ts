/**
 * Mutated directories into open, inspect, verify, dump and get. Here a quarter of a run's 100,000 on each runtime, since
 * each takes 0.6 ms; `main.ts --directories 100000` is the whole.
 */

import { expect, test } from "bun:test";
import { MOST_ALLOCATION, runDirectories } from "./directory_run.ts";
import { OWN_HALF } from "./half.ts";
import { withoutStacks } from "./refusal.ts";

const DIRECTORIES = 25_000;
const SEED = 6;
/** Of a directory of 60 slots: what each command reads at a time, a page of metas and a window for each open. */
const MOST_ALLOCATED = 32 << 20;

test(
  "no mutated directory crashes a command, and what opens serves only what its checksums match",
  async () => {
    const report = await withoutStacks(() =>
      runDirectories({ seed: SEED, directories: DIRECTORIES, ...OWN_HALF })
    );
    expect(report.directories).toBe(DIRECTORIES);
    // Runs in which nothing opens, or all does, would prove nothing.
    expect(report.opened).toBeGreaterThan(DIRECTORIES / 3);
    expect(report.opened).toBeLessThan(DIRECTORIES);
    expect(report.distrusted).toBeGreaterThan(DIRECTORIES / 50);
    expect(report.keys).toBeGreaterThan(DIRECTORIES);
    expect(Object.keys(report.refusals).sort()).toEqual([
      "DamagedDirectoryError",
      "ForeignDirectoryError",
      "StorageError",
    ]);
    expect(Object.keys(report.damage).sort()).toEqual([
      "crc",
      "duplicate",
      "header",
      "misrouted",
      "missing",
      "sidecar",
      "status",
      "truncated",
      "unreadable",
    ]);
    expect(report.largestAllocation).toBeLessThanOrEqual(MOST_ALLOCATION);
    expect(report.mostAllocated).toBeLessThanOrEqual(MOST_ALLOCATED);
    expect(report.longestCaseMs).toBeLessThan(5000);
  },
  300_000,
);
