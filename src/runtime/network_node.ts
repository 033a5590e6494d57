/**
 * TCP through node:net, which both runtimes have.
 *
 * Native sockets were measured against it, for a client that only answers 9 KB batches with Acks (CPU of the process
 * per Ack, least of seven rounds with client and leader on one core; k Acks/s, median):
 * - Deno 2.9.6: node:net 10.1 us, 53 k/s; `Deno.connect` 11.3 us, 48 k/s. Each read of it is a promise and a poll,
 *   where node:net sends at once and reads on until there is nothing more.
 * - Bun 1.4.5: node:net 12.3 us, 44 k/s; `Bun.connect` 10.6 us, 50 k/s. It gives no socket before it is connected: an
 *   attempt at a silent address cannot be given up, and keeps the process alive for as long as the kernel tries. Too
 *   much for 2 us of a batch.
 *
 * To spin instead of sleeping between batches bought nothing either, nor did another way to copy what is written. The
 * listening side waits for Acks most of the time: it has nothing to gain.
 */

import * as net from "node:net";
import { asError, errorCode, errorWithCode } from "../error_code.ts";
import type { Address, Connection, ConnectionHandlers, Listener, Network } from "./runtime.ts";
import { SocketConnection } from "./socket_connection.ts";

/** How {@link nodeNetwork} behaves. */
export interface NetworkOptions {
  /** Called before a socket is made; throws where the runtime does not permit the address. */
  permit?(address: Address, use: "connect" | "listen"): void;
  /** See {@link Network.missingPermission}. */
  missingPermission?(address: Address): string | undefined;
  /** How long one side's end waits for the other's, in milliseconds. */
  lingerMs?: number;
  /**
   * Frees the bytes of a read that were handled, for a runtime that makes new ones at each read whatever it is asked.
   * Without it a connecting side reads into one buffer for the life of the connection.
   */
  release?(bytes: Uint8Array): void;
}

/** Bytes of a connecting side's receive buffer: armdb's batches are 64 KiB and a little. */
const RECEIVE_BYTES = 128 * 1024;

/** The network over node:net. */
export function nodeNetwork(options: NetworkOptions = {}): Network {
  const { permit = () => {}, missingPermission = () => undefined, lingerMs = 1_000, release } = options;
  return {
    connect: (address, handlers, timeoutMs, signal) =>
      new Promise((resolve, reject) => {
        permit(address, "connect");
        connect(address, { handlers, timeoutMs, signal, lingerMs, release, resolve, reject });
      }),
    missingPermission,
    listen: (address, accept) =>
      new Promise((resolve, reject) => {
        permit(address, "listen");
        listen(address, { accept, lingerMs, release, resolve, reject });
      }),
  };
}

interface Connecting {
  handlers: ConnectionHandlers;
  timeoutMs: number;
  signal: AbortSignal | undefined;
  lingerMs: number;
  release: NetworkOptions["release"];
  resolve(connection: Connection): void;
  reject(error: Error): void;
}

function connect(address: Address, connecting: Connecting): void {
  const { handlers, timeoutMs, signal, lingerMs, release, resolve, reject } = connecting;
  const received = (bytes: Uint8Array) => connection.received(bytes);
  const onread = release === undefined ? intoOneBuffer(received) : undefined;
  const socket = net.connect({ ...address, noDelay: true, onread });
  if (release !== undefined) readChunks(socket, received, release);
  const connection = new SocketConnection(socket, lingerMs);
  const timer = setTimeout(() => {
    connection.destroy();
    reject(
      errorWithCode(`connect ETIMEDOUT ${address.host}:${address.port} after ${timeoutMs} ms`, "ETIMEDOUT"),
    );
  }, timeoutMs);
  if (signal?.aborted) connection.destroy();
  signal?.addEventListener("abort", () => connection.destroy());
  socket.once("connect", () => {
    clearTimeout(timer);
    connection.attach(handlers);
    resolve(connection);
  });
  socket.once("close", () => {
    clearTimeout(timer);
    reject(connectError(connection.error, address));
  });
}

/** A fresh buffer per read would cost up to a third of a batch's time. */
function intoOneBuffer(received: (bytes: Uint8Array) => void): net.OnReadOpts {
  return {
    buffer: new Uint8Array(RECEIVE_BYTES),
    callback(length, buffer) {
      received(buffer.subarray(0, length));
      return true;
    },
  };
}

function readChunks(
  socket: net.Socket,
  received: (bytes: Uint8Array) => void,
  release: NetworkOptions["release"],
): void {
  socket.on("data", (chunk) => {
    const bytes = plain(chunk);
    received(bytes);
    release?.(bytes);
  });
}

/** An error with a message: that of a host with several addresses has them inside, and may have none itself. */
function connectError(error: Error | undefined, { host, port }: Address): Error {
  if (error === undefined) return errorWithCode(`connect ECONNABORTED ${host}:${port}`, "ECONNABORTED");
  if (error.message !== "" && !(error instanceof AggregateError)) return error;
  const code = errorCode(error) ?? "ECONNREFUSED";
  return Object.assign(errorWithCode(`connect ${code} ${host}:${port}`, code), { cause: error });
}

interface Listening {
  accept(connection: Connection): ConnectionHandlers;
  lingerMs: number;
  release: NetworkOptions["release"];
  resolve(listener: Listener): void;
  reject(error: Error): void;
}

function listen(address: Address, { accept, lingerMs, release, resolve, reject }: Listening): void {
  const server = net.createServer({ noDelay: true }, (socket) => {
    const connection = new SocketConnection(socket, lingerMs);
    connection.attach(accept(connection));
    readChunks(socket, (bytes) => connection.received(bytes), release);
  });
  // Stays after listening began: a failed accept (too many open files) must not end the process.
  server.on("error", (error) => reject(listenError(asError(error), address)));
  server.listen({ ...address }, () => {
    const { address: host, port } = server.address() as net.AddressInfo;
    resolve({ address: { host, port }, close: () => closeServer(server) });
  });
}

/** Bun gives a host that does not resolve no code. */
function listenError(error: Error, { host }: Address): Error {
  if (errorCode(error) !== undefined) return error;
  return Object.assign(errorWithCode(`${error.message} (${host})`, "ENOTFOUND"), { cause: error });
}

/** Not the server's own end: that waits for its connections. */
function closeServer(server: net.Server): Promise<void> {
  server.close();
  return Promise.resolve();
}

/** Not a Buffer: its slice() shares the bytes, where a Uint8Array's copies them. */
function plain(bytes: Uint8Array | string): Uint8Array {
  if (typeof bytes === "string") throw new TypeError("Cannot deliver text: the socket has an encoding");
  return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
