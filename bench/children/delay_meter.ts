/** How late the event loop is: a timer of 1 ms, and by how much it was late each time. */
import { percentile } from "../statistics.ts";

/**
 * Calls back with each tick, and keeps the lateness.
 *
 * Not perf_hooks' monitorEventLoopDelay: Deno's sees nothing of a loop that was blocked for 20 ms.
 */
export class DelayMeter {
  readonly #lateMs: number[] = [];
  readonly #onTick: () => void;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #due = 0;

  /** Begins at once. */
  constructor(onTick: () => void = () => {}) {
    this.#onTick = onTick;
    this.#arm();
  }

  /** The lateness that 99 of 100 ticks did not exceed, in ms. */
  get p99Ms(): number {
    return this.#lateMs.length === 0 ? 0 : percentile(this.#lateMs, 0.99);
  }

  /** Ends it. */
  stop(): void {
    clearTimeout(this.#timer);
  }

  #arm(): void {
    this.#due = performance.now() + 1;
    this.#timer = setTimeout(() => {
      this.#lateMs.push(Math.max(0, performance.now() - this.#due));
      this.#arm();
      this.#onTick();
    }, 1);
  }
}
