/** A follower's store against a Map: whatever happens to leader, connection and process, reads and watches are right. */

import { expect, test } from "bun:test";
import fc from "fast-check";
import { detectRuntime } from "../../src/runtime/mod.ts";
import { STORAGE_KINDS } from "../../src/storage/slot_file.ts";
import { COMMANDS, compared, Model, Real } from "./commands.ts";

const RUNS = 10_000;
/** The runtimes go different ways. */
const SEED = detectRuntime().name === "deno" ? 6 : 7;
const KINDS = STORAGE_KINDS.filter((kind) => kind !== "mapped");

test("a follower's store equals the Map, through every sequence of commands", async () => {
  const commands = fc.commands(COMMANDS, { maxCommands: 24, size: "+1" });
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(...KINDS), commands, async (kind, commands) => {
      const real = await Real.begin(kind);
      await fc.asyncModelRun(() => ({ model: new Model(), real }), commands);
      await real.watch?.stop();
      await real.replica.close();
    }),
    { numRuns: RUNS, seed: SEED },
  );
  expect(compared.live).toBeGreaterThan(RUNS);
  expect(compared.watched).toBeGreaterThan(RUNS / 4);
  expect(compared.resyncs).toBeGreaterThan(RUNS / 20);
  expect(Object.keys(compared.kinds).sort()).toEqual([
    "connect",
    "crash",
    "cut",
    "delete",
    "pause",
    "put",
    "reconnect",
    "reopen",
    "rescan",
    "reset",
    "scan",
    "unwatch",
    "watch",
  ]);
}, 300_000);
