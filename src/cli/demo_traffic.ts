/** Data that changes all the time, for the demo. */

import type { OwnStore } from "../open_store.ts";
import type { Shape } from "../slot_events.ts";

/** What the demo keeps: 8-byte keys, 16-byte values, 2 shards. */
export const DEMO_SHAPE: Shape = { shardCount: 2, keyLength: 8, valueLength: 16, prefixBits: 0 };

const KEYS = 10_000;
const TICK_MS = 10;
/** Per tick: 2,000 changes a second, one in ten a delete. */
const CHANGES = 20;
const DELETE_EVERY = 10;

/** Puts and deletes keys at a steady rate. */
export class DemoTraffic {
  readonly #store: OwnStore;
  readonly #key = new Uint8Array(8);
  readonly #value = new Uint8Array(16);
  #changes = 0;
  #timer: ReturnType<typeof setInterval> | undefined;

  /** Traffic on a store, not begun. */
  constructor(store: OwnStore) {
    this.#store = store;
  }

  /** Puts the first keys. */
  fill(): void {
    for (let id = 0; id < KEYS; id++) this.#put(id);
  }

  /** Begins to change keys. */
  start(): void {
    this.#timer = setInterval(() => this.#tick(), TICK_MS);
  }

  /** Ends it. */
  stop(): void {
    clearInterval(this.#timer);
  }

  #tick(): void {
    for (let n = 0; n < CHANGES; n++) {
      const id = Math.floor(Math.random() * KEYS);
      // A key that is not there cannot be deleted: it comes back instead.
      const isDeleted = n % DELETE_EVERY === 0 && this.#store.delete(this.#keyOf(id));
      if (!isDeleted) this.#put(id);
    }
  }

  #put(id: number): void {
    new DataView(this.#value.buffer).setUint32(0, ++this.#changes);
    this.#store.put(this.#keyOf(id), this.#value);
  }

  #keyOf(id: number): Uint8Array {
    new DataView(this.#key.buffer).setUint32(4, id);
    return this.#key;
  }
}
