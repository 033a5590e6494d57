/** What every command is, and what it is given. */

import type { Runtime } from "../runtime/runtime.ts";

/** What a command may use of the world. */
export interface CliContext {
  /** The runtime: files, network, process. */
  readonly runtime: Runtime;
  /** An environment variable; undefined where unset or denied. */
  env(name: string): string | undefined;
  /** Writes to standard output as it is: the caller ends its lines. */
  out(text: string): void;
  /** Writes to standard error as it is: the caller ends its lines. */
  err(text: string): void;
}

/** A command of the program; each file of a command exports one as `command`. */
export interface Command {
  /** The word that chooses it. */
  readonly name: string;
  /** What it does, in one line of the program's help. */
  readonly summary: string;
  /** What `--help` prints: usage, flags, examples; ends with a newline. */
  readonly usage: string;
  /** Runs with the arguments behind the name; answers the exit code. `--help` never comes here. */
  run(args: string[], context: CliContext): Promise<number>;
}

/** What the process ends with. */
export const ExitCode = {
  /** Done, or stopped as asked. */
  done: 0,
  /** Damage was found, a key is absent, not caught up in time, or anything unforeseen. */
  failed: 1,
  /** A wrong flag, argument or environment variable. */
  usage: 2,
  /** Refused: wrong shape, foreign or locked directory, diverged, port taken. */
  refused: 3,
  /** Ended at once, by a second signal. */
  forced: 130,
} as const;
