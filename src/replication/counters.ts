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
  /** Time spent applying, in ms. */
  applyMs = 0;
  /** Whole scans that came to their end. */
  wholeScans = 0;
  /** Side scans that came to their end. */
  sideScans = 0;
  /** Frames dropped since the read-ahead was full (protocol 1 only; a side scan repairs it). */
  droppedFrames = 0;
  readonly #perSecond = new Float64Array(WINDOW_SECONDS);
  #second = 0;
  #firstSecond: number | undefined;

  /** Notes a batch, of a scan or of the stream. */
  addBatch(events: number, applyMs: number): void {
    this.batches++;
    this.events += events;
    this.applyMs += applyMs;
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
