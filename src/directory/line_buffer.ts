/** Bytes of a chunk. A longer line makes a longer chunk. */
const CHUNK_BYTES = 1 << 20;

/** The two hex digits of each byte, as the u16 that lies in memory. */
const HEX_DIGITS = Uint16Array.from({ length: 256 }, (_, byte) => {
  const digits = byte.toString(16).padStart(2, "0");
  return digits.charCodeAt(0) | (digits.charCodeAt(1) << 8);
});

/** Text in ASCII, put together from bytes, and handed on in large chunks. */
export class LineBuffer {
  readonly #write: (chunk: Uint8Array) => void;
  #bytes = new Uint8Array(CHUNK_BYTES);
  #length = 0;

  /** Chunks go to `write`, which must not keep them. */
  constructor(write: (chunk: Uint8Array) => void) {
    this.#write = write;
  }

  /** Adds `length` bytes from `bytes[at]`, as hex digits. */
  hex(bytes: Uint8Array, at: number, length: number): void {
    const target = this.#room(2 * length);
    let to = this.#length;
    for (let i = at; i < at + length; i++) {
      const digits = HEX_DIGITS[bytes[i]];
      target[to++] = digits;
      target[to++] = digits >>> 8;
    }
    this.#length = to;
  }

  /** Adds ASCII text. */
  text(text: string): void {
    const target = this.#room(text.length);
    for (let i = 0; i < text.length; i++) target[this.#length++] = text.charCodeAt(i);
  }

  /** Hands on what is there. */
  flush(): void {
    if (this.#length > 0) this.#write(this.#bytes.subarray(0, this.#length));
    this.#length = 0;
  }

  #room(length: number): Uint8Array {
    if (this.#length + length > this.#bytes.length) {
      this.flush();
      if (length > this.#bytes.length) this.#bytes = new Uint8Array(length);
    }
    return this.#bytes;
  }
}
