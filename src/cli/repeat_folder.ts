/** Errors that repeat: one line when they begin, one a minute with their count, one when they end. */

import { formatDuration } from "./duration.ts";

/** An error that goes on. */
interface Repeating {
  /** As it was last told. */
  message: string;
  beganAt: number;
  lastLineAt: number;
  /** Since it began, and since its last line. */
  count: number;
  sinceLine: number;
}

/** Different errors of one thing that are remembered; of more, the oldest are forgotten. */
const MOST_PER_KEY = 16;
const LINE_EVERY_MS = 60_000;

/** Folds repeating errors. Numbers in a message (ports, counts) do not make it another one. */
export class RepeatFolder {
  readonly #now: () => number;
  readonly #byKey = new Map<number, Map<string, Repeating>>();

  /** A folder with a clock in ms. */
  constructor(now: () => number) {
    this.#now = now;
  }

  /** An error of the thing `key` (a shard): the line to write, or undefined where there is none to write now. */
  add(key: number, message: string): string | undefined {
    const errors = this.#errorsOf(key);
    const pattern = message.replace(/\d+/g, "#");
    const now = this.#now();
    const error = errors.get(pattern);
    if (error === undefined) {
      const [oldest] = errors.keys();
      if (errors.size === MOST_PER_KEY) errors.delete(oldest);
      errors.set(pattern, { message, beganAt: now, lastLineAt: now, count: 1, sinceLine: 0 });
      return message;
    }
    error.message = message;
    error.count++;
    error.sinceLine++;
    if (now - error.lastLineAt < LINE_EVERY_MS) return undefined;
    const line = `${message} (${times(error.sinceLine)} in ${formatDuration(now - error.lastLineAt)})`;
    error.lastLineAt = now;
    error.sinceLine = 0;
    return line;
  }

  /** The thing `key` is well again: a line for each error that it had. */
  end(key: number): string[] {
    const errors = [...this.#errorsOf(key).values()];
    this.#byKey.delete(key);
    const now = this.#now();
    return errors.map(({ message, count, beganAt }) =>
      `over after ${times(count)} in ${formatDuration(now - beganAt)}: ${message}`
    );
  }

  #errorsOf(key: number): Map<string, Repeating> {
    let errors = this.#byKey.get(key);
    if (errors === undefined) this.#byKey.set(key, errors = new Map());
    return errors;
  }
}

function times(count: number): string {
  return count === 1 ? "once" : `${count} times`;
}
