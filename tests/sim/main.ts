/**
 * Simulations by hand: `--seeds N` of them, from seed `--from K` on; `--seed S --trace` shows all of one.
 *
 * Ends with code 1 at the end if any failed, and prints for each the command that repeats it.
 */

import { parseArgs } from "node:util";
import process from "node:process";
import { report } from "./report.ts";
import { Trace } from "./trace.ts";
import { Simulation } from "./simulation.ts";

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      seeds: { type: "string", default: "1000" },
      from: { type: "string", default: "1" },
      seed: { type: "string" },
      trace: { type: "boolean", default: false },
      stop: { type: "boolean", default: false },
    },
  });
  const from = Number(values.seed ?? values.from);
  const count = values.seed === undefined ? Number(values.seeds) : 1;
  const startedAt = performance.now();
  let failed = 0, events = 0, virtualMs = 0;
  const faults: Record<string, number> = {};
  const hashes: string[] = [];
  for (let seed = from; seed < from + count; seed++) {
    const simulation = new Simulation(seed);
    if (values.trace) {
      console.log(JSON.stringify(simulation.plan));
      simulation.trace.onLine = (line) => console.log(line);
    }
    const outcome = await simulation.run();
    events += outcome.events;
    virtualMs += outcome.virtualMs;
    hashes.push(outcome.hash);
    for (const [fault, times] of Object.entries(outcome.faults)) {
      faults[fault] = (faults[fault] ?? 0) + times!;
    }
    if (values.trace) {
      console.log(`hash ${outcome.hash}, ${outcome.events} events`, outcome.error?.stack ?? "");
    }
    if (outcome.error === undefined) continue;
    failed++;
    if (!values.trace) console.log(report(outcome));
    if (values.stop) break;
  }
  const seconds = (performance.now() - startedAt) / 1000;
  console.log(
    `${count} seeds in ${seconds.toFixed(1)} s, ${failed} failed; ${events} events, ` +
      `${Math.round(virtualMs / 1000)} virtual s; all hashes ${hashOf(hashes)}`,
  );
  console.log(Object.entries(faults).map(([fault, times]) => `${fault} ${times}`).join(", "));
  if (failed > 0) process.exitCode = 1;
}

/** One hash of all: equal on both runtimes where every seed took the same course. */
function hashOf(hashes: string[]): string {
  const trace = new Trace();
  for (const hash of hashes) trace.add(hash);
  return trace.hash;
}

if (import.meta.main) {
  process.on("unhandledRejection", (error) => {
    console.log("unhandled rejection", error);
    process.exitCode = 1;
  });
  await main();
}
