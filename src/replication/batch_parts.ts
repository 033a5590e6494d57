import { keepBytes, type SlotEvents } from "../slot_events.ts";

/**
 * A batch in parts of so many events, in their order: the same object each time, and at the end an empty one. Its
 * bytes become a copy, which stays as it is. (Other objects of the same type would make what handles them slower, for
 * all batches to come.)
 */
export function* partsOf(events: SlotEvents, size: number): Generator<SlotEvents> {
  keepBytes(events);
  let left = events.count;
  while (left > 0) {
    events.count = Math.min(size, left);
    yield events;
    for (const column of [events.slots, events.metas, events.keyAt]) column.copyWithin(0, size, left);
    left -= size;
  }
  events.count = 0;
}
