/** A leader that sends as fast as its follower takes it. */

import { type AddressInfo, createServer, type Server, type Socket } from "node:net";

/** See the head of this file. Dispose it. */
export class Flood implements AsyncDisposable {
  /** Connections that were made. */
  connections = 0;
  /** Bytes that left. */
  sent = 0;
  /** Bytes that the follower sent. */
  received = 0;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  private constructor(first: Uint8Array, chunk: () => Uint8Array | undefined) {
    this.#server = createServer((socket) => {
      this.connections++;
      this.#sockets.add(socket);
      socket.on("error", () => {});
      socket.on("close", () => this.#sockets.delete(socket));
      socket.on("data", (bytes) => this.received += bytes.length);
      socket.write(first);
      this.#pump(socket, chunk).catch(() => {});
    });
  }

  /** Sends `first`, and then chunks until there are no more. */
  static async start(first: Uint8Array, chunk: () => Uint8Array | undefined): Promise<Flood> {
    const flood = new Flood(first, chunk);
    await new Promise<void>((resolve) => flood.#server.listen(0, "127.0.0.1", resolve));
    return flood;
  }

  /** Where it listens. */
  get address(): string {
    return `127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async #pump(socket: Socket, chunk: () => Uint8Array | undefined): Promise<void> {
    for (let bytes = chunk(); bytes !== undefined && !socket.destroyed; bytes = chunk()) {
      this.sent += bytes.length;
      if (!socket.write(bytes)) await this.#drained(socket);
    }
  }

  #drained(socket: Socket): Promise<void> {
    return new Promise((resolve) => {
      const done = () => {
        socket.off("drain", done).off("close", done);
        resolve();
      };
      socket.on("drain", done).on("close", done);
    });
  }

  /** Cuts all. */
  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }
}
