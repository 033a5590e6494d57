import type { Outcome } from "./simulation.ts";

/** Lines of the trace that a report shows. */
const LINES = 40;

/** What a failed simulation is reported as: the seed, its last steps, and the command that repeats it. */
export function report({ seed, error, hash, lines, events, virtualMs }: Outcome): string {
  return [
    `seed ${seed} failed: ${error?.message}`,
    ...lines.slice(-LINES).map((line) => `  ${line}`),
    `  ${events} events, ${Math.round(virtualMs)} virtual ms, hash ${hash}`,
    `repeat: deno run -A tests/sim/main.ts --seed ${seed} --trace`,
  ].join("\n");
}
