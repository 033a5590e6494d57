/** A follower's status as a table that is read at a glance. No I/O, no clock. */

import { describeShape } from "../fixed/layout.ts";
import type { ErrorStatus, FollowerStatus, ShardStatus } from "../replica/status.ts";
import type { Phase } from "../replication/phase.ts";
import { formatDuration } from "./duration.ts";
import { oneLine } from "./one_line.ts";
import { backupText, verifyText } from "./outcome.ts";
import { EVENTS, formatCount, plural, type View } from "./progress.ts";

/** What each phase means to somebody who has to decide whether all is well. */
const STATES: Record<Phase, string> = {
  "connecting": "connecting to the leader",
  "greeting": "greeting the leader",
  "catching-up": "catching up: the leader sends all its slots",
  "live": "live: changes arrive as they are made",
  "catch-up-only": "catch-up-only: the leader streams nothing, so only scans keep the copy fresh",
  "backing-off": "backing off: the leader is away, the next try comes soon",
  "paused": "paused by an operator: it serves and ages; slotcask ctl resume",
  "diverged": "diverged: the leader contradicts the copy, which is served as it is; see --on-divergence",
  "stopped": "stopped for good",
};

/** Options of {@link statusTable}. */
export interface StatusTableOptions {
  /** The most shards to list: those that are worst off, then those that come first. */
  mostShards?: number;
}

/** The lines of the table. */
export function statusTable(view: View, { mostShards = Infinity }: StatusTableOptions = {}): string[] {
  const facts = factsOf(view);
  const width = Math.max(...facts.map(([name]) => name.length));
  return [
    ...facts.map(([name, value]) => `${name.padEnd(width)}  ${value}`),
    "",
    ...shardTable(view, mostShards),
    ...errorLines(view),
  ];
}

function factsOf({ status, rates, nowMs }: View): [string, string][] {
  const events = status.shards.reduce((sum, { received }) => sum + received.events, 0);
  const perSecond = rates.add(EVENTS, events, nowMs);
  const { leader, protocol, dir, shape, verify, backup } = status;
  const facts: [string, string][] = [
    // A follower of another version may know another phase.
    ["state", STATES[status.phase] ?? status.phase],
    ["fresh", ageText(status.freshAtMs, nowMs)],
    ["keys", `${formatCount(status.keys)}, ${completeText(status)}`],
    ["rate", `${formatCount(perSecond)} events/s`],
    ["leader", protocol === null ? leader : `${leader}, protocol ${protocol}`],
    ["directory", shape === null ? dir : `${dir}: ${describeShape(shape)}`],
    ["running", `for ${formatDuration(nowMs - status.startedAtMs)}`],
  ];
  if (verify) facts.push(["verify", verifyText(verify, nowMs)]);
  if (backup) facts.push(["backup", backupText(backup, nowMs)]);
  return facts;
}

function completeText({ complete }: FollowerStatus): string {
  return complete ? "complete: a miss proves absence" : "incomplete: a miss proves nothing yet";
}

/** The columns; the last one is not padded. */
const COLUMNS: [string, (shard: ShardStatus, view: View) => string][] = [
  ["shard", ({ shard }) => String(shard)],
  ["state", ({ phase }) => phase],
  ["fresh", ({ freshAtMs }, { nowMs }) => ageText(freshAtMs, nowMs)],
  ["keys", ({ keys }) => formatCount(keys)],
  ["events/s", eventsPerSecond],
  ["slots", ({ slots }) => formatCount(slots.total)],
  ["unverified", ({ slots }) => formatCount(slots.unverified)],
  ["scan", scanText],
];

function shardTable(view: View, mostShards: number): string[] {
  const { shards } = view.status;
  // Each shard's rate is measured at each time, shown or not.
  const all = shards.map((shard) => COLUMNS.map(([, cell]) => cell(shard, view)));
  const shown = worstFirst(shards).slice(0, mostShards).map((shard) => shards.indexOf(shard)).sort((a, b) =>
    a - b
  );
  const rows = [COLUMNS.map(([title]) => title), ...shown.map((index) => all[index])];
  const widths = COLUMNS.map((_, column) => Math.max(...rows.map((row) => row[column].length)));
  const lines = rows.map((row) => row.map((cell, column) => cell.padStart(widths[column])).join("  "));
  const left = shards.length - shown.length;
  return left === 0 ? lines : [...lines, `and ${plural(left, "shard")} more, no worse off than these`];
}

function worstFirst(shards: readonly ShardStatus[]): ShardStatus[] {
  return shards.toSorted((a, b) => badness(b) - badness(a));
}

function badness({ phase, error, slots }: ShardStatus): number {
  return (error === null ? 0 : 4) + (phase === "live" ? 0 : 2) + (slots.unverified === 0 ? 0 : 1);
}

function eventsPerSecond({ shard, received }: ShardStatus, { rates, nowMs }: View): string {
  return formatCount(rates.add(`${EVENTS} of shard ${shard}`, received.events, nowMs));
}

/** 100 % is what CaughtUp alone may say. */
function scanText({ scan, wholeScanAtMs }: ShardStatus, { nowMs }: View): string {
  if (scan === null) return wholeScanAtMs === null ? "never whole" : `whole ${ageText(wholeScanAtMs, nowMs)}`;
  const share = scan.slots === 0 ? 0 : Math.min(0.99, scan.position / scan.slots);
  return `${Math.floor(share * 100)}% of ${plural(scan.slots, "slot")}`;
}

/** Errors that all shards share are told once. */
function errorLines({ status, nowMs }: View): string[] {
  const about = new Map<string, { error: ErrorStatus; names: string[] }>();
  if (status.error !== null) about.set(status.error.message, { error: status.error, names: ["follower"] });
  for (const { shard, error } of status.shards) {
    if (error === null) continue;
    const known = about.get(error.message);
    if (known === undefined) about.set(error.message, { error, names: [`shard ${shard}`] });
    else known.names.push(`shard ${shard}`);
  }
  const lines = [...about.values()].map(({ error, names }) => errorLine(error, names, nowMs));
  return lines.length === 0 ? [] : ["", ...lines];
}

function errorLine({ message, sinceMs }: ErrorStatus, names: string[], nowMs: number): string {
  const who = names.length === 1 ? names[0] : `${names[0]} and ${names.length - 1} more`;
  return `${who}: ${oneLine(message)} (since ${timeText(sinceMs)}, ${formatDuration(nowMs - sinceMs)})`;
}

function ageText(atMs: number | null, nowMs: number): string {
  return atMs === null ? "never yet" : `${formatDuration(nowMs - atMs)} ago`;
}

function timeText(unixMs: number): string {
  return new Date(unixMs).toISOString().replace(/\.\d+Z$/, "Z");
}
