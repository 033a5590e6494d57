import { SLOT_HEADER_BYTES } from "../fixed/layout.ts";
import { OCCUPIED, statusOf } from "../fixed/meta.ts";
import { hashKey } from "../fixed/routing.ts";
import type { Shard } from "../fixed/shard.ts";
import type { Store } from "../fixed/store.ts";

/** How long a write by another process may take (ms). */
const SETTLES_WITHIN_MS = 20;

/**
 * Reads the slots again that could not be trusted, in a directory that another process writes meanwhile: most were
 * read in the middle of a write. Answers how many still cannot be trusted.
 */
export async function rereadUnverified(store: Store, waitMs: number = SETTLES_WITHIN_MS): Promise<number> {
  const count = () => store.shards.reduce((sum, shard) => sum + shard.unverified.size, 0);
  if (count() === 0) return 0;
  await new Promise((resolve) => setTimeout(resolve, waitMs));
  for (const shard of store.shards) {
    for (const slot of shard.unverified) rereadSlot(shard, slot);
  }
  return count();
}

function rereadSlot(shard: Shard, slot: number): void {
  shard.file.load(slot, 1);
  const offset = shard.file.at(slot);
  const { window, view } = shard.file;
  const meta = view.getUint32(offset, true);
  if (statusOf(meta) === 3) return;
  const isOccupied = statusOf(meta) === OCCUPIED;
  if (isOccupied && !shard.hasGoodCrc(view, offset)) return;
  shard.setMeta(slot, meta);
  shard.unverified.delete(slot);
  if (!isOccupied) return;
  const keyAt = offset + SLOT_HEADER_BYTES;
  shard.index.insert(hashKey(window, keyAt, shard.keyLength), slot, window, keyAt);
}
