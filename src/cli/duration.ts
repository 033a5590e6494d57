/** Durations with units, as people write and read them. */

const UNITS_MS: Record<string, number> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };

/** The longest that a timer of either runtime takes, in ms (24.8 days). */
const LONGEST_MS = 2 ** 31 - 1;

/** `50ms`, `1.5s`, `1m` or `6h` in ms; undefined for anything else, for zero, and for more than 24 days. */
export function parseDuration(text: string): number | undefined {
  const [, digits, unit] = /^(\d{1,10}(?:\.\d{1,3})?)(ms|s|m|h)$/.exec(text) ?? [];
  if (unit === undefined) return undefined;
  const ms = Number(digits) * UNITS_MS[unit];
  return ms > 0 && ms <= LONGEST_MS ? ms : undefined;
}

/** A duration in two units at the most: `0.4 s`, `12 s`, `3 min 20 s`, `2 h 5 min`. */
export function formatDuration(ms: number): string {
  const seconds = Math.max(0, ms) / 1000;
  if (seconds < 9.95) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  return `${Math.floor(whole / 3600)} h ${Math.floor(whole % 3600 / 60)} min`;
}
