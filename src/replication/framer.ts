/** Bytes in, frames out, however the stream is cut. The frame is drawn in `wire.ts`. */

import { ProtocolError, UsageError } from "../errors.ts";
import {
  FRAME_HEADER_BYTES,
  FrameType,
  frameTypeName,
  isFrameType,
  MAX_PAYLOAD_BYTES,
  readU32,
  requireUint,
} from "./wire.ts";

const NO_BYTES = new Uint8Array(0);

/** The framer's own buffer starts with this much and doubles: most frames that are cut are small. */
const FIRST_BUFFER_BYTES = 1_024;

/** Room that the framer keeps while it holds nothing. */
const KEPT_BYTES = 512 * 1_024;

/** A frame. The framer hands out one object again and again: see {@linkcode Framer.next}. */
export interface Frame {
  /** What the payload is. */
  type: FrameType;
  /** The payload: a view, not a copy. */
  payload: Uint8Array;
  /** Length of the whole frame, header included. */
  bytes: number;
}

/** Options of a {@linkcode Framer}. */
export interface FramerOptions {
  /** The largest payload that is accepted; {@linkcode MAX_PAYLOAD_BYTES} by default. */
  maxPayloadBytes?: number;
}

/**
 * Cuts a stream of bytes into frames.
 *
 * ```ts ignore
 * onData(bytes) {
 *   framer.push(bytes);
 *   for (let frame = framer.next(); frame; frame = framer.next()) handle(frame);
 * }
 * ```
 *
 * The pushed bytes are borrowed, not copied: they must stay as they are until `next` has returned undefined.
 * Who must stop before that calls `retain`, which copies what is left. A frame that lies whole in one pushed
 * chunk is handed out as a view of that chunk; only frames that are cut pass through the framer's own buffer.
 *
 * A frame that is not allowed makes `next` throw a ProtocolError, after all frames before it were handed out.
 * From then on `next` and `push` throw that same error: there is no finding the next frame in such a stream.
 */
export class Framer {
  readonly #maxPayloadBytes: number;
  readonly #frame: Frame = { type: FrameType.Heartbeat, payload: NO_BYTES, bytes: 0 };
  /** Borrowed bytes, from `#chunkAt` on. They come after the held ones. */
  #chunk: Uint8Array = NO_BYTES;
  #chunkAt = 0;
  /** Bytes of our own, from `#heldAt` to `#heldEnd`: the start of a cut frame, or what was retained. */
  #held: Uint8Array = NO_BYTES;
  #heldAt = 0;
  #heldEnd = 0;
  /** Where in our own bytes the frame that was handed out last begins: those before it are free. */
  #inUseAt = 0;
  /** Up to where our own bytes may be written. */
  #heldLimit = 0;
  #highWater = 0;
  #failure: ProtocolError | undefined;

  /** Throws a UsageError if the limit is no u32. */
  constructor(options: FramerOptions = {}) {
    const { maxPayloadBytes = MAX_PAYLOAD_BYTES } = options;
    requireUint("maxPayloadBytes", maxPayloadBytes, 0xffff_ffff);
    this.#maxPayloadBytes = maxPayloadBytes;
  }

  /** Bytes that were pushed and not yet handed out in a frame. */
  get buffered(): number {
    return this.#heldEnd - this.#heldAt + this.#chunk.length - this.#chunkAt;
  }

  /** The most that `buffered` ever was. */
  get highWater(): number {
    return this.#highWater;
  }

