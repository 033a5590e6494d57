/**
 * Bounds how many shards catch up at once: against protocol 2 parallel scans each last as long as all of them,
 * and the longer a scan lasts, the likelier the leader's queue overflows.
 */
export class ScanGate {
  readonly #limit: () => number;
  readonly #waiting: (() => void)[] = [];
  #inside = 0;

  /** `limit` is asked each time: it depends on the leader's protocol. */
  constructor(limit: () => number) {
    this.#limit = limit;
  }

  /** Waits for a place; the answer gives it back, once. */
  async enter(): Promise<() => void> {
    while (this.#inside >= this.#limit()) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    this.#inside++;
    let isInside = true;
    return () => {
      if (!isInside) return;
      isInside = false;
      this.#inside--;
      this.wake();
    };
  }

  /** Lets all who wait look again. */
  wake(): void {
    for (const resolve of this.#waiting.splice(0)) resolve();
  }
}
