import { BATCH_TARGET_BYTES, MAX_BATCH_EVENTS } from "./protocol.ts";

/** A run of full batches with this many events may have met a full queue of 8,192. */
const SUSPECT_EVENTS = 7936;
/** A run that does not end is suspected each time that it has grown by so many. */
const LONG_RUN_EVENTS = 8 * SUSPECT_EVENTS;

/**
 * Where a leader may have dropped events without a word: an unfull batch proves that its queue was empty, so only
 * within a run of full ones.
 */
export class FullRun {
  #events = 0;

  /** Notes a streamed batch. Answers whether a scan is due. */
  add(events: number, payloadBytes: number): boolean {
    const isFull = events >= MAX_BATCH_EVENTS || payloadBytes >= BATCH_TARGET_BYTES;
    if (!isFull) return this.end();
    const before = this.#events;
    this.#events += events;
    return Math.floor(this.#events / LONG_RUN_EVENTS) > Math.floor(before / LONG_RUN_EVENTS);
  }

  /** Whether the last batch was full: its leader has more to send. */
  get isOpen(): boolean {
    return this.#events > 0;
  }

  /** The queue was empty: what was dropped, was dropped within the run that ends. Answers whether a scan is due. */
  end(): boolean {
    const isSuspect = this.#events >= SUSPECT_EVENTS;
    this.#events = 0;
    return isSuspect;
  }
}
