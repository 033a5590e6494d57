/**
 * How an event changes a shard: in memory at once, staged for the file.
 *
 * A live stream and a side scan go by versions alone. A whole scan also asks {@link WholeScan} about every event
 * that is not newer: it may prove that the leader's data was lost or replaced.
 */

import type { SlotEvents } from "../slot_events.ts";
import { SLOT_HEADER_BYTES } from "./layout.ts";
import { FREE, isNewer, OCCUPIED, statusOf, versionOf } from "./meta.ts";
import { hashKey, shardOfHashedKey } from "./routing.ts";
import { type Shard, writeWord } from "./shard.ts";
import type { WholeScan } from "./whole_scan.ts";

/** Applies a batch, whose slots must all exist. Returns how many events changed the shard. */
export function applyEvents(shard: Shard, events: SlotEvents, scan?: WholeScan): number {
  let applied = 0;
  if (scan !== undefined && !shard.file.inMemory) readAhead(shard, events);
  for (let i = 0; i < events.count; i++) {
    const slot = events.slots[i];
    if (shard.suspects.size > 0) shard.suspects.delete(slot);
    const wanted = scan === undefined ? supersedes(shard, slot, events.metas[i]) : scan.admits(events, i);
    if (!wanted) {
      shard.counters.skipped++;
      continue;
    }
    applyEvent(shard, slot, events.metas[i], events.bytes, events.keyAt[i]);
    applied++;
  }
  return applied;
}

/** A scan's slots are neighbours, and each is compared with what is held: one read fetches them all. */
function readAhead({ file }: Shard, { slots, count }: SlotEvents): void {
  if (count === 0) return;
  const first = slots[0];
  const span = slots[count - 1] - first + 1;
  if (span > 1 && span <= file.loadLimit && first + span <= file.recordCount) file.load(first, span);
}

/** Whether an event applies by the rules of a stream. */
export function supersedes(shard: Shard, slot: number, meta: number): boolean {
  const old = shard.metas.get(slot);
  if (old === 0 || isNewer(versionOf(meta), versionOf(old))) return true;
  if (versionOf(meta) !== versionOf(old)) return false;
  if (shard.unverified.size > 0 && shard.unverified.has(slot)) return true;
  return statusOf(meta) === FREE && statusOf(old) !== FREE;
}

/** Applies one event unasked. `bytes[keyAt]` is the key, and the value behind it, of an OCCUPIED one. */
export function applyEvent(shard: Shard, slot: number, meta: number, bytes: Uint8Array, keyAt: number): void {
  if (statusOf(meta) === OCCUPIED) return occupy(shard, slot, meta, bytes, keyAt);
  vacate(shard, slot);
  shard.setMeta(slot, meta);
  shard.file.stageHead(slot, meta);
  if (statusOf(meta) === FREE) shard.counters.applied.reset++;
  else shard.counters.applied.deleted++;
}

/** Forgets a slot that the leader does not have: as if it had never been written. */
export function forgetSlot(shard: Shard, slot: number): void {
  vacate(shard, slot);
  shard.setMeta(slot, 0);
  shard.file.stageHead(slot, 0);
}

/** Takes the key of a slot out of the index. */
function vacate(shard: Shard, slot: number): void {
  if (statusOf(shard.metas.get(slot)) !== OCCUPIED) return;
  if (shard.unverified.size === 0 || !shard.unverified.delete(slot)) shard.dropKey(slot);
}

function occupy(shard: Shard, slot: number, meta: number, bytes: Uint8Array, keyAt: number): void {
  const keepsKey = holdsVerifiedKey(shard, slot, bytes, keyAt);
  if (!keepsKey) {
    if (statusOf(shard.metas.get(slot)) === OCCUPIED && !shard.unverified.has(slot)) {
      shard.counters.staleCleanups++;
    }
    vacate(shard, slot);
  }
  shard.setMeta(slot, meta);
  writeSlot(shard, slot, meta, bytes, keyAt);
  shard.counters.applied.occupied++;
  if (!keepsKey || shard.index.duplicates > 0 || shard.observers.size > 0) {
    indexSlot(shard, slot, bytes, keyAt, keepsKey);
  }
}

function holdsVerifiedKey(shard: Shard, slot: number, bytes: Uint8Array, keyAt: number): boolean {
  if (statusOf(shard.metas.get(slot)) !== OCCUPIED) return false;
  if (shard.unverified.size > 0 && shard.unverified.has(slot)) return false;
  return shard.slotHasKey(slot, bytes, keyAt);
}

function indexSlot(shard: Shard, slot: number, bytes: Uint8Array, keyAt: number, keepsKey: boolean): void {
  const { index, keyLength, observers } = shard;
  let previous = slot;
  if (keepsKey) {
    if (index.duplicates > 0) index.promote(hashKey(bytes, keyAt, keyLength), slot, bytes, keyAt);
  } else {
    const hash = hashKey(bytes, keyAt, keyLength);
    if (shardOfHashedKey(bytes, keyAt, shard.shape) !== shard.id) shard.misrouted = true;
    if (observers.size > 0) previous = index.find(hash, bytes, keyAt);
    index.insert(hash, slot, bytes, keyAt);
  }
  for (const observer of observers) observer.written(shard, slot, !keepsKey, previous);
}

/** Writes all bytes of a slot: meta, CRC, key, value, padding. */
function writeSlot(shard: Shard, slot: number, meta: number, bytes: Uint8Array, keyAt: number): void {
  const offset = shard.file.stage(slot);
  const window = shard.file.window;
  const start = offset + SLOT_HEADER_BYTES;
  const body = shard.keyLength + shard.valueLength;
  for (let i = 0; i < body; i++) window[start + i] = bytes[keyAt + i];
  for (let i = start + body; i < offset + shard.file.recordBytes; i++) window[i] = 0;
  writeWord(window, offset, meta);
  writeWord(window, offset + 4, shard.crcOf(window, offset));
}
