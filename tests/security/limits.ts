/** What a hostile peer may cost at the most, and how it is measured. */

import { readdirSync, statSync } from "node:fs";
import process from "node:process";

/** Bytes of a MiB. */
export const MIB = 2 ** 20;

/** Bytes that a directory takes on the disk: holes in its files take none. */
export function diskBytes(path: string): number {
  const stat = statSync(path);
  const own = stat.blocks * 512;
  if (!stat.isDirectory()) return own;
  return readdirSync(path).reduce((sum, name) => sum + diskBytes(`${path}/${name}`), own);
}

/** Bytes of memory that this process holds. */
export function memoryBytes(): number {
  return process.memoryUsage.rss();
}

/** Measures the longest time for which the event loop let nothing else run. */
export class LoopWatch implements Disposable {
  /** In ms. */
  longestMs = 0;
  #lastAt = performance.now();
  readonly #timer = setInterval(() => {
    const now = performance.now();
    this.longestMs = Math.max(this.longestMs, now - this.#lastAt);
    this.#lastAt = now;
  }, 1);

  /** Ends the watch. */
  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }
}
