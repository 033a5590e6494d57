/**
 * When the frame came that was handled last: one that waits for a busy store proves no more than it did then.
 *
 * A single mark lies ahead in the bytes, so the time may be that of an earlier byte, and is never that of a later one.
 */
export class Arrival {
  /** Unix ms; 0 before the first frame. */
  handledMs = 0;
  #received = 0;
  #handled = 0;
  /** Bytes from here on came at `markMs` or later; -1 where nothing waits. */
  #mark = -1;
  #markMs = 0;

  /** Notes bytes that have just come. */
  received(bytes: number, nowMs: number): void {
    if (this.#mark < 0) {
      this.#mark = this.#received;
      this.#markMs = nowMs;
    }
    this.#received += bytes;
  }

  /** Notes a frame that was handled, in the order of the bytes. */
  handled(bytes: number): void {
    this.#handled += bytes;
    if (this.#mark < 0 || this.#handled <= this.#mark) return;
    this.handledMs = this.#markMs;
    this.#mark = -1;
  }
}
