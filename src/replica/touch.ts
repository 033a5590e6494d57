import type { Shard } from "../fixed/shard.ts";
import type { SlotEvents } from "../slot_events.ts";

/**
 * Reads a byte of all that a batch is going to change, so that the misses of the processor's caches overlap: one event
 * waits for each of its own in turn, and a stream's slots lie anywhere. 100 to 200 events out of 1 M slots: 0.95 us per
 * event with their application, 0.6 with this before it (Deno).
 *
 * Returns a number that the caller must keep: what nobody uses is not read.
 */
export function touchSlots({ metas, file }: Shard, { slots, count }: SlotEvents): number {
  let sum = 0;
  for (let i = 0; i < count; i++) sum ^= metas.get(slots[i]);
  for (let i = 0; i < count; i++) {
    const offset = file.at(slots[i]);
    sum ^= file.window[offset];
  }
  return sum;
}
