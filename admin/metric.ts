import type { Metric, Registry } from "prom-client";

import type { HistogramSnapshot } from "../src/histogram.ts";
import type { FollowerStatus, ShardStatus } from "../src/replica/status.ts";

/** Names and values of a series' labels. */
export type Labels = Readonly<Record<string, string | number>>;

/** One line of a metric. */
export interface Sample {
  /** Its value. */
  value: number;
  /** Its labels. */
  labels: Labels;
  /** The name where it is not the metric's: those of a histogram have endings. */
  metricName?: string;
}

/** What a metric is made from: the status, and what only the admin knows. */
export interface Snapshot {
  /** The follower's. */
  status: FollowerStatus;
  /** Whether nothing keeps the copy from being read: see `readiness`. */
  isReady: boolean;
}

/** A metric: what is said of it, and how its values are taken from a snapshot. */
export interface MetricDefinition {
  /** Without the prefix. */
  name: string;
  /** As Prometheus has it. */
  type: "counter" | "gauge" | "histogram";
  /** One sentence for people. */
  help: string;
  /** Names of its labels; `le` is not told. */
  labels: readonly string[];
  /** The values. */
  samples: (snapshot: Snapshot) => Sample[];
}

/** All names begin with it. */
export const PREFIX = "slotcask_";

/** A metric of the whole follower: undefined leaves it out. */
export function ofFollower(
  value: (status: FollowerStatus) => number | undefined,
): MetricDefinition["samples"] {
  return ({ status }) => sampleOf(value(status), {});
}

/** A metric by shard: undefined leaves the shard out. */
export function ofShard(value: (shard: ShardStatus) => number | undefined): MetricDefinition["samples"] {
  return ({ status }) => status.shards.flatMap((each) => sampleOf(value(each), { shard: each.shard }));
}

/** A metric by shard and one more label: a value for each of its values. */
export function byLabel(
  label: string,
  values: (shard: ShardStatus) => Record<string, number>,
): MetricDefinition["samples"] {
  return ({ status }) =>
    status.shards.flatMap((each) =>
      Object.entries(values(each)).map(([key, value]) => ({
        value,
        labels: { shard: each.shard, [label]: key },
      }))
    );
}

/** A histogram by shard, from counts that are not added up to counts that are. */
export function histogram(
  name: string,
  snapshotOf: (shard: ShardStatus) => HistogramSnapshot,
): MetricDefinition["samples"] {
  return ({ status }) =>
    status.shards.flatMap((each) => histogramSamples(name, snapshotOf(each), each.shard));
}

/**
 * Registers metrics whose values are those of a snapshot.
 *
 * Objects of our own and not prom-client's classes: its counters can only be added to, and its histograms not be set.
 * The registry reads `name` and `get()` of what it is given, and nothing else (prom-client 15, lib/registry.js).
 */
export function register(
  registry: Registry,
  definitions: readonly MetricDefinition[],
  snapshot: Snapshot,
): void {
  for (const { samples, ...about } of definitions) {
    const named = { ...about, name: PREFIX + about.name };
    const metric = { ...named, get: () => ({ ...named, values: samples(snapshot) }) };
    registry.registerMetric(metric as unknown as Metric);
  }
}

function sampleOf(value: number | undefined, labels: Labels): Sample[] {
  return value === undefined ? [] : [{ value, labels }];
}

function histogramSamples(
  name: string,
  { bounds, counts, sum, count }: HistogramSnapshot,
  shard: number,
): Sample[] {
  let below = 0;
  const buckets = counts.map((inBucket, i) => {
    below += inBucket;
    return {
      metricName: `${PREFIX}${name}_bucket`,
      labels: { shard, le: bounds[i] ?? "+Inf" },
      value: below,
    };
  });
  return [
    ...buckets,
    { metricName: `${PREFIX}${name}_sum`, labels: { shard }, value: sum },
    { metricName: `${PREFIX}${name}_count`, labels: { shard }, value: count },
  ];
}
