/** A follower on a loopback socket that sends what it is told to, and shows what came. */

import { connect, type Socket } from "node:net";

import { Framer } from "../../src/replication/framer.ts";
import {
  BatchDecoder,
  decodeCaughtUp,
  decodeError,
  encodeAck,
  FrameType,
  frameTypeName,
  type RecordLengths,
} from "../../src/replication/protocol.ts";
import { SHAPE } from "./leader_frames.ts";

/** A frame that came, as far as tests look at it. */
export interface SeenFrame {
  /** Its type. */
  name: string;
  /** Slots of a batch. */
  slots?: number[];
  /** Text of an Error. */
  error?: string;
  /** Events that a CaughtUp speaks of. */
  scanned?: number;
}

/** See the head of this file. */
export class RawFollower {
  /** Resolves when the connection is gone. */
  readonly closed: Promise<void>;
  /** Whether it is gone. */
  isClosed = false;
  readonly #socket: Socket;
  readonly #framer = new Framer();
  readonly #decoder: BatchDecoder;
  readonly #seen: SeenFrame[] = [];
  readonly #slots = new Map<number, [key: string, value: number]>();
  #wake: (() => void) | undefined;

  private constructor(socket: Socket, lengths: RecordLengths) {
    this.#socket = socket;
    this.#decoder = new BatchDecoder(lengths);
    socket.on("error", () => {});
    socket.on("data", (bytes) => this.#onData(bytes as Uint8Array));
    this.closed = new Promise((resolve) =>
      socket.on("close", () => {
        this.isClosed = true;
        this.#wake?.();
        resolve();
      })
    );
  }

  /** Connects to a port of loopback. */
  static async connect(port: number, lengths: RecordLengths = SHAPE): Promise<RawFollower> {
    const socket = connect({ port, host: "127.0.0.1", noDelay: true });
    const follower = new RawFollower(socket, lengths);
    await new Promise<void>((resolve) => socket.once("connect", () => resolve()));
    return follower;
  }

  /** Sends frames, or any bytes, in one write. */
  send(...frames: Uint8Array[]): void {
    this.#socket.write(Buffer.concat(frames));
  }

  /** Acknowledges. */
  ack(): void {
    this.send(encodeAck({ shard: 0, applied: 0, maxVersion: 0 }));
  }

  /** Frames that came and were not asked for yet. */
  get waiting(): number {
    return this.#seen.length;
  }

  /** The next frame; rejects where the connection is gone. */
  async next(): Promise<SeenFrame> {
    while (this.#seen.length === 0) {
      if (this.isClosed) throw new Error("Cannot read a frame: the leader has closed the connection");
      await new Promise<void>((resolve) => this.#wake = resolve);
    }
    return this.#seen.shift()!;
  }

  /** First value bytes by key, as the batches that came make them. */
  get copy(): Map<string, number> {
    return new Map(this.#slots.values());
  }

  /** Acknowledges all that comes until a condition holds. */
  async collect(isDone: () => boolean): Promise<Map<string, number>> {
    while (!isDone()) {
      const frame = await this.next();
      if (frame.slots !== undefined) this.ack();
    }
    return this.copy;
  }

  /** Reads no more. */
  pause(): void {
    this.#socket.pause();
  }

  /** Cuts the connection. */
  destroy(): void {
    this.#socket.destroy();
  }

  #onData(bytes: Uint8Array): void {
    this.#framer.push(bytes);
    for (let frame = this.#framer.next(); frame !== undefined; frame = this.#framer.next()) {
      this.#seen.push(this.#see(frame.type, frame.payload));
    }
    this.#wake?.();
  }

  #see(type: FrameType, payload: Uint8Array): SeenFrame {
    const name = frameTypeName(type);
    if (type === FrameType.Error) return { name, error: decodeError(payload) };
    if (type === FrameType.CaughtUp) return { name, scanned: decodeCaughtUp(payload).scanned };
    return type === FrameType.SlotBatch ? { name, slots: this.#apply(payload) } : { name };
  }

  #apply(payload: Uint8Array): number[] {
    const { count, slots, metas, keyAt, bytes } = this.#decoder.decode(payload, { shard: 0, version: 2 });
    for (let i = 0; i < count; i++) {
      const key = bytes.slice(keyAt[i], keyAt[i] + 8).join();
      if ((metas[i] & 3) === 1) this.#slots.set(slots[i], [key, bytes[keyAt[i] + 8]]);
      else this.#slots.delete(slots[i]);
    }
    return [...slots.subarray(0, count)];
  }
}
