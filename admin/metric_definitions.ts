import { VERSION_NEAR_WRAP } from "../src/fixed/meta.ts";
import type { ShardStatus } from "../src/replica/status.ts";
import type { EndReason } from "../src/replication/effect.ts";
import { RESCAN_TEXTS } from "../src/replication/rescan_reason.ts";
import { detectRuntime } from "../src/runtime/mod.ts";
import { byLabel, histogram, type MetricDefinition, ofFollower, ofShard } from "./metric.ts";
import { PHASES } from "./phases.ts";
import { VERSION } from "../src/version.ts";

/** Every phase is a series, so that a query finds those that a shard is not in. */
const NO_PHASE: Readonly<Record<string, 0>> = Object.fromEntries(PHASES.map((phase) => [phase, 0] as const));

/** Every reason begins at 0: a rate needs the value before the first. */
const ENDS: Readonly<Record<EndReason, 0>> = {
  "closed": 0,
  "silent": 0,
  "partial-scan": 0,
  "dropped": 0,
  "already-streaming": 0,
  "version-mismatch": 0,
  "rescan": 0,
  "paused": 0,
  "retarget": 0,
  "scanned": 0,
  "error": 0,
};

const RESCANS: Readonly<Record<string, 0>> = Object.fromEntries(
  Object.keys(RESCAN_TEXTS).map((reason) => [reason, 0] as const),
);

/** Whether the copy may be read, and how old it is. */
const FRESHNESS: MetricDefinition[] = [
  {
    name: "ready",
    type: "gauge",
    help: "1 where /readyz answers 200: caught up, fresh enough, and whole.",
    labels: [],
    samples: ({ isReady }) => [{ value: Number(isReady), labels: {} }],
  },
  {
    name: "state",
    type: "gauge",
    help: "1 for the phase that the shard is in, 0 for all others.",
    labels: ["shard", "state"],
    samples: byLabel("state", ({ phase }) => ({ ...NO_PHASE, [phase]: 1 })),
  },
  {
    name: "fresh_timestamp_seconds",
    type: "gauge",
    help: "When the copy was last proven current. Absent before the first catch-up, then it stays and ages.",
    labels: ["shard"],
    samples: ofShard(({ freshAtMs }) => secondsOf(freshAtMs)),
  },
  {
    name: "complete",
    type: "gauge",
    help: "1 where a miss proves that a key is absent.",
    labels: ["shard"],
    samples: ofShard(({ complete }) => Number(complete)),
  },
  {
    name: "catchup_position_slots",
    type: "gauge",
    help: "Slots that the current scan has passed, or all of them behind the end of one.",
    labels: ["shard"],
    samples: ofShard((shard) => catchUpOf(shard).position),
  },
  {
    name: "catchup_slots",
    type: "gauge",
    help: "Slots that the current scan has to pass, or all of them without one.",
    labels: ["shard"],
    samples: ofShard((shard) => catchUpOf(shard).slots),
  },
];

/** What the leader sent, and what became of it. */
const EVENTS: MetricDefinition[] = [
  {
    name: "events_applied_total",
    type: "counter",
    help: "Slot events that changed the copy, by what the slot became.",
    labels: ["shard", "kind"],
    samples: byLabel("kind", ({ applied }) => applied),
  },
  {
    name: "events_skipped_total",
    type: "counter",
    help: "Slot events that changed nothing, as the slot had the same version or a newer one.",
    labels: ["shard", "reason"],
    samples: byLabel("reason", ({ skipped }) => skipped),
  },
  {
    name: "received_bytes_total",
    type: "counter",
    help: "Bytes that came from the leader.",
    labels: ["shard"],
    samples: ofShard(({ received }) => received.bytes),
  },
  {
    name: "batches_total",
    type: "counter",
    help: "Batches of slot events that came from the leader.",
    labels: ["shard"],
    samples: ofShard(({ received }) => received.batches),
  },
  {
    name: "stale_cleanups_total",
    type: "counter",
    help: "Keys that left a slot since another key took it.",
    labels: ["shard"],
    samples: ofShard(({ staleCleanups }) => staleCleanups),
  },
  {
    name: "apply_seconds",
    type: "histogram",
    help: "How long a batch took to apply.",
    labels: ["shard"],
    samples: histogram("apply_seconds", ({ seconds }) => seconds.apply),
  },
  {
    name: "ack_seconds",
    type: "histogram",
    help: "How long the acknowledgement of a streamed batch took to leave since it was there.",
    labels: ["shard"],
    samples: histogram("ack_seconds", ({ seconds }) => seconds.ack),
  },
];

