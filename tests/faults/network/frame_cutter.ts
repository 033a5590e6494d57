/** Cuts one way of a connection into armdb's frames: by itself, so that no code under test is its own judge. */

/** Bytes before a frame's payload: type u8, length u32. */
const HEADER_BYTES = 5;

/** Bytes in, whole frames out. */
export class FrameCutter {
  #held = new Uint8Array(0);

  /** Takes bytes; answers the frames that they complete, headers included. */
  push(bytes: Uint8Array): Uint8Array[] {
    const all = new Uint8Array(this.#held.length + bytes.length);
    all.set(this.#held);
    all.set(bytes, this.#held.length);
    const frames: Uint8Array[] = [];
    let at = 0;
    for (let end = frameEnd(all, at); end <= all.length; end = frameEnd(all, at)) {
      frames.push(all.subarray(at, end));
      at = end;
    }
    this.#held = all.subarray(at);
    return frames;
  }

  /** What is left of a frame that will not be completed. */
  take(): Uint8Array {
    const rest = this.#held;
    this.#held = new Uint8Array(0);
    return rest;
  }
}

/** Where the frame at `at` ends; Infinity before its header is whole. */
function frameEnd(bytes: Uint8Array, at: number): number {
  if (bytes.length - at < HEADER_BYTES) return Infinity;
  return at + HEADER_BYTES + new DataView(bytes.buffer, bytes.byteOffset + at + 1, 4).getUint32(0, true);
}
