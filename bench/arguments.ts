/** What `deno task bench` is told. */
import { parseArgs } from "node:util";
import type { Bench, RuntimeName } from "./bench.ts";

/** What is measured, and how. */
export interface Plan {
  /** The benches, in their own order. */
  benches: readonly Bench[];
  /** Rounds of each. */
  rounds: number;
  /** The runtimes to measure. */
  runtimes: readonly RuntimeName[];
  /** See `Setup.quick`. */
  quick: boolean;
  /** Where the results go as JSON. */
  json: string | undefined;
}

const RUNTIMES: readonly RuntimeName[] = ["deno", "bun"];
const DEFAULT_ROUNDS = 7;

const OPTIONS = {
  rounds: { type: "string" },
  runtime: { type: "string" },
  quick: { type: "boolean" },
  json: { type: "string" },
} as const;

/** Reads arguments; no name means all benches. Throws an Error that names what is wrong. */
export function readArguments(args: readonly string[], benches: readonly Bench[]): Plan {
  const { values, positionals } = parseArgs({ args: [...args], options: OPTIONS, allowPositionals: true });
  const { rounds = String(DEFAULT_ROUNDS), runtime, quick = false, json } = values;
  if (!/^[1-9]\d*$/.test(rounds)) {
    throw new Error(`--rounds must be a whole number from 1 on: current value is ${rounds}`);
  }
  const runtimes = RUNTIMES.filter((name) => (runtime ?? name) === name);
  if (runtimes.length === 0) throw new Error(`--runtime must be deno or bun: current value is ${runtime}`);
  return { benches: choose(positionals, benches), rounds: Number(rounds), runtimes, quick, json };
}

function choose(names: readonly string[], benches: readonly Bench[]): readonly Bench[] {
  const unknown = names.find((name) => !benches.some((bench) => bench.name === name));
  if (unknown !== undefined) {
    const known = benches.map((bench) => bench.name).join(", ");
    throw new Error(`Cannot run the bench ${unknown}: there are ${known}`);
  }
  return names.length === 0 ? benches : benches.filter((bench) => names.includes(bench.name));
}
