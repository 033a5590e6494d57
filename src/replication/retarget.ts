import { ClosedError, ConnectionError } from "../errors.ts";

/** What a {@link Retarget} is made with. */
export interface RetargetOptions {
  /** The new leader, for messages. */
  leader: string;
  /** How long it may take to answer, in ms. */
  timeoutMs: number;
  /** Gives it up. */
  signal?: AbortSignal;
}

/** The time from a new leader's address to its first ShardInfo. */
export class Retarget {
  /** Resolves at that ShardInfo; rejects with what keeps it from coming. */
  readonly greeted: Promise<void>;
  readonly #options: RetargetOptions;
  readonly #settle: PromiseWithResolvers<void> = Promise.withResolvers();
  readonly #timer: ReturnType<typeof setTimeout>;
  #lastError: Error | undefined;

  /** Begins to wait. */
  constructor(options: RetargetOptions) {
    this.#options = options;
    this.greeted = this.#settle.promise;
    this.#timer = setTimeout(() => this.fail(this.#timeoutError()), options.timeoutMs);
    options.signal?.addEventListener("abort", this.#abort);
    if (options.signal?.aborted) this.#abort();
  }

  /** The leader has told a shape that is ours. */
  succeed(): void {
    this.#settle.resolve();
  }

  /** It cannot be followed. */
  fail(error: Error): void {
    this.#settle.reject(error);
  }

  /** Notes why a connection ended: the next may do better. */
  note(error: Error): void {
    this.#lastError = error;
  }

  /** Somebody closes or pauses the links meanwhile. */
  cancel(): void {
    this.fail(
      new ClosedError(`Cannot go over to ${this.#options.leader}: the follower was closed or paused`),
    );
  }

  /** Waits no longer. */
  end(): void {
    clearTimeout(this.#timer);
    this.#options.signal?.removeEventListener("abort", this.#abort);
  }

  #abort = (): void => this.fail(this.#options.signal!.reason);

  #timeoutError(): Error {
    const { leader, timeoutMs } = this.#options;
    const why = this.#lastError?.message ?? "it did not answer";
    const message = `Cannot go over to ${leader} within ${timeoutMs} ms: ${why}`;
    return new ConnectionError(message, { cause: this.#lastError });
  }
}
