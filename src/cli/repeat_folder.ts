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
  /** The shards that have had it, and those that have it still. */
  shards: Set<number>;
  ailing: Set<number>;
}

/** Different errors that are remembered; of more, the oldest are forgotten. */
const MOST_ERRORS = 32;
const LINE_EVERY_MS = 60_000;

/**
 * Folds repeating errors. Numbers in a message (ports, counts) do not make it another one, and neither does the
 * shard: a leader that is away is one error, however many shards miss it.
 */
export class RepeatFolder {
  readonly #now: () => number;
  readonly #errors = new Map<string, Repeating>();

  /** A folder with a clock in ms. */
  constructor(now: () => number) {
    this.#now = now;
  }

  /** An error of a shard: the line to write, or undefined where there is none to write now. */
  add(shard: number, message: string): string | undefined {
    const pattern = message.replace(/\d+/g, "#");
    const error = this.#errors.get(pattern);
    if (error === undefined) return this.#begin(pattern, shard, message);
    const now = this.#now();
    error.message = message;
    error.count++;
    error.sinceLine++;
    error.shards.add(shard);
    error.ailing.add(shard);
    if (now - error.lastLineAt < LINE_EVERY_MS) return undefined;
    const line = `${message} (${times(error.sinceLine)} in ${formatDuration(now - error.lastLineAt)})`;
    error.lastLineAt = now;
    error.sinceLine = 0;
    return line;
  }

  /** A shard is well again: a line for each error that no shard has any more. */
  end(shard: number): string[] {
    const lines: string[] = [];
    for (const [pattern, error] of this.#errors) {
      if (!error.ailing.delete(shard) || error.ailing.size > 0) continue;
      this.#errors.delete(pattern);
      lines.push(this.#endLine(error));
    }
    return lines;
  }

  #begin(pattern: string, shard: number, message: string): string {
    const now = this.#now();
    const [oldest] = this.#errors.keys();
    if (this.#errors.size === MOST_ERRORS) this.#errors.delete(oldest);
    this.#errors.set(pattern, {
      message,
      beganAt: now,
      lastLineAt: now,
      count: 1,
      sinceLine: 0,
      shards: new Set([shard]),
      ailing: new Set([shard]),
    });
    return message;
  }

  #endLine({ message, count, beganAt, shards }: Repeating): string {
    const where = shards.size === 1 ? "" : ` at ${shards.size} shards`;
    return `over after ${times(count)}${where} in ${formatDuration(this.#now() - beganAt)}: ${message}`;
  }
}

function times(count: number): string {
  return count === 1 ? "once" : `${count} times`;
}
