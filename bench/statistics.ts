/** The few figures that rounds are summed up by. */

/** Median, least and most of some numbers. */
export interface Spread {
  /** The middle one; the mean of the two middle ones where their number is even. */
  median: number;
  /** The least. */
  min: number;
  /** The most. */
  max: number;
}

/** The spread of some numbers. Throws where there are none. */
export function spreadOf(values: readonly number[]): Spread {
  if (values.length === 0) throw new RangeError("Cannot take a median: there are no values");
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  const median = sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
  return { median, min: sorted[0], max: sorted[sorted.length - 1] };
}

/** The least value that is at least as large as this share (0 to 1) of all: nearest rank. Throws where there are none. */
export function percentile(values: readonly number[], share: number): number {
  if (values.length === 0) throw new RangeError("Cannot take a percentile: there are no values");
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)];
}
