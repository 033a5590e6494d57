/** What a soak must keep to, and what it came to. */
import type { Sample } from "./soaker.ts";

/** The limits of a soak. */
export interface SoakLimits {
  /** Growth of resident memory behind the warm-up, by least squares. */
  rssMbPerMinute: number;
  /** Descriptors at the end beyond those of the first sample. */
  moreDescriptors: number;
  /** How long a shard may be not live. */
  notLiveMs: number;
}

/** What one side of a soak came to. */
export interface SoakResult {
  runtime: string;
  seconds: number;
  /** Behind the warm-up. */
  rssMbPerMinute: number;
  rssFirstMb: number;
  rssLastMb: number;
  rssMostMb: number;
  descriptors: { first: number; last: number; most: number };
  longestNotLiveMs: number;
  events: number;
  reads: number;
  hits: number;
  /** Whole scans, and ended connections by reason. */
  scans: number;
  ends: Record<string, number>;
  /** What broke a limit, in words. */
  broken: string[];
}

/** The slope of y over x by least squares; 0 for less than two points. */
export function slope(points: readonly { x: number; y: number }[]): number {
  const mean = (of: (point: { x: number; y: number }) => number) =>
    points.reduce((sum, point) => sum + of(point), 0) / points.length;
  const [x, y] = [mean((point) => point.x), mean((point) => point.y)];
  const spread = points.reduce((sum, point) => sum + (point.x - x) ** 2, 0);
  return spread === 0 ? 0 : points.reduce((sum, point) => sum + (point.x - x) * (point.y - y), 0) / spread;
}

/**
 * Judges the samples of a side; `wrong` is what its end came to.
 *
 * @param warmUpS Memory is not judged before: the heap takes its size, the code is compiled.
 */
export function judgeSoak(
  side: { runtime: string; samples: readonly Sample[] },
  limits: SoakLimits,
  { warmUpS, wrong }: { warmUpS: number; wrong: string | undefined },
): SoakResult {
  const { samples, runtime } = side;
  const warm = samples.filter(({ atS }) => atS >= warmUpS);
  const [first, last] = [samples[0], samples.at(-1)!];
  const result: SoakResult = {
    runtime,
    seconds: last.atS,
    rssMbPerMinute: 60 * slope(warm.map(({ atS, rssMb }) => ({ x: atS, y: rssMb }))),
    rssFirstMb: first.rssMb,
    rssLastMb: last.rssMb,
    rssMostMb: Math.max(...samples.map(({ rssMb }) => rssMb)),
    descriptors: {
      first: first.descriptors,
      last: last.descriptors,
      most: Math.max(...samples.map(({ descriptors }) => descriptors)),
    },
    longestNotLiveMs: last.longestNotLiveMs,
    events: last.events,
    reads: last.reads,
    hits: last.hits,
    scans: last.scans,
    ends: last.ends,
    broken: wrong === undefined ? [] : [wrong],
  };
  result.broken.push(...brokenLimits(result, last, limits));
  return result;
}

function brokenLimits(result: SoakResult, last: Sample, limits: SoakLimits): string[] {
  const { rssMbPerMinute, descriptors, longestNotLiveMs } = result;
  const { bad, refused, diverged, unverified, complete, hits } = last;
  const broken: [boolean, string][] = [
    [
      rssMbPerMinute > limits.rssMbPerMinute,
      `memory grows by ${rssMbPerMinute.toFixed(1)} MB a minute, the limit is ${limits.rssMbPerMinute}`,
    ],
    [
      descriptors.last > descriptors.first + limits.moreDescriptors,
      `${descriptors.last} descriptors are open at the end, ${descriptors.first} were at the start`,
    ],
    [
      longestNotLiveMs > limits.notLiveMs,
      `a shard was not live for ${Math.round(longestNotLiveMs)} ms, the limit is ${limits.notLiveMs}`,
    ],
    [bad.length > 0, `reads were wrong: ${bad.join("; ")}`],
    [hits === 0, "no read found a value"],
    [refused > 0, `${refused} reads of a complete copy were refused`],
    [diverged > 0, `${diverged} slots diverged from a leader that never changed`],
    [unverified > 0 || !complete, `complete is ${complete}, unverified slots are ${unverified}`],
  ];
  return broken.filter(([isBroken]) => isBroken).map(([, text]) => text);
}
