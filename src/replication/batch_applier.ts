import { keepBytes, type SlotEvents } from "../slot_events.ts";
import type { TimeSlice } from "../time_slice.ts";
import { partsOf } from "./batch_parts.ts";
import type { LinkCounters } from "./counters.ts";
import type { Effect } from "./effect.ts";
import type { EventSource, ReplicationTarget } from "./target.ts";

/** A link's first batches may be the process's, not compiled yet: an event takes 10 to 20 us, a whole batch 5 ms. */
const COLD_BATCHES = 2, COLD_EVENTS = 32;

/** A batch that is to be applied. */
type Batch = Extract<Effect, { type: "apply" }>;

/** What batches are applied with. */
export interface BatchApplierOptions {
  readonly target: ReplicationTarget;
  /** Measures the steps. */
  readonly slice: TimeSlice;
  /** What the link has counted: the first batches are known by it. */
  readonly counters: LinkCounters;
  /** A monotonic clock, in ms. */
  now(): number;
  /** Once it answers true, nothing more is applied of what waits. */
  isOver(): boolean;
}

/** Applies the batches of one shard's link: makes room first, and takes the first ones in parts. */
export class BatchApplier {
  readonly #shard: number;
  readonly #options: BatchApplierOptions;

  /** Nothing was applied yet. */
  constructor(shard: number, options: BatchApplierOptions) {
    this.#shard = shard;
    this.#options = options;
  }

  /** Applies a batch: a promise where that takes several turns of the event loop. Throws, or rejects, as the target. */
  apply(batch: Batch): Promise<void> | undefined {
    const { target, isOver } = this.#options;
    if (batch.highestSlot < target.slotCount(this.#shard)) return this.#applyNow(batch);
    keepBytes(batch.events);
    const room = target.grow(this.#shard, batch.highestSlot + 1);
    return room.then(() => isOver() ? undefined : this.#applyNow(batch));
  }

  #applyNow(batch: Batch): Promise<void> | undefined {
    const { events, source } = batch;
    const isCold = this.#options.counters.batches < COLD_BATCHES && events.count > COLD_EVENTS;
    if (isCold) return this.#applyInParts(batch);
    this.#count(events.count, source, this.#applyEvents(events, source));
  }

  /** Each part is a step. */
  async #applyInParts({ events, source }: Batch): Promise<void> {
    const { target, slice, isOver } = this.#options;
    const { count } = events;
    let workedMs = 0;
    for (const part of partsOf(events, COLD_EVENTS)) {
      slice.end();
      await slice.yield();
      if (isOver()) return;
      workedMs += this.#applyEvents(part, source);
      target.flush(this.#shard);
    }
    slice.end();
    this.#count(count, source, workedMs);
  }

  /** Answers how long it took, in ms. */
  #applyEvents(events: SlotEvents, source: EventSource): number {
    const { target, now } = this.#options;
    const startedAt = now();
    try {
      target.apply(this.#shard, events, source);
    } catch (error) {
      // What was applied before the error stays applied, so the file must have it too.
      target.flush(this.#shard);
      throw error;
    }
    return now() - startedAt;
  }

  #count(events: number, source: EventSource, workedMs: number): void {
    const { counters, now } = this.#options;
    counters.addBatch(events, workedMs);
    if (source === "stream") counters.addStreamed(events, now());
  }
}
