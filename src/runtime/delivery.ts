/** Brings what a socket tells to its owner: in order, not while paused, and never from within the owner's call. */

import type { ConnectionHandlers } from "./runtime.ts";

/**
 * Bytes to hold for an owner that has paused, before the socket itself is asked to stop. Bun loses what a stopped
 * socket has not read when the peer resets the connection: an Error frame should not be among it.
 */
const HELD_BYTES = 256 * 1024;

/** The order of events of one connection: data, then one close. */
export class Delivery {
  /** The most bytes that were held. */
  heldHighWater = 0;
  readonly #handlers: ConnectionHandlers;
  readonly #throttle: (stop: boolean) => void;
  readonly #held: Uint8Array[] = [];
  #heldBytes = 0;
  #throttled = false;
  #paused = false;
  #discarded = false;
  #over = false;
  #close: { error: Error | undefined } | undefined;
  #flush: ReturnType<typeof setImmediate> | undefined;

  /** `throttle` stops the socket, or lets it go on. Nothing is delivered before the event loop has gone on. */
  constructor(handlers: ConnectionHandlers, throttle: (stop: boolean) => void) {
    this.#handlers = handlers;
    this.#throttle = throttle;
    this.#flushSoon();
  }

  /** Bytes arrived; they may be reused once it returns. */
  data(bytes: Uint8Array): void {
    if (this.#over || this.#discarded) return;
    if (!this.#paused && !this.#isHolding()) return this.#handlers.onData(bytes);
    this.#held.push(new Uint8Array(bytes));
    this.#heldBytes += bytes.length;
    if (this.#heldBytes > this.heldHighWater) this.heldHighWater = this.#heldBytes;
    if (this.#heldBytes >= HELD_BYTES) this.#setThrottled(true);
  }

  /** The socket can be written to again. */
  drain(): void {
    if (!this.#over) this.#handlers.onDrain?.();
  }

  /** The socket is closed. */
  close(error: Error | undefined): void {
    if (this.#over) return;
    if (!this.#isHolding()) return this.#finish(error);
    this.#close = { error };
  }

  /** See {@link Connection.pause}. */
  pause(): void {
    this.#paused = true;
  }

  /** See {@link Connection.resume}. */
  resume(): void {
    this.#paused = false;
    this.#flushSoon();
  }

  /** The owner wants no more data, only the close. */
  discard(): void {
    this.#discarded = true;
    this.#held.length = 0;
  }

  /** What comes now must wait for what is held, or for the first turn of the event loop. */
  #isHolding(): boolean {
    return this.#held.length > 0 || this.#flush !== undefined;
  }

  #flushSoon(): void {
    this.#flush ??= setImmediate(() => this.#deliverHeld());
  }

  #deliverHeld(): void {
    this.#flush = undefined;
    while (!this.#paused && this.#held.length > 0) this.#deliverOne(this.#held.shift()!);
    if (this.#held.length > 0) return;
    this.#setThrottled(false);
    if (this.#close !== undefined) this.#finish(this.#close.error);
  }

  #deliverOne(bytes: Uint8Array): void {
    this.#heldBytes -= bytes.length;
    this.#handlers.onData(bytes);
  }

  #setThrottled(stop: boolean): void {
    if (stop === this.#throttled) return;
    this.#throttled = stop;
    this.#throttle(stop);
  }

  #finish(error: Error | undefined): void {
    this.#over = true;
    this.#handlers.onClose(error);
  }
}
