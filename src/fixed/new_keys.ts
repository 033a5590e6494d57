import { hashKey } from "./routing.ts";
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
  readonly #keyLength: number;
  readonly #onLost: (slot: number) => void;
  // Signed: both engines pass such numbers on as they are, V8 allocates for one beyond 2^31.
  readonly #hashes = new Int32Array(CAPACITY);
  /** The slot of a new key; of one that was kept its complement, which is below 0. */
  readonly #slots = new Int32Array(CAPACITY);
  readonly #keyAts = new Int32Array(CAPACITY);
  #bytes: Uint8Array = NO_BYTES;
  #count = 0;

  /** None, on their way into this index. `onLost` hears of slots whose keys did not get there. */
  constructor(index: SlotIndex, keyLength: number, onLost: (slot: number) => void) {
    this.#index = index;
    this.#keyLength = keyLength;
    this.#onLost = onLost;
  }

  /** Whether none is on its way. */
  get isEmpty(): boolean {
    return this.#count === 0;
  }

  /** Notes that a slot without an entry now holds the key at `bytes[at]`, which must stay there until it settled. */
  add(hash: number, slot: number, bytes: Uint8Array, at: number): void {
    if (this.#count === CAPACITY || bytes !== this.#bytes) this.#settleBefore(slot);
    this.#note(hash, slot, at);
    this.#bytes = bytes;
  }

  /**
   * Notes that a slot was written with the key that it has an entry for, the one at `bytes[at]`: should another slot
   * hold it too, as the new ones may, this one serves it from now on.
   */
  keep(slot: number, bytes: Uint8Array, at: number): void {
    if (this.#count === CAPACITY || (this.#count > 0 && bytes !== this.#bytes)) this.settle();
    if (this.#count === 0) return this.#promote(slot, bytes, at);
    // The hash of the one before, which is looked up anyway: it is seldom asked for.
    this.#note(this.#hashes[this.#count - 1], ~slot, at);
  }

  #note(hash: number, slot: number, at: number): void {
    const place = this.#count++;
    this.#hashes[place] = hash;
    this.#slots[place] = slot;
    this.#keyAts[place] = at;
  }

  #promote(slot: number, bytes: Uint8Array, at: number): void {
    if (this.#index.duplicates > 0) this.#index.promote(hashKey(bytes, at, this.#keyLength), slot);
  }

  /** Inserts them in their order. Throws what reading a slot throws; the rest of them are lost then. */
  settle(): void {
    const count = this.#count;
    if (count === 0) return;
    this.#count = 0;
    this.#index.prefetch(this.#hashes, count);
    let settled = 0;
    try {
      for (; settled < count; settled++) this.#insert(settled);
    } finally {
      for (; settled < count; settled++) this.#lose(settled);
      this.#bytes = NO_BYTES;
    }
  }

  #settleBefore(slot: number): void {
    try {
      this.settle();
    } catch (error) {
      this.#onLost(slot);
      throw error;
    }
  }

  #insert(place: number): void {
    const slot = this.#slots[place];
    if (slot < 0) this.#promote(~slot, this.#bytes, this.#keyAts[place]);
    else this.#index.insert(this.#hashes[place], slot, this.#bytes, this.#keyAts[place]);
  }

  /** One that was kept needs no slot to be read: it still comes before those that got there. */
  #lose(place: number): void {
    const slot = this.#slots[place];
    if (slot < 0) this.#insert(place);
    else this.#onLost(slot);
  }
}
