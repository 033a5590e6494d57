/** A network without sockets: the test is the leader, and says what comes and when. */

import { errorWithCode } from "../../src/error_code.ts";
import { Framer } from "../../src/replication/framer.ts";
import { type FrameType, frameTypeName } from "../../src/replication/protocol.ts";
import type {
  Address,
  Connection,
  ConnectionHandlers,
  Listener,
  Network,
} from "../../src/runtime/runtime.ts";
import { MOST_ACKS_AHEAD } from "../../src/replication/scan_acks.ts";
import { until } from "../harness/until.ts";

/** Names of the frames that a follower has sent once its scan begins. */
export const GREETED: string[] = ["SyncRequest", ...new Array<string>(MOST_ACKS_AHEAD).fill("Ack")];

/** One end of a connection: what was written to it, and the way to answer. */
export class FakeConnection implements Connection {
  readonly peer = "127.0.0.1:1";
  /** Frames that were written, header included. */
  readonly written: Uint8Array[] = [];
  /** Whether its owner has ended it. */
  isDestroyed = false;
  /** Whether what is written asks to wait for a drain. */
  isFull = false;
  /** Whether its owner reads no more for now. */
  isPaused = false;
  readonly #handlers: ConnectionHandlers;

  constructor(handlers: ConnectionHandlers) {
    this.#handlers = handlers;
  }

  /** Names of the frames that were written. */
  get sent(): string[] {
    return this.written.map((frame) => frameTypeName(frame[0] as FrameType));
  }

  write(bytes: Uint8Array): boolean {
    if (!this.isDestroyed) this.written.push(...framesOf(bytes));
    return !this.isDestroyed && !this.isFull;
  }

  end(): void {
    this.destroy();
  }

  destroy(): void {
    this.isDestroyed = true;
  }

  pause(): void {
    this.isPaused = true;
  }

  resume(): void {
    this.isPaused = false;
  }

  /** Frames arrive, in one piece; the bytes are gone afterwards, as a socket's are. */
  receive(...frames: Uint8Array[]): void {
    if (this.isDestroyed) return;
    for (const frame of frames) {
      const borrowed = frame.slice();
      this.#handlers.onData(borrowed);
      borrowed.fill(0xee);
    }
  }

  /** The other side closes. */
  close(): void {
    if (!this.isDestroyed) this.#handlers.onClose();
  }
}

/** See the head of this file. */
export class FakeNetwork implements Network {
  /** Connections made, in order. */
  readonly connections: FakeConnection[] = [];
  /** Connections asked for, also those that were refused or hang. */
  tried = 0;
  /** How the next connections go. */
  mode: "accept" | "refuse" | "hang" = "accept";

  async connect(
    _address: Address,
    handlers: ConnectionHandlers,
    _timeoutMs: number,
    signal?: AbortSignal,
  ): Promise<Connection> {
    this.tried++;
    if (this.mode === "refuse") throw errorWithCode("connect ECONNREFUSED 127.0.0.1:9", "ECONNREFUSED");
    if (this.mode === "hang") await new Promise((_, reject) => signal?.addEventListener("abort", reject));
    const connection = new FakeConnection(handlers);
    signal?.addEventListener("abort", () => connection.destroy());
    this.connections.push(connection);
    return connection;
  }

  missingPermission(): undefined {}

  listen(): Promise<Listener> {
    throw new Error("Cannot listen on a fake network");
  }

  /** The n-th connection (from 0), once its SyncRequest was sent. */
  async connection(index: number): Promise<FakeConnection> {
    await until(() => this.connections[index]?.written.length > 0, 2000, `connection ${index}`);
    return this.connections[index];
  }
}

function framesOf(bytes: Uint8Array): Uint8Array[] {
  const framer = new Framer();
  framer.push(bytes);
  const frames: Uint8Array[] = [];
  let at = 0;
  for (let frame = framer.next(); frame !== undefined; frame = framer.next()) {
    frames.push(bytes.slice(at, at + frame.bytes));
    at += frame.bytes;
  }
  if (at !== bytes.length) throw new Error(`Cannot accept a write of ${bytes.length} bytes: it cuts a frame`);
  return frames;
}
