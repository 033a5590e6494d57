import { Histogram, HISTOGRAM_NUMBERS } from "../histogram.ts";
import type { RescanReason } from "./rescan_reason.ts";

const WINDOW_SECONDS = 60;

/** Where each number stands in the memory of a {@link LinkCounters}. */
const RECEIVED_BYTES = 0,
  BATCHES = 1,
  EVENTS = 2,
  BUFFERED_HIGH_WATER = 3,
  DROPPED_FRAMES = 4,
  FRESH_AT = 5,
  SCAN_POSITION = 6,
  SECOND = 7,
  FIRST_SECOND = 8,
  PER_SECOND = 9,
  APPLY = PER_SECOND + WINDOW_SECONDS,
  ACK = APPLY + HISTOGRAM_NUMBERS,
  NUMBERS = ACK + HISTOGRAM_NUMBERS;

/**
 * What a link counted since it began. What its connections count stands in memory that a thread which runs them can
 * share.
 */
export class LinkCounters {
  /** Connections tried. */
  connections = 0;
  /** Connections that ended, by reason. */
  readonly ends: Record<string, number> = {};
  /** Scans that were begun again, by why. */
  readonly rescans: Partial<Record<RescanReason, number>> = {};
  /** Whole scans that came to their end. */
  wholeScans = 0;
  /** Side scans that came to their end. */
  sideScans = 0;
  /** How long each batch took to apply. */
  readonly apply: Histogram;
  /** How long each Ack took to leave since its batch was looked at. */
  readonly ack: Histogram;
  /** What the connections count. */
  readonly memory: SharedArrayBuffer;
  readonly #numbers: Float64Array;
  readonly #perSecond: Float64Array;

  /** Counters that begin with what stands in the memory: zeros, or those of another thread. */
  constructor(memory: SharedArrayBuffer = new SharedArrayBuffer(8 * NUMBERS)) {
    this.memory = memory;
    this.#numbers = new Float64Array(memory);
    this.#perSecond = this.#numbers.subarray(PER_SECOND, PER_SECOND + WINDOW_SECONDS);
    this.apply = new Histogram(this.#numbers.subarray(APPLY, APPLY + HISTOGRAM_NUMBERS));
    this.ack = new Histogram(this.#numbers.subarray(ACK, ACK + HISTOGRAM_NUMBERS));
  }

  /** Bytes from the leader. */
  get receivedBytes(): number {
    return this.#numbers[RECEIVED_BYTES];
  }

  /** SlotBatches applied. */
  get batches(): number {
    return this.#numbers[BATCHES];
  }

  /** Events in them. */
  get events(): number {
    return this.#numbers[EVENTS];
  }

  /** The most bytes that any connection has buffered: a frame in pieces, and what was read ahead. */
  get bufferedHighWater(): number {
    return this.#numbers[BUFFERED_HIGH_WATER];
  }

  /** Frames dropped since the read-ahead was full (protocol 1 only; a side scan repairs it). */
  get droppedFrames(): number {
    return this.#numbers[DROPPED_FRAMES];
  }

  /** When the copy of the shard was last proven current (Unix ms); undefined before the first whole scan. */
  get freshAtMs(): number | undefined {
    return this.#numbers[FRESH_AT] || undefined;
  }

  /** Slots that the scan under way has passed. */
  get scanPosition(): number {
    return this.#numbers[SCAN_POSITION];
  }

  /** Notes bytes from the leader. */
  addReceived(bytes: number): void {
    this.#numbers[RECEIVED_BYTES] += bytes;
  }

  /** Notes how many bytes a connection has buffered. */
  noteBuffered(bytes: number): void {
    if (bytes > this.#numbers[BUFFERED_HIGH_WATER]) this.#numbers[BUFFERED_HIGH_WATER] = bytes;
  }

  /** Notes a frame that was dropped. */
  addDropped(): void {
    this.#numbers[DROPPED_FRAMES]++;
  }

  /** Notes when the copy was proven current (Unix ms). */
  setFresh(atMs: number): void {
    this.#numbers[FRESH_AT] = atMs;
  }

  /** Notes how many slots the scan has passed. */
  setScanPosition(slots: number): void {
    this.#numbers[SCAN_POSITION] = slots;
  }

  /** Notes a batch, of a scan or of the stream. */
  addBatch(events: number, applyMs: number): void {
    this.#numbers[BATCHES]++;
    this.#numbers[EVENTS] += events;
    this.apply.observe(applyMs);
  }

  /** Notes that a scan is made again. */
  addRescan(reason: RescanReason): void {
    this.rescans[reason] = (this.rescans[reason] ?? 0) + 1;
  }

  /** Notes events of the stream, at `now` ms, above 0: they tell how much the leader writes. */
  addStreamed(events: number, now: number): void {
    this.#advance(now);
    // One later, as 0 is "none".
    this.#numbers[FIRST_SECOND] ||= this.#numbers[SECOND] + 1;
    this.#perSecond[this.#numbers[SECOND] % WINDOW_SECONDS] += events;
  }

  /** Streamed events a second over the last minute, or over the time since the first one came. */
  streamRate(now: number): number {
    this.#advance(now);
    let events = 0;
    for (const count of this.#perSecond) events += count;
    const second = this.#numbers[SECOND];
    const first = this.#numbers[FIRST_SECOND] === 0 ? second : this.#numbers[FIRST_SECOND] - 1;
    return events / Math.min(second - first + 1, WINDOW_SECONDS);
  }

  #advance(now: number): void {
    const second = Math.floor(now / 1000);
    const before = this.#numbers[SECOND];
    const passed = Math.min(second - before, WINDOW_SECONDS);
    for (let i = 1; i <= passed; i++) this.#perSecond[(before + i) % WINDOW_SECONDS] = 0;
    this.#numbers[SECOND] = second;
  }
}
