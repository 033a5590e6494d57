import type { Directory } from "./directory/directory.ts";
import { SLOT_HEADER_BYTES } from "./fixed/layout.ts";
import { DELETED, FREE, OCCUPIED, packMeta, statusOf, versionOf } from "./fixed/meta.ts";
import type { Shard } from "./fixed/shard.ts";
import type { BatchEncoder } from "./replication/protocol.ts";
import type { ReplicationSource, SlotWants } from "./replication/source.ts";
import type { Shape } from "./slot_events.ts";

/** A directory as its leader reads it: slots as they are now, and word of each that changes. */
export class OwnSource implements ReplicationSource {
  readonly #directory: Directory;
  readonly #listeners: Set<(slot: number) => void>[];

  /** The source of an open directory. */
  constructor(directory: Directory) {
    this.#directory = directory;
    this.#listeners = directory.store.shards.map(() => new Set());
  }

  /** See {@link ReplicationSource}. */
  get shape(): Shape {
    return this.#directory.shape;
  }

  /** See {@link ReplicationSource}. */
  slotCount(shard: number): number {
    return this.#shard(shard).slotCount;
  }

  /** See {@link ReplicationSource}. */
  addSlot(encoder: BatchEncoder, at: { shard: number; slot: number }, wants: SlotWants): void {
    const shard = this.#shard(at.shard);
    const meta = shard.metas.get(at.slot);
    if (meta === 0) return;
    const status = statusOf(meta);
    if (status === FREE || (status === OCCUPIED && !isTrusted(shard, at.slot))) {
      if (wants.resets) encoder.addReset(at.slot, packMeta(versionOf(meta), FREE));
    } else if (status === OCCUPIED) {
      const keyAt = shard.file.at(at.slot) + SLOT_HEADER_BYTES;
      encoder.addOccupied(at.slot, meta, shard.file.window, keyAt);
    } else if (status === DELETED && !wants.skipDeleted) {
      const keyAt = shard.file.at(at.slot) + SLOT_HEADER_BYTES;
      encoder.addDeleted(at.slot, meta, shard.file.window, keyAt);
    }
  }

  /** See {@link ReplicationSource}. */
  subscribe(shard: number, onChange: (slot: number) => void): () => void {
    this.#listeners[shard].add(onChange);
    return () => this.#listeners[shard].delete(onChange);
  }

  /** Tells all who subscribed. */
  changed(shard: number, slot: number): void {
    for (const listener of this.#listeners[shard]) listener(slot);
  }

  #shard(id: number): Shard {
    return this.#directory.store.shards[id];
  }
}

/** Whether an OCCUPIED slot holds what was put there. Of a file that is not in memory each read must show it. */
function isTrusted(shard: Shard, slot: number): boolean {
  if (shard.unverified.has(slot)) return false;
  return shard.file.inMemory || shard.crcMatches(slot);
}
