/** Draws mutants that are worth a run: each compiles, types and all, to a program that is not the same. */

import { type Mutant, mutantsOf } from "./mutants.ts";
import { randomIntegers, shuffled } from "../harness/random.ts";
import type { Workspace } from "./workspace.ts";

/** All mutants of some files, in an order that the seed decides. */
export function candidates(files: readonly string[], read: (path: string) => string, seed: number): Mutant[] {
  return shuffled(files.flatMap((file) => mutantsOf(file, read(file))), randomIntegers(seed));
}

/** Mutants whose types are checked together: the compiler takes a second of CPU however few they are. */
const BATCH = 12;

/** Judges mutants in a workspace of its own, in which nothing else may run meanwhile. */
export class Sieve {
  readonly #workspace: Workspace;
  readonly #originals = new Map<string, string | undefined>();

  /** A sieve over an unchanged tree. */
  constructor(workspace: Workspace) {
    this.#workspace = workspace;
  }

  /** Those of the mutants that parse, change more than types and comments, and have types that hold. */
  async accepted(mutants: readonly Mutant[]): Promise<Mutant[]> {
    const changing: Mutant[] = [];
    for (const mutant of mutants) {
      if (await this.#changes(mutant)) changing.push(mutant);
    }
    return await this.#workspace.wellTyped(changing);
  }

  async #changes(mutant: Mutant): Promise<boolean> {
    const { file } = mutant;
    if (!this.#originals.has(file)) this.#originals.set(file, await this.#workspace.transpile(file));
    const changed = await this.#workspace.with(mutant, () => this.#workspace.transpile(file));
    return changed !== undefined && changed !== this.#originals.get(file);
  }

  /** The first `count` mutants that pass. The next ones are judged while the last ones are in use. */
  async *take(mutants: readonly Mutant[], count: number): AsyncGenerator<Mutant> {
    let at = 0;
    const nextBatch = () => this.accepted(mutants.slice(at, at += BATCH));
    let next = nextBatch();
    for (let taken = 0; taken < count;) {
      const batch = await next;
      if (batch.length === 0 && at >= mutants.length) return;
      next = taken + batch.length < count ? nextBatch() : Promise.resolve([]);
      for (const mutant of batch.slice(0, count - taken)) {
        taken++;
        yield mutant;
      }
    }
    await next;
  }
}
