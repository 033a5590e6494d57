import type { SlotIndex } from "./slot_index.ts";

/** As many events as a real leader's batch has. */
const CAPACITY = 256;
const NO_BYTES = new Uint8Array(0);

/**
 * Keys that events brought, on their way into the index.
 *
 * They enter it together: one insertion waits for memory, many wait at the same time. And they enter it late, once
 * the Ack has left.
 */
export class NewKeys {
  readonly #index: SlotIndex;
  readonly #hashes = new Uint32Array(CAPACITY);
  readonly #slots = new Uint32Array(CAPACITY);
  readonly #keyAts = new Uint32Array(CAPACITY);
  #bytes: Uint8Array = NO_BYTES;
  #count = 0;

  /** None, on their way into this index. */
  constructor(index: SlotIndex) {
    this.#index = index;
  }

  /** Whether none is on its way. */
  get isEmpty(): boolean {
    return this.#count === 0;
  }

  /** Notes that a slot without an entry now holds the key at `bytes[at]`, which must stay there until it settled. */
  add(hash: number, slot: number, bytes: Uint8Array, at: number): void {
    if (this.#count === CAPACITY || bytes !== this.#bytes) this.settle();
    const place = this.#count++;
    this.#hashes[place] = hash;
    this.#slots[place] = slot;
    this.#keyAts[place] = at;
    this.#bytes = bytes;
  }

  /** Inserts them in their order. */
  settle(): void {
    const count = this.#count;
    this.#count = 0;
    if (count > 0) this.#index.insertBatch(this.#hashes, this.#slots, this.#keyAts, count, this.#bytes);
    this.#bytes = NO_BYTES;
  }
}
