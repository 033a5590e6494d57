/** SIGINT and SIGTERM: the first asks to stop, a later one does not wait for it. */

import type { Process } from "../runtime/runtime.ts";
import { ExitCode } from "./command.ts";

/** A signal so soon after the first is the same request: Ctrl-C under `deno task` arrives twice. */
const SAME_REQUEST_MS = 1000;

/** What {@link StopRequest} needs of the world. */
export interface StopRequestOptions {
  /** A clock, in ms. */
  now(): number;
  /** Called for a signal that comes later than the same request may. */
  force(): void;
}

/** Tells the first request to stop from the same one again, and from one that has no more patience. */
export class StopRequest {
  readonly #options: StopRequestOptions;
  readonly #controller = new AbortController();
  #firstAt: number | undefined;

  /** A request that was not made yet. */
  constructor(options: StopRequestOptions) {
    this.#options = options;
  }

  /** Aborted by the first signal. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Resolves at the first signal; at once if it has come. */
  get requested(): Promise<void> {
    const { signal } = this;
    if (signal.aborted) return Promise.resolve();
    return new Promise((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
  }

  /** A signal came. */
  hear(): void {
    const now = this.#options.now();
    if (this.#firstAt === undefined) {
      this.#firstAt = now;
      this.#controller.abort(new Error("asked to stop"));
    } else if (now - this.#firstAt >= SAME_REQUEST_MS) {
      this.#options.force();
    }
  }
}

/** Runs `body` while signals are heard: the process does not end by them, but by `body`, or by a second one. */
export async function withStopRequest<T>(
  process: Process,
  body: (stop: StopRequest) => Promise<T>,
): Promise<T> {
  const stop = new StopRequest({
    now: () => performance.now(),
    force: () => process.exit(ExitCode.forced),
  });
  const release = process.onStopSignal(() => stop.hear());
  try {
    return await body(stop);
  } finally {
    release();
  }
}

/** Waits so many ms. Rejects with the signal's reason once it is aborted. */
export async function waitFor(ms: number, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted();
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const abort = () => reject(signal.reason);
  const timer = setTimeout(resolve, ms);
  signal.addEventListener("abort", abort, { once: true });
  try {
    await promise;
  } finally {
    clearTimeout(timer);
    signal.removeEventListener("abort", abort);
  }
}
