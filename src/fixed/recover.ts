/**
 * From the bytes of a slot file to a shard that can serve: metas, index, and the slots that cannot be trusted.
 *
 * A clean file brings its metas in the sidecar; otherwise each slot's own meta counts. Either way the CRC of
 * every OCCUPIED slot is checked here, so that nothing unchecked is ever served.
 */

import { type TimeSlice } from "../time_slice.ts";
import { SLOT_HEADER_BYTES } from "./layout.ts";
import { OCCUPIED, packMeta, statusOf, versionOf } from "./meta.ts";
import { hashKey, shardOfHashedKey } from "./routing.ts";
import { readWord, type Shard } from "./shard.ts";

/** Slots between two looks at the clock. */
const STEP_SLOTS = 1024;

/** Fills an empty shard from its file of `slotCount` slots; `sidecar` is a good one, of a clean file. */
export async function recoverShard(
  shard: Shard,
  slotCount: number,
  options: { sidecar?: Uint8Array; slice: TimeSlice },
): Promise<void> {
  const hasMetas = options.sidecar !== undefined;
  options.slice.begin();
  await recoverMetas(shard, slotCount, options);
  for (let first = 0; first < slotCount;) {
    const loaded = shard.file.load(first, slotCount - first);
    for (let slot = first; slot < first + loaded; slot += STEP_SLOTS) {
      recoverSlots(shard, slot, Math.min(slot + STEP_SLOTS, first + loaded), hasMetas);
      if (options.slice.isOver) await options.slice.yield();
    }
    first += loaded;
  }
}

async function recoverMetas(
  { metas }: Shard,
  slotCount: number,
  { sidecar, slice }: { sidecar?: Uint8Array; slice: TimeSlice },
): Promise<void> {
  while (!metas.reserve(slotCount)) {
    if (slice.isOver) await slice.yield();
  }
  metas.grow(slotCount);
  for (let page = 0; sidecar !== undefined && page < metas.pageCount; page++) {
    metas.copyPageFrom(page, sidecar);
    if (slice.isOver) await slice.yield();
  }
}

function recoverSlots(shard: Shard, first: number, end: number, hasMetas: boolean): void {
  for (let slot = first; slot < end; slot++) {
    const offset = shard.file.at(slot);
    const meta = validStatus(hasMetas ? shard.metas.get(slot) : readWord(shard.file.window, offset));
    if (meta === 0) continue;
    shard.metas.set(slot, meta);
    shard.count(meta, 1);
    shard.noteVersion(meta);
    if (statusOf(meta) === OCCUPIED) recoverKey(shard, slot, offset);
  }
}

/** Status 3 does not exist: such a slot was OCCUPIED for all we know, and its CRC will not match. */
function validStatus(meta: number): number {
  return statusOf(meta) === 3 ? packMeta(versionOf(meta), OCCUPIED) : meta;
}

function recoverKey(shard: Shard, slot: number, offset: number): void {
  if (!shard.crcMatches(slot)) {
    shard.unverified.add(slot);
    shard.counters.crcErrors++;
    return;
  }
  const key = shard.file.window;
  const keyAt = offset + SLOT_HEADER_BYTES;
  const hash = hashKey(key, keyAt, shard.keyLength);
  if (shardOfHashedKey(key, keyAt, shard.shape) !== shard.id) shard.misrouted = true;
  shard.index.insert(hash, slot, key, keyAt);
}
