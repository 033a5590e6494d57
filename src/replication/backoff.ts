/** How long to wait before the next connection: doubling from a base to a limit, with full jitter. */
export interface BackoffOptions {
  /** The first wait is below this, in ms. */
  baseMs: number;
  /** No wait is above this, in ms. */
  limitMs: number;
  /** A connection that lasted this long was healthy and resets the wait, in ms. */
  healthyMs: number;
}

/** armdb's own figures. */
export const DEFAULT_BACKOFF: BackoffOptions = { baseMs: 1000, limitMs: 30_000, healthyMs: 1000 };

/** See {@link BackoffOptions}. */
export class Backoff {
  readonly #options: BackoffOptions;
  readonly #random: () => number;
  #ceilingMs: number;

  /** A fresh backoff; `random` answers 0 to 1. */
  constructor(options: BackoffOptions = DEFAULT_BACKOFF, random: () => number = Math.random) {
    this.#options = options;
    this.#random = random;
    this.#ceilingMs = options.baseMs;
  }

  /** Begins anew. */
  reset(): void {
    this.#ceilingMs = this.#options.baseMs;
  }

  /** The wait after a connection that lasted `lastedMs` (0 where it was never made). */
  next(lastedMs: number): number {
    const { baseMs, limitMs, healthyMs } = this.#options;
    if (lastedMs >= healthyMs) this.#ceilingMs = baseMs;
    const wait = this.#random() * this.#ceilingMs;
    this.#ceilingMs = Math.min(2 * this.#ceilingMs, limitMs);
    return wait;
  }
}
