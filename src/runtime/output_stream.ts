/** Standard output or standard error, written to at once. */

import { writeSync } from "node:fs";
import { errorCode } from "../error_code.ts";

/**
 * Bytes per write. A pipe takes this many whole or not at all (PIPE_BUF on Linux), which matters where it does
 * not block: Deno does not say how much of a larger write was taken before it failed with EAGAIN.
 */
const WRITE_BYTES = 4_096;

/** How long to wait for a full pipe that does not block, in milliseconds. */
const RETRY_MS = 1;

/** What a write to a pipe, or to a socket that stands in for one, fails with when nobody reads it any more. */
const CLOSED_CODES = new Set(["EPIPE", "ECONNRESET"]);

/** Writes bytes and returns how many were taken, as write(2) does. */
export type WriteSome = (bytes: Uint8Array, at: number, length: number) => number;

/** Writes text whole and in order, however the stream was opened, before `write` returns. */
export class OutputStream {
  readonly #write: WriteSome;
  readonly #onClosed: () => void;
  readonly #encoder = new TextEncoder();
  #closed = false;

  /** `onClosed` is called once, from within `write`, when nobody reads any more; later text is dropped. */
  constructor(stream: 1 | 2 | WriteSome, onClosed: () => void) {
    this.#write = typeof stream === "function"
      ? stream
      : (bytes, at, length) => writeSync(stream, bytes, at, length);
    this.#onClosed = onClosed;
  }

  /** Writes all of the text. */
  write(text: string): void {
    const bytes = this.#encoder.encode(text);
    for (let at = 0; at < bytes.length && !this.#closed;) at += this.#writeSome(bytes, at);
  }

  #writeSome(bytes: Uint8Array, at: number): number {
    try {
      return this.#write(bytes, at, Math.min(WRITE_BYTES, bytes.length - at));
    } catch (error) {
      const code = errorCode(error);
      if (code === "EAGAIN") pause(RETRY_MS);
      else if (code !== undefined && CLOSED_CODES.has(code)) this.#close();
      else throw error;
      return 0;
    }
  }

  #close(): void {
    this.#closed = true;
    this.#onClosed();
  }
}

/** Blocks the thread: to go on with the event loop would let later text overtake. */
function pause(milliseconds: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, milliseconds);
}
