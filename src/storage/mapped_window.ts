/** Up to this many bytes a loop over words beats `set` with the `subarray` that it needs (200 ns and more). */
const LOOP_BYTES = 256;

/** A piece of a mapped file: consecutive records, as bytes and, where they are aligned, as words. */
export class MappedWindow {
  /** The bytes, for numbers. */
  readonly view: DataView;
  readonly #words: Uint32Array | undefined;

  /** The bytes of a mapping, in records of a size. */
  constructor(readonly bytes: Uint8Array<ArrayBuffer>, recordBytes: number) {
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    const isAligned = bytes.byteOffset % 4 === 0 && recordBytes % 4 === 0;
    if (isAligned) this.#words = new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.length >>> 2);
  }

  /**
   * Stores a little-endian u32 at an offset. An aligned one in one piece, as it must be: no checksum covers the
   * head of a slot that holds nothing, so a kill between two of its bytes would leave a wrong one for good.
   */
  storeWord(offset: number, word: number): void {
    if (this.#words !== undefined) this.#words[offset >>> 2] = word;
    else this.view.setUint32(offset, word, true);
  }

  /** Stores `length` bytes of `from[at]`, whole records that are aligned there as they are here. */
  store(offset: number, from: { bytes: Uint8Array; words: Uint32Array }, at: number, length: number): void {
    const words = this.#words;
    if (words === undefined || length > LOOP_BYTES) {
      this.bytes.set(from.bytes.subarray(at, at + length), offset);
      return;
    }
    const to = offset >>> 2, start = at >>> 2, count = length >>> 2;
    for (let i = 0; i < count; i++) words[to + i] = from.words[start + i];
  }
}