/** Connections and scans. */
const LINKS: MetricDefinition[] = [
  {
    name: "connections_total",
    type: "counter",
    help: "Connections to the leader that were tried.",
    labels: ["shard"],
    samples: ofShard(({ connections }) => connections),
  },
  {
    name: "reconnects_total",
    type: "counter",
    help: "Connections to the leader that ended, or could not be made, by reason.",
    labels: ["shard", "reason"],
    samples: byLabel("reason", ({ ends }) => ({ ...ENDS, ...ends })),
  },
  {
    name: "rescans_total",
    type: "counter",
    help: "Scans that were made again, by reason.",
    labels: ["shard", "reason"],
    samples: byLabel("reason", ({ rescans }) => ({ ...RESCANS, ...rescans })),
  },
  {
    name: "v1_connections",
    type: "gauge",
    help:
      "Connections made to a leader of protocol 1 so far: each costs it a thread stack until it is restarted.",
    labels: [],
    samples: ofFollower(({ v1Connections }) => v1Connections),
  },
];

/** What is held, and whether it is right. */
const COPY: MetricDefinition[] = [
  {
    name: "keys",
    type: "gauge",
    help: "Keys that are served.",
    labels: ["shard"],
    samples: ofShard(({ keys }) => keys),
  },
  {
    name: "slots",
    type: "gauge",
    help: "Slots by status; the unverified are not among the occupied here, so that the sum is all slots.",
    labels: ["shard", "status"],
    samples: byLabel("status", ({ slots: { occupied, deleted, free, unverified } }) => {
      return { occupied: occupied - unverified, deleted, free, unverified };
    }),
  },
  {
    name: "crc_errors_total",
    type: "counter",
    help: "Slots whose CRC did not match.",
    labels: ["shard"],
    samples: ofShard(({ crcErrors }) => crcErrors),
  },
  {
    name: "diverged_slots_total",
    type: "counter",
    help: "Slots in which the leader's state was taken against what was held.",
    labels: ["shard"],
    samples: ofShard(({ diverged }) => diverged),
  },
  {
    name: "max_version",
    type: "gauge",
    help: "The newest version of any slot; versions wrap at 2^30.",
    labels: ["shard"],
    samples: ofShard(({ maxVersion }) => maxVersion),
  },
  {
    name: "version_near_wrap",
    type: "gauge",
    help: "1 where the newest version is about to wrap.",
    labels: ["shard"],
    samples: ofShard(({ maxVersion }) => Number(maxVersion >= VERSION_NEAR_WRAP)),
  },
];

/** The disk and the process. */
const PROCESS: MetricDefinition[] = [
  {
    name: "fsync_seconds",
    type: "histogram",
    help: "How long the disk took to sync.",
    labels: ["shard"],
    samples: histogram("fsync_seconds", ({ seconds }) => seconds.sync),
  },
  {
    name: "synced_timestamp_seconds",
    type: "gauge",
    help: "When all that was written was last known to be on disk. Absent before the first sync.",
    labels: ["shard"],
    samples: ofShard(({ syncedAtMs }) => secondsOf(syncedAtMs)),
  },
  {
    name: "longest_slice_seconds",
    type: "gauge",
    help: "The longest time in which nothing else could run, since the start.",
    labels: [],
    samples: ofFollower(({ longestSliceMs }) => longestSliceMs / 1000),
  },
  {
    name: "start_time_seconds",
    type: "gauge",
    help: "When the follower was started.",
    labels: [],
    samples: ofFollower(({ startedAtMs }) => startedAtMs / 1000),
  },
  {
    name: "build_info",
    type: "gauge",
    help: "Always 1: the versions of the program and of its runtime.",
    labels: ["version", "runtime", "runtime_version"],
    samples: () => {
      const { name, version } = detectRuntime();
      return [{ value: 1, labels: { version: VERSION, runtime: name, runtime_version: version } }];
    },
  },
];

/** All metrics, in the order in which they are printed. */
export const METRICS: readonly MetricDefinition[] = [...FRESHNESS, ...EVENTS, ...LINKS, ...COPY, ...PROCESS];

function secondsOf(ms: number | null): number | undefined {
  return ms === null ? undefined : ms / 1000;
}

/** Behind the end of a scan all slots are passed, before the first none. */
function catchUpOf({ scan, slots, freshAtMs }: ShardStatus): { position: number; slots: number } {
  return scan ?? { position: freshAtMs === null ? 0 : slots.total, slots: slots.total };
}
