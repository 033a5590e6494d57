import { ClosedError } from "../errors.ts";
import { loseSlot } from "../fixed/lost_slots.ts";
import type { Shard } from "../fixed/shard.ts";
import type { TimeSlice } from "../time_slice.ts";

/** What {@link LostRanges} works with. */
export interface LostRangesOptions {
  slice: TimeSlice;
  isClosed(): boolean;
  /** Writes what was staged; may throw. */
  flush(): void;
}

/**
 * Takes the slots out of service that a failed sync may have lost: in steps, as there may be many, and none of them is
 * served with a wrong byte meanwhile. One range after the other: each on its own would make one long step of many short
 * ones.
 */
export class LostRanges {
  readonly #shard: Shard;
  readonly #options: LostRangesOptions;
  #last: Promise<void> = Promise.resolve();

  /** Nothing was lost yet. */
  constructor(shard: Shard, options: LostRangesOptions) {
    this.#shard = shard;
    this.#options = options;
  }

  /** Rejects where slots could not be taken out of service: those are still checked at each read. */
  add(first: number, count: number): Promise<void> {
    return this.#last = this.settled().then(() => this.#lose(first, count));
  }

  /** Whether this was the last that {@link add} answered. */
  isLast(work: Promise<void>): boolean {
    return work === this.#last;
  }

  /** Resolves once all ranges that were added were worked off; never rejects. */
  settled(): Promise<void> {
    return this.#last.catch(() => {});
  }

  async #lose(first: number, count: number): Promise<void> {
    const { slice, isClosed, flush } = this.#options;
    const end = Math.min(first + count, this.#shard.slotCount);
    if (slice.isOver) await slice.yield();
    for (let slot = first; slot < end; slot++) {
      if (isClosed()) throw new ClosedError("Cannot take lost slots out of service: the replica is closed");
      loseSlot(this.#shard, slot);
      if (slice.isOver) await slice.yield();
    }
    try {
      flush();
    } catch {
      // None of them is trusted any more; what could not be written stays staged for the next sync.
    }
  }
}
