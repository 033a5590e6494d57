import type { EventBytes } from "../slot_events.ts";
import type { Shard } from "./shard.ts";

/** As many events as a real leader's batch has. */
const CAPACITY = 256;

/**
 * Keys that events brought, on their way into the index.
 *
 * They enter it together: one insertion waits for memory, many wait at the same time. Whatever asks the index, or
 * changes a slot that is among them, must settle them first.
 */
export class NewKeys {
  readonly #hashes = new Uint32Array(CAPACITY);
  readonly #slots = new Uint32Array(CAPACITY);
  readonly #keyAts = new Uint32Array(CAPACITY);
  #count = 0;

  /** Notes that a slot without an entry now holds the key at `keyAt` of the events. */
  add(shard: Shard, events: EventBytes, hash: number, slot: number, keyAt: number): void {
    if (this.#count === CAPACITY) this.settle(shard, events);
    const at = this.#count++;
    this.#hashes[at] = hash;
    this.#slots[at] = slot;
    this.#keyAts[at] = keyAt;
  }

  /** Inserts them in their order. */
  settle(shard: Shard, events: EventBytes): void {
    const count = this.#count;
    if (count === 0) return;
    this.#count = 0;
    for (let i = 0; i < count; i++) {
      shard.index.insert(this.#hashes[i], this.#slots[i], events.bytes, this.#keyAts[i]);
    }
  }
}
