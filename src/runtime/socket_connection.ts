/** A node:net socket as a {@link Connection}. */

import type { Socket } from "node:net";
import type { Connection, ConnectionHandlers } from "./runtime.ts";
import { Delivery } from "./delivery.ts";
import { asError, errorWithCode } from "../error_code.ts";

/**
 * Bytes that may wait for a peer to read when more are written, besides what the kernel holds. A leader stops at the first write that finds no
 * room, and a follower's Acks are 18 bytes for a batch: 230,000 of them have to pile up.
 */
export const MOST_UNSENT_BYTES: number = 4 << 20;

/** Where a socket's own write ends up, so that a failed one can be kept from closing the socket. */
interface WritableInternals {
  _write(chunk: unknown, encoding: unknown, done: (error?: Error | null) => void): void;
  _writev?: unknown;
}

/**
 * A connection over a socket that is connected, or about to be.
 *
 * It listens to the socket's errors from its first moment on, so that none is ever unhandled.
 */
export class SocketConnection implements Connection {
  /** See {@link Connection.peer}; set once connected. */
  peer = "";
  /** The most bytes that waited for the kernel to take them. */
  unsentHighWater = 0;
  /** The first error that the socket met, also before it was connected. */
  error: Error | undefined;

  readonly #socket: Socket;
  readonly #lingerMs: number;
  #delivery: Delivery | undefined;
  #linger: ReturnType<typeof setTimeout> | undefined;
  /** Bun ends a socket at its second failed write, whatever is still to be read. */
  #writeFailed = false;
  #ending = false;
  #destroyed = false;

  /** Takes the socket over. After either side's end it waits `lingerMs` for the other, then destroys it. */
  constructor(socket: Socket, lingerMs: number) {
    this.#socket = socket;
    // One that was accepted is named to its owner before it is attached.
    if (socket.remoteAddress !== undefined) this.peer = peerOf(socket);
    this.#lingerMs = lingerMs;
    keepReadingAfterFailedWrite(socket, (error) => {
      this.#writeFailed = true;
      this.error ??= error;
    });
    socket.on("error", (error) => this.error ??= asError(error));
    socket.on("close", () => this.#closed());
    socket.on("end", () => this.#lingerThenDestroy());
    socket.on("finish", () => this.#lingerThenDestroy());
  }

  /** Starts to tell the owner what happens, from the next turn of the event loop on. */
  attach(handlers: ConnectionHandlers): void {
    this.peer = peerOf(this.#socket);
    const delivery = new Delivery(handlers, (stop) => stop ? this.#socket.pause() : this.#socket.resume());
    this.#socket.on("drain", () => delivery.drain());
    this.#delivery = delivery;
  }

  /** Takes bytes that the socket received; they may be reused once it returns. */
  received(bytes: Uint8Array): void {
    this.#delivery?.data(bytes);
  }

  /** See {@link Connection.write}. */
  write(bytes: Uint8Array): boolean {
    if (this.#writeFailed || this.#ending || this.#destroyed || this.#socket.destroyed) return false;
    if (this.#isFull()) return false;
    // A copy: the socket keeps what the kernel does not take at once.
    const hasRoom = this.#socket.write(new Uint8Array(bytes));
    this.unsentHighWater = Math.max(this.unsentHighWater, this.#socket.writableLength);
    return hasRoom;
  }

  /** A peer that makes us answer, and reads no answer, gets so much of our memory and no more. */
  #isFull(): boolean {
    const bytes = this.#socket.writableLength;
    if (bytes <= MOST_UNSENT_BYTES) return false;
    this.error ??= errorWithCode(`the peer does not read: ${bytes} bytes wait for it`, "ENOBUFS");
    this.#socket.destroy();
    return true;
  }

  /** See {@link Connection.end}. */
  end(): void {
    if (this.#ending || this.#destroyed) return;
    this.#ending = true;
    this.#socket.end();
  }

  /** See {@link Connection.destroy}. */
  destroy(): void {
    this.#destroyed = true;
    this.#delivery?.discard();
    this.#socket.destroy();
  }

  /** See {@link Connection.pause}. */
  pause(): void {
    this.#delivery?.pause();
  }

  /** See {@link Connection.resume}. */
  resume(): void {
    this.#delivery?.resume();
  }

  /** One side has ended: the other gets this long, or a peer that never reads or never ends holds it for ever. */
  #lingerThenDestroy(): void {
    if (this.#socket.destroyed) return;
    this.#linger ??= setTimeout(() => this.#socket.destroy(), this.#lingerMs);
  }

  #closed(): void {
    clearTimeout(this.#linger);
    this.#delivery?.close(this.#destroyed ? undefined : this.error);
  }
}

/**
 * Keeps a failed write from ending the socket: what the peer sent before it went may still be unread, an Error
 * frame among it. The reading side finds out by itself that the connection is gone.
 */
function keepReadingAfterFailedWrite(socket: Socket, failed: (error: Error) => void): void {
  const internals = socket as unknown as WritableInternals;
  const write = internals._write;
  internals._writev = undefined;
  internals._write = function (chunk, encoding, done) {
    write.call(this, chunk, encoding, (error) => {
      if (error) failed(error);
      done();
    });
  };
}

/** The peer as host:port, IPv6 in brackets. */
function peerOf(socket: Socket): string {
  const host = (socket.remoteAddress ?? "").replace(/^::ffff:(?=\d+\.)/, "");
  return `${host.includes(":") ? `[${host}]` : host}:${socket.remotePort ?? 0}`;
}
