/**
 * How long a v2 leader waits for the Ack of a streamed batch. Meanwhile the next batch fills.
 *
 * A batch wakes the follower for itself and for its timer, and each awakening costs 30 to 60 us of CPU, however little
 * is to be done. A leader that has sent a batch looks at its queue again as soon as it has the Ack, so an Ack that
 * comes when a nudge would have come does for both. While many events come it comes later still. CPU in us per event,
 * storage `mapped`, no syncs, 20,000 events a second on two cores (Deno / Bun):
 *
 * | Ack | events a batch | us per event |
 * |---|---|---|
 * | at once, then nudges every 2 ms | 54 / 56 | 3.3 / 3.2 |
 * | after 2 ms | 47 / 43 | 3.4 / 3.1 |
 * | after 4 ms | 89 / - | 2.5 / - |
 * | after 8 ms | 176 / 164 | 2.4 / 2.3 |
 *
 * armdb's own follower, which acknowledges at once, has no more batches: the leader's next look at its queue often finds
 * nothing, and then it sleeps for up to 20 ms: 128 batches a second at that rate. The wait is 4 ms, as more buys little,
 * and meanwhile events are late and the leader's queue of 8,192 fills.
 */

import type { SessionTimes } from "./times.ts";

/** Two batches in a row with so many events each say that the stream is busy. */
const BUSY_EVENTS = 16;

/** See the head of this file. */
export class StreamPace {
  #last = 0;
  #before = 0;

  /** Notes a streamed batch. */
  add(events: number): void {
    this.#before = this.#last;
    this.#last = events;
  }

  /** Notes that nothing came for as long as a nudge is waited for. */
  rest(): void {
    this.#last = this.#before = 0;
  }

  /** ms from a batch to its Ack, where nudges go after `idleMs`. */
  ackMs(idleMs: number, { gatherMs }: SessionTimes): number {
    return this.#isBusy ? gatherMs : Math.min(idleMs, gatherMs);
  }

  /** ms without a frame until a nudge goes: one that is due between an Ack and the batch that it brings is no use. */
  nudgeMs(idleMs: number, { gatherMs }: SessionTimes): number {
    return this.#isBusy ? Math.max(idleMs, gatherMs) : idleMs;
  }

  get #isBusy(): boolean {
    return this.#last >= BUSY_EVENTS && this.#before >= BUSY_EVENTS;
  }
}
