import { Histogram } from "../histogram.ts";
import type { RescanReason } from "./rescan_reason.ts";

const WINDOW_SECONDS = 60;

/** What a link counted since it began, in plain numbers. */
export class LinkCounters {
  /** Connections tried. */
  connections = 0;
  /** Connections that ended, by reason. */
  readonly ends: Record<string, number> = {};
  /** Bytes from the leader. */
  receivedBytes = 0;
  /** SlotBatches applied. */
  batches = 0;
  /** Events in them. */
  events = 0;
  /** How long each batch took to apply. */
  readonly apply: Histogram = new Histogram();
  /** How long each Ack of the stream took to leave since its batch was looked at. */
  readonly ack: Histogram = new Histogram();
  /** Scans that were begun again, by why. */
  readonly rescans: Partial<Record<RescanReason, number>> = {};
  /** Whole scans that came to their end. */
  wholeScans = 0;
  /** Side scans that came to their end. */
  sideScans = 0;
  /** The most bytes that any connection has buffered: a frame in pieces, and what was read ahead. */
  bufferedHighWater = 0;
  /** Frames dropped since the read-ahead was full (protocol 1 only; a side scan repairs it). */
  droppedFrames = 0;
  readonly #perSecond = new Float64Array(WINDOW_SECONDS);
  #second = 0;
  #firstSecond: number | undefined;

  /** Notes a batch, of a scan or of the stream. */
  addBatch(events: number, applyMs: number): void {
    this.batches++;
    this.events += events;
    this.apply.observe(applyMs);
  }

  /** Notes that a scan is made again. */
  addRescan(reason: RescanReason): void {
    this.rescans[reason] = (this.rescans[reason] ?? 0) + 1;
  }

  /** Notes events of the stream, at `now` ms: they tell how much the leader writes. */
  addStreamed(events: number, now: number): void {
    this.#advance(now);
    this.#firstSecond ??= this.#second;
    this.#perSecond[this.#second % WINDOW_SECONDS] += events;
  }

  /** Streamed events a second over the last minute, or over the time since the first one came. */
  streamRate(now: number): number {
    this.#advance(now);
    let events = 0;
    for (const count of this.#perSecond) events += count;
    const seconds = this.#second - (this.#firstSecond ?? this.#second) + 1;
    return events / Math.min(seconds, WINDOW_SECONDS);
  }

  #advance(now: number): void {
    const second = Math.floor(now / 1000);
    const passed = Math.min(second - this.#second, WINDOW_SECONDS);
    for (let i = 1; i <= passed; i++) this.#perSecond[(this.#second + i) % WINDOW_SECONDS] = 0;
    this.#second = second;
  }
}
