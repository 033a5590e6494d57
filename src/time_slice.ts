/**
 * Long work in short steps, so that reads and timers never wait for it.
 *
 * Yields with setImmediate: it costs 1 to 4 us, a timer costs 1 to 2 ms.
 */
export class TimeSlice {
  /** The longest step since the start, in ms: a figure of status. */
  longestMs = 0;
  #limitMs: number;
  #startedAt = performance.now();
  /** How long the step had lasted at its end. */
  #workedMs = 0;

  /** A slice that is over after `limitMs` of work. */
  constructor(limitMs = 1) {
    this.#limitMs = limitMs;
  }

  /** Begins a step: call it when control came back from the event loop. */
  begin(): void {
    this.#startedAt = performance.now();
  }

  /** Goes on with the step that ended last: dozens of reads of sockets may share one turn of the event loop. */
  goOn(): void {
    this.#startedAt = performance.now() - this.#workedMs;
  }

  /** Whether the step has lasted long enough to yield; notes how long it was. */
  get isOver(): boolean {
    const lasted = performance.now() - this.#startedAt;
    if (lasted > this.longestMs) this.longestMs = lasted;
    return lasted >= this.#limitMs;
  }

  /** Ends a step: its length is noted. */
  end(): void {
    this.#workedMs = performance.now() - this.#startedAt;
    if (this.#workedMs > this.longestMs) this.longestMs = this.#workedMs;
  }

  /** Lets the event loop run, and begins the next step. */
  async yield(): Promise<void> {
    await nextTurn();
    this.begin();
  }
}

/** The longest wait that setTimeout keeps: over it, it fires at once. */
export const LONGEST_TIMEOUT_MS = 2 ** 31 - 1;

/** Resolves in the next turn of the event loop. */
export function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