  /**
   * Lends bytes of the stream to the framer.
   *
   * Throws a UsageError if the chunk before was neither drained (`next` returned undefined) nor retained: its
   * bytes may have been overwritten since. Throws the ProtocolError of a framer that has failed.
   */
  push(bytes: Uint8Array): void {
    if (this.#failure) throw this.#failure;
    const left = this.#chunk.length - this.#chunkAt;
    if (left > 0) {
      throw new UsageError(
        `Cannot push ${bytes.length} bytes: ${left} of the last chunk are not drained or retained`,
      );
    }
    this.#chunk = bytes;
    this.#chunkAt = 0;
    this.#highWater = Math.max(this.#highWater, this.buffered);
  }

  /**
   * The next whole frame, or undefined once there is none; then the pushed bytes are no longer needed.
   *
   * It is always the same object. Its payload is valid until the next call of `next` or `push`, and no longer
   * than the pushed bytes themselves. Throws a ProtocolError for an unknown type as soon as its byte is there, and
   * for a length over the limit before anything is allocated for it.
   */
  next(): Frame | undefined {
    if (this.#failure) throw this.#failure;
    this.#inUseAt = this.#heldAt;
    this.#heldLimit = this.#held.length;
    return this.#heldAt < this.#heldEnd ? this.#nextHeld() : this.#nextBorrowed();
  }

  /**
   * Copies what is left of the pushed bytes, so that their owner can have them back; `next` goes on from the copy.
   *
   * It holds as much as it is given: pause the connection until the frames were drained. The payload of the frame
   * that was handed out last is not part of what is left, and is not copied.
   */
  retain(): void {
    this.#hold(this.#chunk.length - this.#chunkAt);
    this.#chunk = NO_BYTES;
    this.#chunkAt = 0;
  }

  /** No frame is begun in our own buffer: look at the borrowed bytes in their place. */
  #nextBorrowed(): Frame | undefined {
    this.#heldAt = this.#heldEnd = 0;
    // What was retained may have been large; do not keep room for it.
    if (this.#held.length > Math.min(KEPT_BYTES, this.#frameLimit)) this.#own(NO_BYTES);
    const available = this.#chunk.length - this.#chunkAt;
    const needed = this.#bytesNeeded(this.#chunk, this.#chunkAt, available);
    if (available < needed) return this.#wait();
    const at = this.#chunkAt;
    this.#chunkAt += needed;
    return this.#handOut(this.#chunk, at, needed);
  }

  /** A frame is begun in our own buffer: complete it there, with no byte more than it needs. */
  #nextHeld(): Frame | undefined {
    this.#hold(FRAME_HEADER_BYTES - (this.#heldEnd - this.#heldAt));
    const needed = this.#bytesNeeded(this.#held, this.#heldAt, this.#heldEnd - this.#heldAt);
    this.#hold(needed - (this.#heldEnd - this.#heldAt));
    if (this.#heldEnd - this.#heldAt < needed) return this.#wait();
    const at = this.#heldAt;
    this.#heldAt += needed;
    return this.#handOut(this.#held, at, needed);
  }

  /** Length of the frame at `at`; while its header is incomplete, the length of a header. */
  #bytesNeeded(bytes: Uint8Array, at: number, available: number): number {
    if (available === 0) return FRAME_HEADER_BYTES;
    const type = bytes[at];
    if (!isFrameType(type)) this.#fail(`Cannot read a frame: type is ${type}, known are 1 to 6 and 255`);
    if (available < FRAME_HEADER_BYTES) return FRAME_HEADER_BYTES;
    const length = readU32(bytes, at + 1);
    if (length > this.#maxPayloadBytes) {
      const name = frameTypeName(type);
      this.#fail(`Cannot read ${name}: payload length is ${length}, the limit is ${this.#maxPayloadBytes}`);
    }
    return FRAME_HEADER_BYTES + length;
  }

  #handOut(bytes: Uint8Array, at: number, length: number): Frame {
    const frame = this.#frame;
    frame.type = bytes[at] as FrameType;
    frame.payload = length === FRAME_HEADER_BYTES
      ? NO_BYTES
      : bytes.subarray(at + FRAME_HEADER_BYTES, at + length);
    frame.bytes = length;
    return frame;
  }

  /** Gives the borrowed bytes back: what is left of them becomes our own. */
  #wait(): undefined {
    this.retain();
    this.#frame.payload = NO_BYTES;
    return undefined;
  }

  /** Moves up to `length` borrowed bytes to the end of our own. */
  #hold(length: number): void {
    const from = this.#chunkAt;
    const bytes = Math.min(length, this.#chunk.length - from);
    if (bytes <= 0) return;
    this.#makeRoom(bytes);
    this.#held.set(this.#chunk.subarray(from, from + bytes), this.#heldEnd);
    this.#heldEnd += bytes;
    this.#chunkAt += bytes;
  }

  /** The frame that was handed out last stays where it is, and as it is. */
  #makeRoom(bytes: number): void {
    if (this.#heldEnd + bytes <= this.#heldLimit) return;
    const needed = this.#heldEnd - this.#heldAt + bytes;
    if (needed <= this.#inUseAt) this.#moveToFront();
    else this.#moveToLarger(needed);
  }

  #moveToFront(): void {
    this.#held.copyWithin(0, this.#heldAt, this.#heldEnd);
    this.#heldEnd -= this.#heldAt;
    this.#heldLimit = this.#inUseAt;
    this.#heldAt = 0;
  }

  #moveToLarger(needed: number): void {
    const doubled = Math.max(FIRST_BUFFER_BYTES, 2 * this.#held.length);
    // A frame needs no more than its limit; what is retained beyond that doubles, or each push would copy it all.
    const wanted = needed <= this.#frameLimit ? Math.min(doubled, this.#frameLimit) : doubled;
    const room = new Uint8Array(Math.max(needed, wanted));
    room.set(this.#held.subarray(this.#heldAt, this.#heldEnd));
    this.#own(room);
    this.#heldEnd -= this.#heldAt;
    this.#heldAt = 0;
  }

  #own(bytes: Uint8Array): void {
    this.#held = bytes;
    this.#heldLimit = bytes.length;
    this.#inUseAt = 0;
  }

  get #frameLimit(): number {
    return FRAME_HEADER_BYTES + this.#maxPayloadBytes;
  }

  #fail(message: string): never {
    this.#chunk = this.#held = NO_BYTES;
    this.#chunkAt = this.#heldAt = this.#heldEnd = 0;
    this.#frame.payload = NO_BYTES;
    this.#failure = new ProtocolError(message);
    throw this.#failure;
  }
}
