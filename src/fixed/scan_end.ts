/** What a finished scan leaves to do: forget what the leader does not have, and settle equal keys. */

import { ConnectionError } from "../errors.ts";
import type { TimeSlice } from "../time_slice.ts";
import { forgetSlot } from "./apply.ts";
import { SLOT_HEADER_BYTES } from "./layout.ts";
import { OCCUPIED, statusOf } from "./meta.ts";
import { hashKey } from "./routing.ts";
import type { Shard } from "./shard.ts";
import type { WholeScan } from "./whole_scan.ts";

/** Slots between two looks at the clock. */
const STEP_SLOTS = 1024;

/** Work in steps that ends with ConnectionError, before it changes anything more, once nobody wants it. */
export interface Steps {
  /** Measures them. */
  slice: TimeSlice;
  /** Whether the scan is still to be judged: asked whenever others may have run. */
  isCurrent(): boolean;
}

/** Throws ConnectionError where the scan was abandoned: another one may have begun, or the store be closed. */
export function requireCurrent(steps: Pick<Steps, "isCurrent">): void {
  if (!steps.isCurrent()) throw new ConnectionError("Cannot go on with the scan: it was abandoned");
}

async function pause(steps: Steps): Promise<void> {
  await steps.slice.yield();
  requireCurrent(steps);
}

/** Judges what lies behind the last event of a whole scan. Rejects with DivergedError. */
export async function finishScan(scan: WholeScan, steps: Steps): Promise<void> {
  steps.slice.begin();
  while (!scan.finish(STEP_SLOTS)) {
    if (steps.slice.isOver) await pause(steps);
  }
}

/** Forgets the vacant slots that a whole scan did not see: what comes into them counts, whatever its version. */
export async function forgetVacant(shard: Shard, scan: WholeScan, steps: Steps): Promise<void> {
  await inSteps(shard, scan.unseenVacant, steps, (slot) => {
    if (statusOf(shard.metas.get(slot)) !== OCCUPIED) forgetSlot(shard, slot);
  });
}

/** Forgets the slots that two scans in a row did not see. Returns how many; the caller flushes. */
export async function forgetSuspects(shard: Shard, steps: Steps): Promise<number> {
  const { counters } = shard;
  const before = counters.diverged;
  await inSteps(shard, shard.suspects, steps, (slot) => {
    if (statusOf(shard.metas.get(slot)) !== OCCUPIED) return;
    forgetSlot(shard, slot);
    counters.diverged++;
  });
  shard.suspects.clear();
  return counters.diverged - before;
}

/** Changes slot after slot; what was changed is in the file before others run. */
async function inSteps(
  shard: Shard,
  slots: Iterable<number>,
  steps: Steps,
  change: (slot: number) => void,
): Promise<void> {
  steps.slice.begin();
  for (const slot of slots) {
    change(slot);
    if (!steps.slice.isOver) continue;
    shard.file.flush();
    await pause(steps);
  }
}

/** Suspects the slots that a whole scan did not see. Returns how many. */
export function suspectUnseen(shard: Shard, scan: WholeScan): number {
  for (const slot of scan.unseen) {
    if (statusOf(shard.metas.get(slot)) === OCCUPIED) shard.suspects.add(slot);
  }
  return shard.suspects.size;
}

/** Where several slots hold one key, serves it from the slot that the leader serves it from. */
export async function settleDuplicates(
  shard: Shard,
  prefer: "lowest" | "highest",
  steps: Steps,
): Promise<void> {
  const { slotCount } = shard;
  steps.slice.begin();
  for (let i = 0; i < slotCount && shard.index.duplicates > 0; i++) {
    promoteSlot(shard, prefer === "highest" ? i : slotCount - 1 - i);
    if (i % STEP_SLOTS === 0 && steps.slice.isOver) await pause(steps);
  }
  if (shard.index.duplicates > 0) await recountDuplicates(shard, steps);
}

/**
 * Counts anew the slots whose key another one serves. The index counts as it goes, by the keys that it reads: what a
 * disk has lost may have had it miss that the last of two has gone.
 */
async function recountDuplicates(shard: Shard, steps: Steps): Promise<void> {
  const { index, unverified, slotCount } = shard;
  const trusted = index.entries;
  let hidden = 0;
  for (let slot = 0; slot < slotCount; slot++) {
    if (statusOf(shard.metas.get(slot)) === OCCUPIED && !unverified.has(slot)) {
      const keyAt = shard.file.at(slot) + SLOT_HEADER_BYTES;
      const key = shard.file.window.slice(keyAt, keyAt + shard.keyLength);
      if (index.find(hashKey(key, 0, key.length), key, 0) !== slot) hidden++;
    }
    if (slot % STEP_SLOTS === 0 && steps.slice.isOver) await pause(steps);
  }
  // Slots that were lost meanwhile are no more what they were when they were counted.
  if (index.entries === trusted && !shard.file.hasLost) index.recounted(hidden);
}

/** The slot that is promoted last serves the key; one that the leader did not send never goes before one that it did. */
function promoteSlot(shard: Shard, slot: number): void {
  if (statusOf(shard.metas.get(slot)) !== OCCUPIED) return;
  if (shard.unverified.has(slot) || shard.suspects.has(slot)) return;
  const keyAt = shard.file.at(slot) + SLOT_HEADER_BYTES;
  if (!shard.index.promote(hashKey(shard.file.window, keyAt, shard.keyLength), slot)) return;
  for (const observer of shard.observers) observer.written(shard, slot, false, slot);
}
