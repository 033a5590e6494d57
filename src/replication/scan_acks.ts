/**
 * When the Acks of a scan leave.
 *
 * A leader sends a batch of a scan, and then the next one once an Ack is there, whichever: it only counts them. So some
 * go ahead of the first batch, and it reads its slots while we apply them. The others leave a few at a time: each write
 * is a system call, and wakes a thread of the leader.
 */

import { BATCH_TARGET_BYTES, EVENT_HEAD_BYTES, MAX_BATCH_EVENTS, type RecordLengths } from "./wire.ts";

/** More bought nothing. */
export const MOST_ACKS_AHEAD = 7;

/** What may be under way, as more of it only waits in our memory: batches of 64 KiB were no faster, for 64 MB more. */
const AHEAD_BYTES = 128 * 1_024;

/** See the head of this file. */
export class ScanAcks {
  /** Acks that go ahead of the first batch. */
  readonly ahead: number;
  readonly #atOnce: number;
  #batches = 0;

  /** Before the first batch of a scan of records of these lengths. */
  constructor({ keyLength, valueLength }: RecordLengths) {
    const eventBytes = EVENT_HEAD_BYTES + keyLength + valueLength;
    const batchBytes = Math.min(MAX_BATCH_EVENTS * eventBytes, BATCH_TARGET_BYTES + eventBytes);
    this.ahead = Math.max(1, Math.min(MOST_ACKS_AHEAD, Math.floor(AHEAD_BYTES / batchBytes)));
    this.#atOnce = (this.ahead + 1) >> 1;
  }

  /** A batch came: how many Acks leave now. There are always more of them than batches. */
  add(): number {
    return ++this.#batches % this.#atOnce === 0 ? this.#atOnce : 0;
  }
}
