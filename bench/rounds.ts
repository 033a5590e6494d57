/** Measures the contenders of a bench in turn, round by round. */
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Bench, Contender, Figures, Setup } from "./bench.ts";
import { type BenchResult, judge, type Measured } from "./results.ts";

/** How a bench is run. */
export interface RunOptions extends Pick<Setup, "runtimes" | "quick"> {
  /** How often each contender is measured, unless it asks for less. */
  rounds: number;
  /** Told what is going on, for whoever looks on. */
  onProgress?: (text: string) => void;
}

/** The directories of benches that are under way. */
const inUse = new Set<string>();

/** Removes what benches under way have on disk: for a process that is told to stop. */
export function removeDirectories(): void {
  for (const dir of inUse) rmSync(dir, { recursive: true, force: true });
}

/** Prepares a bench, measures its rounds and clears up. */
export async function runBench(bench: Bench, options: RunOptions): Promise<BenchResult> {
  const dir = mkdtempSync(join(tmpdir(), `slotcask-bench-${bench.name}-`));
  inUse.add(dir);
  try {
    options.onProgress?.(`${bench.name}: preparing`);
    const { runtimes, quick } = options;
    await using prepared = await bench.prepare({ dir, runtimes, quick });
    const contenders = await runRounds(bench.name, prepared.contenders, options);
    return { name: bench.name, title: bench.title, contenders, ratios: judge(prepared.ratios, contenders) };
  } finally {
    rmSync(dir, { recursive: true, force: true });
    inUse.delete(dir);
  }
}

/** A contender that fails is measured no further; the others are. */
async function runRounds(
  name: string,
  contenders: readonly Contender[],
  { rounds, onProgress }: RunOptions,
): Promise<Measured[]> {
  const measured = contenders.map((contender): Measured => ({ name: contender.name, rounds: [] }));
  for (let round = 0; round < rounds; round++) {
    for (const [at, contender] of contenders.entries()) {
      if (round >= (contender.rounds ?? rounds) || measured[at].error !== undefined) continue;
      onProgress?.(`${name}: round ${round + 1} of ${rounds}, ${contender.name}`);
      try {
        measured[at].rounds.push(requireFinite(await contender.measure(round)));
      } catch (error) {
        measured[at].error = error instanceof Error ? error.message : String(error);
      }
    }
  }
  return measured;
}

/** A division by nothing would be the best of all ratios, and is no figure in JSON. */
function requireFinite(figures: Figures): Figures {
  const wrong = Object.entries(figures).find(([, value]) => !Number.isFinite(value));
  if (wrong !== undefined) throw new RangeError(`Cannot use a figure: ${wrong[0]} is ${wrong[1]}`);
  return figures;
}

/** A directory below another, made afresh for the time of `use` and removed afterwards. */
export async function withDirectory<T>(path: string, use: (path: string) => Promise<T>): Promise<T> {
  rmSync(path, { recursive: true, force: true });
  mkdirSync(path, { recursive: true });
  try {
    return await use(path);
  } finally {
    rmSync(path, { recursive: true, force: true });
  }
}
