/**
 * When the Acks of a scan leave.
 *
 * A leader sends a batch of a scan, and then the next one once an Ack is there, whichever: it only counts them. So some
 * go ahead of the first batch, and it reads its slots while we apply them. The others leave a few at a time: each write
 * is a system call, and wakes a thread of the leader.
 */

import { BATCH_TARGET_BYTES, EVENT_HEAD_BYTES, mostEventBytes, type RecordLengths } from "./wire.ts";

/**
 * With 15, and so 8 at once, 1 M slots of 8+16 where nothing changed took 8 ms less in Deno, of 114, and 14 in Bun, of
 * 132. But a leader that ends the link behind a scan leaves more of them unread and resets the connection, which may
 * take its Error frame along: one run of interop/overflow_test.ts waited in vain for what such a frame brings about.
 */
export const MOST_ACKS_AHEAD = 7;

/** What may be under way, and room for any one batch: more large ones were no faster, for 64 MB of memory. */
const AHEAD_BYTES = 2 * BATCH_TARGET_BYTES;

/** See the head of this file. */
export class ScanAcks {
  /** Acks that go ahead of the first batch. */
  readonly ahead: number;
  readonly #atOnce: number;
  /** Batches until the next Acks leave. */
  #missing: number;

  /** Before the first batch of a scan of records of these lengths. */
  constructor({ keyLength, valueLength }: RecordLengths) {
    const batchBytes = mostEventBytes(EVENT_HEAD_BYTES + keyLength + valueLength);
    this.ahead = Math.min(MOST_ACKS_AHEAD, Math.floor(AHEAD_BYTES / batchBytes));
    this.#missing = this.#atOnce = (this.ahead + 1) >> 1;
  }

  /** A batch came: how many Acks leave now. There are always more of them than batches. */
  add(): number {
    if (--this.#missing > 0) return 0;
    return this.#missing = this.#atOnce;
  }
}
