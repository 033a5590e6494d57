/**
 * How an event changes a shard: in memory at once, staged for the file.
 *
 * A live stream and a side scan go by versions alone. A whole scan also asks {@link WholeScan} about every event
 * that is not newer: it may prove that the leader's data was lost or replaced.
 */

import type { EventBytes, SlotEvents } from "../slot_events.ts";
import { copyWithCrc, crc32OfWord } from "./crc32.ts";
import { SLOT_HEADER_BYTES } from "./layout.ts";
import { FREE, isNewer, OCCUPIED, statusOf, versionOf } from "./meta.ts";
import { hashKey, shardOfHashedKey } from "./routing.ts";
import { type Shard, slotHoldsKey } from "./shard.ts";
import type { WholeScan } from "./whole_scan.ts";

/**
 * Applies a batch, whose slots must all exist. Returns how many events changed the shard.
 *
 * The events must stay as they are until `shard.settle()`.
 */
export function applyEvents(shard: Shard, events: SlotEvents, scan?: WholeScan): number {
  let applied = 0;
  if (scan !== undefined && !shard.file.inMemory) readAhead(shard, events);
  for (let i = 0; i < events.count; i++) {
    if (scan !== undefined && shard.metas.get(events.slots[i]) === events.metas[i]) {
      i = passSame(shard, events, i, scan);
      if (i === events.count) break;
    }
    const slot = events.slots[i];
    if (shard.suspects.size > 0) shard.suspects.delete(slot);
    const wanted = scan === undefined ? supersedes(shard, slot, events.metas[i]) : scan.admits(events, i);
    if (!wanted) {
      countSkipped(shard, versionOf(events.metas[i]), versionOf(shard.metas.get(slot)));
      continue;
    }
    applyEvent(shard, slot, events.metas[i], events, events.keyAt[i]);
    applied++;
  }
  return applied;
}

/** Counts the events from `i` on that say what is held already; answers the next one. */
function passSame({ suspects, counters }: Shard, events: SlotEvents, i: number, scan: WholeScan): number {
  if (suspects.size > 0) return i;
  const next = scan.passSame(events, i);
  counters.skipped.same += next - i;
  return next;
}

function countSkipped({ counters }: Shard, version: number, held: number): void {
  if (version === held) counters.skipped.same++;
  else counters.skipped.older++;
}

/**
 * A scan's slots are neighbours, and each is compared with what is held: one read fetches all that can be read. None
 * where nothing was ever written: a read beside a sync waits for it, 20 ms at times.
 */
function readAhead({ file, metas }: Shard, { slots, count }: SlotEvents): void {
  let written = 0;
  while (written < count && metas.get(slots[written]) === 0) written++;
  if (written === count) return;
  const first = slots[written];
  const span = slots[count - 1] - first + 1;
  if (span <= 1 || span > file.loadLimit || first + span > file.recordCount) return;
  try {
    file.load(first, span);
  } catch {
    // Then each is read alone, and what cannot be read counts as damaged.
  }
}

/** Whether an event applies by the rules of a stream. */
export function supersedes(shard: Shard, slot: number, meta: number): boolean {
  const old = shard.metas.get(slot);
  if (old === 0 || isNewer(versionOf(meta), versionOf(old))) return true;
  if (versionOf(meta) !== versionOf(old)) return false;
  if (shard.unverified.size > 0 && shard.unverified.has(slot)) return true;
  return statusOf(meta) === FREE && statusOf(old) !== FREE;
}

/**
 * Applies one event unasked, as {@link applyEvents} does. At `keyAt` is the key, and the value behind it, of an
 * OCCUPIED one.
 */
export function applyEvent(
  shard: Shard,
  slot: number,
  meta: number,
  events: EventBytes,
  keyAt: number,
): void {
  if (statusOf(meta) === OCCUPIED) return occupy(shard, slot, meta, events, keyAt);
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

function occupy(shard: Shard, slot: number, meta: number, events: EventBytes, keyAt: number): void {
  const wasOccupied = statusOf(shard.metas.get(slot)) === OCCUPIED;
  const keepsKey = wasOccupied && isVerified(shard, slot) && slotHoldsKey(shard, slot, events, keyAt);
  if (wasOccupied && !keepsKey) {
    if (isVerified(shard, slot)) shard.counters.staleCleanups++;
    vacate(shard, slot);
  }
  shard.setMeta(slot, meta);
  writeSlot(shard, slot, meta, events, keyAt);
  shard.counters.applied.occupied++;
  if (keepsKey) keepKey(shard, slot, events, keyAt);
  else addKey(shard, slot, events, keyAt);
}

function isVerified({ unverified }: Shard, slot: number): boolean {
  return unverified.size === 0 || !unverified.has(slot);
}

/** A key that stays in its slot touches no index, unless another slot holds it too. */
function keepKey(shard: Shard, slot: number, events: EventBytes, keyAt: number): void {
  shard.keepKey(slot, events.bytes, keyAt);
  if (shard.observers.size > 0) tell(shard, slot, false, slot);
}

function addKey(shard: Shard, slot: number, events: EventBytes, keyAt: number): void {
  const hash = hashKey(events.bytes, keyAt, shard.keyLength) | 0;
  if (shardOfHashedKey(events.bytes, keyAt, shard.shape) !== shard.id) shard.misrouted = true;
  if (shard.observers.size === 0) return shard.addKey(hash, slot, events.bytes, keyAt);
  tell(shard, slot, true, insertNow(shard, slot, hash, events.bytes, keyAt));
}

/** Inserts a key; answers the slot that served it before, or -1. Should a slot not be readable, it is unverified. */
function insertNow(shard: Shard, slot: number, hash: number, bytes: Uint8Array, at: number): number {
  try {
    const previous = shard.index.find(hash, bytes, at);
    shard.index.insert(hash, slot, bytes, at);
    return previous;
  } catch (error) {
    shard.unverified.add(slot);
    throw error;
  }
}

function tell(shard: Shard, slot: number, keyChanged: boolean, previous: number): void {
  for (const observer of shard.observers) observer.written(shard, slot, keyChanged, previous);
}

/** Writes all bytes of a slot: meta, CRC, key, value, padding. */
function writeSlot(shard: Shard, slot: number, meta: number, events: EventBytes, keyAt: number): void {
  const { file } = shard;
  const offset = file.stage(slot);
  const { view } = file;
  const start = offset + SLOT_HEADER_BYTES;
  const body = shard.keyLength + shard.valueLength;
  const crc = copyWithCrc(view, start, events.view, keyAt, body, crc32OfWord(meta));
  view.setInt32(offset, meta, true);
  view.setInt32(offset + 4, crc, true);
  for (let i = start + body; i < offset + file.recordBytes; i++) view.setUint8(i, 0);
}
