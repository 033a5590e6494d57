/** Local writes: what a leader's store does to its own shards. */

import { applyEvent } from "./apply.ts";
import { bumpMeta, DELETED, OCCUPIED, statusOf } from "./meta.ts";
import { hashKey } from "./routing.ts";
import { eventBytes } from "../slot_events.ts";
import type { Shard } from "./shard.ts";

/** Allocates the lowest slot that is not OCCUPIED, as armdb does. */
export class SlotAllocator {
  readonly #shard: Shard;
  #lowest = 0;

  /** An allocator over a recovered shard. */
  constructor(shard: Shard) {
    this.#shard = shard;
  }

  /** The lowest slot that is not OCCUPIED; the slot count where all are. */
  next(): number {
    const { metas } = this.#shard;
    while (this.#lowest < metas.length && statusOf(metas.get(this.#lowest)) === OCCUPIED) this.#lowest++;
    return this.#lowest;
  }

  /** Notes that a slot became free. */
  freed(slot: number): void {
    if (slot < this.#lowest) this.#lowest = slot;
  }
}

/** The slot that a put of this key would write: its own, or the lowest free one (maybe the slot count). */
export function slotForPut(shard: Shard, allocator: SlotAllocator, key: Uint8Array): number {
  const slot = shard.find(hashKey(key, 0, key.length), key);
  return slot >= 0 ? slot : allocator.next();
}

/** Writes key and value, one after the other in `record`, to a slot that exists. Returns the slot's new meta. */
export function putSlot(shard: Shard, slot: number, record: Uint8Array): number {
  const meta = bumpMeta(shard.metas.get(slot), OCCUPIED);
  applyEvent(shard, slot, meta, eventBytes(record), 0);
  shard.settle();
  return meta;
}

/** Deletes a key; returns the slots that held it, in the order of their deletion: the one that served it last. */
export function deleteKey(shard: Shard, allocator: SlotAllocator, key: Uint8Array): number[] {
  const slot = shard.find(hashKey(key, 0, key.length), key);
  if (slot < 0) return [];
  const slots = freeHidden(shard, allocator, { slot, key });
  applyEvent(shard, slot, bumpMeta(shard.metas.get(slot), DELETED), eventBytes(key), 0);
  allocator.freed(slot);
  slots.push(slot);
  return slots;
}

/**
 * Deletes the slots that hold a key behind the one that serves it, and returns them. A replica's scan that was cut
 * leaves such slots; each would come to light, with an old value, once the one before it is gone.
 */
export function freeHidden(
  shard: Shard,
  allocator: SlotAllocator,
  serving: { slot: number; key: Uint8Array },
): number[] {
  const { index } = shard;
  if (index.duplicates === 0) return [];
  const { slot, key } = serving;
  const hash = hashKey(key, 0, key.length);
  index.remove(hash, slot, key, 0);
  const slots = deleteKey(shard, allocator, key);
  index.insert(hash, slot, key, 0);
  return slots;
}
