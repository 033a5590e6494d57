/** Reads and writes that do less than they were asked for, repeated until all is done. */

/** The most that one system call is asked for: both runtimes and Linux have limits near 2 GiB. */
const MOST_AT_ONCE = 1 << 30;

/**
 * Calls `step(done, most)` until `length` bytes are done, or until it does none (the end of a file).
 *
 * `step` moves up to `most` bytes, starting `done` bytes in, and returns how many it moved.
 * Returns how many were moved in all.
 */
export function transferAll(length: number, step: (done: number, most: number) => number): number {
  let done = 0;
  while (done < length) {
    const moved = step(done, Math.min(length - done, MOST_AT_ONCE));
    if (moved === 0) break;
    done += moved;
  }
  return done;
}
