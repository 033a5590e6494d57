/** A test or a hook took longer than it may. */
export class TimeLimitError extends Error {
  override name = "TimeLimitError";
}

// Taken once, so that a test which replaces the global timers does not stop the clock of its own limit.
const { setTimeout, clearTimeout } = globalThis;

/** The longest delay that a timer takes. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/**
 * Runs `body` and rejects with TimeLimitError when it has not ended after `limitMs`; 0 or Infinity is no limit.
 *
 * A body that is late cannot be stopped: what it still does goes on, and its own outcome is dropped. One that
 * blocks the thread is late when it returns.
 */
export async function withTimeLimit(body: () => unknown, limitMs: number): Promise<void> {
  if (!(limitMs > 0 && limitMs <= MAX_TIMER_MS)) return void await body();
  const started = performance.now();
  let timer: ReturnType<typeof setTimeout> | undefined;
  const tooLate = new TimeLimitError(`Timed out after ${limitMs} ms`);
  try {
    await Promise.race([
      new Promise((_, reject) => timer = setTimeout(() => reject(tooLate), limitMs)),
      body(),
    ]);
  } finally {
    clearTimeout(timer);
  }
  if (performance.now() - started > limitMs) throw tooLate;
}
