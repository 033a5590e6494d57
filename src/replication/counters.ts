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

  /** Notes a batch at `now` ms. */
  addBatch(events: number, applyMs: number, now: number): void {
    this.batches++;
    this.events += events;
    this.applyMs += applyMs;
    this.#advance(now);
    this.#perSecond[this.#second % WINDOW_SECONDS] += events;
  }

  /** Events a second over the last minute. */
  eventRate(now: number): number {
    this.#advance(now);
    let events = 0;
    for (const count of this.#perSecond) events += count;
    return events / WINDOW_SECONDS;
  }

  #advance(now: number): void {
    const second = Math.floor(now / 1000);
    const passed = Math.min(second - this.#second, WINDOW_SECONDS);
    for (let i = 1; i <= passed; i++) this.#perSecond[(this.#second + i) % WINDOW_SECONDS] = 0;
    this.#second = second;
  }
}
