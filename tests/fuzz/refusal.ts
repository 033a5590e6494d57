/** What a refusal must be: one of our own errors, with words; a RangeError or TypeError is a fault of ours. */

import { SlotcaskError } from "../../src/errors.ts";

/** A class of errors. */
// deno-lint-ignore no-explicit-any
export type ErrorClass = abstract new (...args: any[]) => Error;

/** A run found a fault: the message names the seed and the case. */
export class Fault extends Error {
  override name = "Fault";
}

/** The error of a case, with the command that repeats it. */
export function caseFault(error: unknown, { what, seed, number }: FailedCase): Fault {
  const repeat = `tests/fuzz/main.ts --${what} 1 --seed ${seed} --case ${number}`;
  return new Fault(`Case ${number} of seed ${seed}: ${error}. Repeat it with ${repeat}`, { cause: error });
}

/** Which case of what kind. */
export interface FailedCase {
  /** Flag of `main.ts`. */
  what: string;
  seed: number;
  number: number;
}

/** Counts refusals by the name of their class. */
export class Refusals {
  /** How many there were, by class. */
  readonly counts: Record<string, number> = {};

  /** Takes up what was thrown; throws it again where it is none of the classes that are right here. */
  take(thrown: unknown, allowed: readonly ErrorClass[]): void {
    const isTyped = thrown instanceof SlotcaskError && allowed.some((each) => thrown instanceof each);
    if (!isTyped || thrown.message === "") throw thrown;
    this.counts[thrown.name] = (this.counts[thrown.name] ?? 0) + 1;
  }
}

/** Throws a Fault unless it holds. */
export function must(holds: boolean, what: () => string): void {
  if (!holds) throw new Fault(what());
}

/** Runs without stack traces: they are most of the time that an error takes, and nobody reads a million. */
export async function withoutStacks<T>(run: () => Promise<T> | T): Promise<T> {
  const { stackTraceLimit } = Error;
  Error.stackTraceLimit = 0;
  try {
    return await run();
  } finally {
    Error.stackTraceLimit = stackTraceLimit;
  }
}
