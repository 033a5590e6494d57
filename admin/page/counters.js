/** All counters of one shard. @module */
import { formatAgo, formatBytes, formatCount, formatMoment } from "./format.js";

/**
 * A shard's counters: name, value, title.
 * @param {object} shard @param {number} nowMs @returns {[string, string, string?][]}
 */
export function countersOf(shard, nowMs) {
  const { applied, skipped, received, scans } = shard;
  return [
    moment("Last whole scan", shard.wholeScanAtMs, nowMs),
    moment("On disk", shard.syncedAtMs, nowMs),
    ["Complete", shard.complete ? "yes" : "no, a miss proves nothing"],
    ["Applied: puts", formatCount(applied.occupied)],
    ["Applied: deletes", formatCount(applied.deleted)],
    ["Applied: resets", formatCount(applied.reset)],
    ["Skipped: same", formatCount(skipped.same)],
    ["Skipped: older", formatCount(skipped.older)],
    ["Stale cleanups", formatCount(shard.staleCleanups)],
    ["Received", formatBytes(received.bytes)],
    ["Batches", formatCount(received.batches)],
    ["Scans: whole, side", `${formatCount(scans.whole)}, ${formatCount(scans.side)}`],
    ["Connections", formatCount(shard.connections)],
    ...named("Ended", shard.ends),
    ...named("Rescans", shard.rescans),
    ["Diverged slots", formatCount(shard.diverged)],
    ["CRC errors", formatCount(shard.crcErrors)],
    ...["apply", "ack", "sync"].map((name) => percentile(name, shard.seconds[name])),
  ];
}

function moment(name, ms, nowMs) {
  return ms === null ? [name, "never"] : [name, formatAgo(ms, nowMs), formatMoment(ms)];
}

function named(name, counts) {
  return Object.entries(counts).filter(([, count]) => count > 0)
    .map(([reason, count]) => [`${name}: ${reason}`, formatCount(count)]);
}

/** The bound under which 99 of 100 stay. */
function percentile(name, { bounds, counts, count }) {
  const title = "99 of 100 took no longer than this";
  if (count === 0) return [`${name}, p99`, "none yet", title];
  let seen = 0;
  const bucket = counts.findIndex((inBucket) => (seen += inBucket) >= count * 0.99);
  const bound = bounds[bucket];
  const text = bound === undefined
    ? `over ${bounds.at(-1)} s`
    : `${Number((bound * 1000).toPrecision(3))} ms`;
  return [`${name}, p99`, text, title];
}
