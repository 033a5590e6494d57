/** A histogram's state, safe to print as JSON. Seconds, as Prometheus has them. */
export interface HistogramSnapshot {
  /** Upper bounds of the buckets, in seconds, ascending; the last bucket has none. */
  bounds: readonly number[];
  /** Observations by bucket: one more than there are bounds, and not added up. */
  counts: number[];
  /** All observations, in seconds. */
  sum: number;
  /** How many there were. */
  count: number;
}

/** From what one batch takes to what a slow disk takes. */
const BOUNDS: readonly number[] = [
  ...[0.000_01, 0.000_025, 0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.0025, 0.005],
  ...[0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5],
];

/** Durations by fixed buckets: no allocation per observation. */
export class Histogram {
  readonly #counts = new Float64Array(BOUNDS.length + 1);
  #sum = 0;
  #count = 0;

  /** Notes a duration, in ms. */
  observe(ms: number): void {
    const seconds = ms / 1000;
    let bucket = 0;
    while (bucket < BOUNDS.length && seconds > BOUNDS[bucket]) bucket++;
    this.#counts[bucket]++;
    this.#sum += seconds;
    this.#count++;
  }

  /** The state now. */
  snapshot(): HistogramSnapshot {
    return { bounds: BOUNDS, counts: [...this.#counts], sum: this.#sum, count: this.#count };
  }
}
