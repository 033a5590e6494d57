/** Why something fails now, and since when. */
export class LastError {
  #error: Error | undefined;
  #sinceMs = 0;

  /** The error; undefined where all is well. */
  get error(): Error | undefined {
    return this.#error;
  }

  /** When it came first, of those of the same message in a row (Unix ms). */
  get sinceMs(): number {
    return this.#sinceMs;
  }

  /** Notes an error. */
  set(error: Error): void {
    if (this.#error?.message !== error.message) this.#sinceMs = Date.now();
    this.#error = error;
  }

  /** All is well again. */
  clear(): void {
    this.#error = undefined;
  }
}
