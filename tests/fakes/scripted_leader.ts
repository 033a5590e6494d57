/** A leader on a loopback socket that does what a script says: also what no real one ever does. */

import { type AddressInfo, createServer, type Server, type Socket } from "node:net";

import { Framer } from "../../src/replication/framer.ts";
import { decodeSyncRequest, type FrameType, frameTypeName } from "../../src/replication/protocol.ts";
import { nextTurn } from "../../src/time_slice.ts";
import { caughtUp, eventsOf, infoFrame } from "./leader_frames.ts";

/** What is done with a connection, from its SyncRequest on. */
export type Script = (connection: ScriptedConnection) => unknown;

/** One follower's connection. */
export class ScriptedConnection {
  /** The how-manieth it is, from 0; -1 before its SyncRequest. */
  index = -1;
  /** The shard that it asked for. */
  shard = -1;
  /** The protocol version that it asked for. */
  version = -1;
  /** Whether it said that it holds nothing. */
  emptyState = false;
  /** Names of the frames that came, the SyncRequest first. */
  readonly received: string[] = [];
  /** Resolves when the connection is gone. */
  readonly closed: Promise<void>;
  /** Whether it is gone. */
  isClosed = false;
  readonly #socket: Socket;
  readonly #framer = new Framer();
  #acks = 0;
  #onAck: (() => void) | undefined;

  constructor(socket: Socket, onRequest: (connection: ScriptedConnection) => void) {
    this.#socket = socket;
    socket.setNoDelay(true);
    socket.on("error", () => {});
    this.closed = new Promise((resolve) =>
      socket.on("close", () => {
        this.isClosed = true;
        this.#onAck?.();
        resolve();
      })
    );
    socket.on("data", (bytes) => this.#onData(bytes as Uint8Array, onRequest));
  }

  #onData(bytes: Uint8Array, onRequest: (connection: ScriptedConnection) => void): void {
    this.#framer.push(bytes);
    for (let frame = this.#framer.next(); frame !== undefined; frame = this.#framer.next()) {
      const name = frameTypeName(frame.type as FrameType);
      this.received.push(name);
      if (name === "SyncRequest") {
        Object.assign(this, decodeSyncRequest(frame.payload));
        onRequest(this);
      } else if (name === "Ack") {
        this.#acks++;
        this.#onAck?.();
      }
    }
  }

  /** Sends frames, or any bytes, in one write. */
  send(...frames: Uint8Array[]): void {
    if (!this.#socket.destroyed) this.#socket.write(Buffer.concat(frames));
  }

  /** Sends bytes in pieces of `size`, each of which is a packet of its own. */
  async trickle(bytes: Uint8Array, size = 1): Promise<void> {
    for (let at = 0; at < bytes.length && !this.isClosed; at += size) {
      this.#socket.write(bytes.slice(at, at + size));
      await nextTurn();
    }
  }

  /** Resolves once so many Acks came in all, those ahead of a scan included, or the connection is gone. */
  async acked(count: number): Promise<void> {
    while (this.#acks < count && !this.isClosed) {
      await new Promise<void>((resolve) => this.#onAck = resolve);
    }
  }

  /** A whole scan as a good leader makes it: behind each batch it waits for an Ack. */
  async scan(batches: Uint8Array[] = [], fields: Parameters<typeof infoFrame>[0] = {}): Promise<void> {
    this.send(infoFrame(fields));
    for (const [i, batch] of batches.entries()) {
      this.send(batch);
      await this.acked(i + 1);
    }
    const scanned = batches.reduce((events, batch) => events + eventsOf(batch), 0);
    this.send(caughtUp(scanned, this.shard));
  }

  /** Closes after what was sent has left. */
  end(): void {
    this.#socket.end();
  }

  /** Cuts the connection, by a reset where the runtime can. */
  reset(): void {
    this.#socket.resetAndDestroy();
  }

  /** Cuts the connection. */
  destroy(): void {
    this.#socket.destroy();
  }
}

/** See the head of this file. */
export class ScriptedLeader implements AsyncDisposable {
  /** All connections that sent a SyncRequest. */
  readonly connections: ScriptedConnection[] = [];
  /** What becomes of the next connections. */
  script: Script;
  /** Errors of scripts, which a test should know of. */
  readonly failures: unknown[] = [];
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  private constructor(script: Script) {
    this.script = script;
    this.#server = createServer((socket) => this.#accept(socket));
  }

  /** Listens on a port of loopback; 0 takes a free one. */
  static async start(script: Script, port = 0): Promise<ScriptedLeader> {
    const leader = new ScriptedLeader(script);
    await new Promise<void>((resolve) => leader.#server.listen(port, "127.0.0.1", resolve));
    return leader;
  }

  /** Where it listens, as `HOST:PORT`. */
  get address(): string {
    return `127.0.0.1:${this.port}`;
  }

  /** The port. */
  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** The connection that came last. */
  get last(): ScriptedConnection {
    return this.connections.at(-1)!;
  }

  #accept(socket: Socket): void {
    this.#sockets.add(socket);
    socket.on("close", () => this.#sockets.delete(socket));
    new ScriptedConnection(socket, (connection) => this.#run(connection));
  }

  #run(connection: ScriptedConnection): void {
    connection.index = this.connections.length;
    this.connections.push(connection);
    Promise.resolve().then(() => this.script(connection)).catch((error) => this.failures.push(error));
  }

  /** Stops listening and cuts all connections. */
  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }
}
