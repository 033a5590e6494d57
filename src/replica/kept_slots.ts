/** Slots kept at a time: a Map of more takes milliseconds to grow, in the middle of an event. */
const MOST_SLOTS = 16_384;
/** Bytes of them. */
const MOST_BYTES = 4 << 20;

/** Memory for slots that are about to change and are not in their copy yet: places of one size, taken and given back. */
export class KeptSlots {
  /** The places, side by side. */
  readonly bytes: Uint8Array;
  readonly #recordBytes: number;
  readonly #free: Uint32Array;
  #freeCount: number;

  /** Places for at most so many slots of a size, all of them free. */
  constructor(recordBytes: number, most = MOST_SLOTS) {
    const places = Math.max(1, Math.min(most, Math.floor(MOST_BYTES / recordBytes)));
    this.bytes = new Uint8Array(places * recordBytes);
    this.#recordBytes = recordBytes;
    this.#free = new Uint32Array(places).map((_, i) => i * recordBytes);
    this.#freeCount = places;
  }

  /** Whether more than half of the places are taken. */
  get isFilling(): boolean {
    return this.#freeCount * 2 < this.#free.length;
  }

  /** The offset of a free place in `bytes`, which is then taken; -1 where there is none. */
  take(): number {
    return this.#freeCount === 0 ? -1 : this.#free[--this.#freeCount];
  }

  /** Frees a place. */
  give(offset: number): void {
    this.#free[this.#freeCount++] = offset;
  }

  /** Copies what a place holds. */
  copyTo(to: Uint8Array, at: number, offset: number): void {
    for (let i = 0; i < this.#recordBytes; i++) to[at + i] = this.bytes[offset + i];
  }
}
