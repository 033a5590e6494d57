/** Promises of one outcome, made only when somebody waits: so none is ever unhandled. */
export class Waiters {
  readonly #waiting = new Set<PromiseWithResolvers<void>>();

  /** Waits for the outcome; rejects with the signal's reason, if that comes first. */
  async wait(signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted();
    const waiting = Promise.withResolvers<void>();
    const abort = () => waiting.reject(signal!.reason);
    this.#waiting.add(waiting);
    signal?.addEventListener("abort", abort);
    try {
      await waiting.promise;
    } finally {
      this.#waiting.delete(waiting);
      signal?.removeEventListener("abort", abort);
    }
  }

  /** It came. */
  resolve(): void {
    for (const { resolve } of this.#waiting) resolve();
    this.#waiting.clear();
  }

  /** It cannot come. */
  reject(error: Error): void {
    for (const { reject } of this.#waiting) reject(error);
    this.#waiting.clear();
  }
}
