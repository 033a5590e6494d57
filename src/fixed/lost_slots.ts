/** What a shard does about slots that a failed sync may have lost in a file of which nothing is kept in memory. */

import { SLOT_HEADER_BYTES } from "./layout.ts";
import { OCCUPIED, statusOf } from "./meta.ts";
import { hashKey } from "./routing.ts";
import type { Shard } from "./shard.ts";

/**
 * Takes a slot out of service until a scan has brought it again; of one that holds no key the meta, which is in
 * memory, is staged again. The file may still show the right bytes, and older ones as soon as the system reads it
 * anew.
 */
export function loseSlot(shard: Shard, slot: number): void {
  const meta = shard.metas.get(slot);
  if (statusOf(meta) !== OCCUPIED) shard.file.stageHead(slot, meta);
  else if (!shard.unverified.has(slot)) {
    const key = keyOf(shard, slot);
    const hash = hashKey(key, 0, key.length);
    // The file may show an older key already, which is not the one that the index knows.
    if (!shard.index.has(hash, slot)) shard.index.removeSlot(slot);
    shard.distrust(slot, hash, key, 0);
  }
}

/** The key in a slot; zeros where it cannot be read: the index then finds the slot by its number. */
function keyOf({ file, keyLength }: Shard, slot: number): Uint8Array {
  try {
    const start = file.at(slot) + SLOT_HEADER_BYTES;
    return file.window.slice(start, start + keyLength);
  } catch {
    return new Uint8Array(keyLength);
  }
}
