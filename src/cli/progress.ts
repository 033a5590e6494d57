/** A follower's status as lines of a terminal: bars while it catches up, then one line. No I/O, no clock. */

import type { FollowerStatus, ShardStatus } from "../replica/status.ts";
import { formatDuration } from "./duration.ts";
import type { Rates } from "./rate.ts";

/** More shards than this share one bar. */
const MOST_BARS = 8;
/** A bar takes what the text beside it leaves. */
const BAR_COLUMNS = { least: 10, most: 24, beside: 70 };

/** The name of the rate of events. */
export const EVENTS = "events";

/** What is drawn from. */
export interface View {
  /** The follower's status. */
  status: FollowerStatus;
  /** Keeps the rates from one time to the next. */
  rates: Rates;
  /** Unix ms. */
  nowMs: number;
  /** Columns of the terminal; as many as are useful where there is none. */
  columns?: number;
}

/** The lines to show now: bars while something is caught up with, else the one status line. */
export function statusLines(view: View): string[] {
  const { status } = view;
  return isCatchingUp(status) ? progressLines(view) : [liveLine(view)];
}

/** Whether a scan is what matters now: none of the shards is in a worse phase than that. */
export function isCatchingUp(status: FollowerStatus): boolean {
  const waits = status.shards.some(({ phase, scans }) => phase === "connecting" && scans.whole === 0);
  const scanning = status.shards.some(({ phase }) => phase === "catching-up");
  return scanning && (status.phase === "catching-up" || status.phase === "greeting" || waits);
}

/** A bar per shard, or one over all where there are many. */
export function progressLines(view: View): string[] {
  const { shards } = view.status;
  if (shards.length > MOST_BARS) return [summedLine(view)];
  const width = String(shards.length - 1).length;
  return shards.map((shard) => shardLine(shard, `shard ${String(shard.shard).padStart(width)}`, view));
}

/** One line over all shards: also what a log says while it goes on. */
export function summedLine(view: View): string {
  const { shards } = view.status;
  const label = `${shards.filter(isDone).length} of ${plural(shards.length, "shard")}`;
  const known = shards.map(slotsOf).filter((slots) => slots > 0);
  const sum = known.reduce((sum, slots) => sum + slots, 0);
  // How many slots a shard of a fresh directory has is known only when its turn comes: as many as the others.
  const slots = Math.round(sum * shards.length / Math.max(1, known.length));
  const position = shards.reduce((sum, shard) => sum + positionOf(shard), 0);
  return scanLine(label, { position, slots, name: "all" }, view);
}

/** Phase, keys, events/s and age, and the error where the phase is a bad one. */
export function liveLine({ status, rates, nowMs }: View): string {
  const events = status.shards.reduce((sum, shard) => sum + shard.received.events, 0);
  const perSecond = rates.add(EVENTS, events, nowMs);
  const parts = [
    status.phase,
    plural(status.keys, "key"),
    `${formatCount(perSecond)} events/s`,
    freshText(status.freshAtMs, nowMs),
  ];
  const error = status.phase === "live" ? undefined : errorOf(status);
  return [...parts, ...(error === undefined ? [] : [error])].join("   ");
}

/** A bar of `columns` characters, `share` of it full. */
export function bar(share: number, columns: number): string {
  const full = Math.round(Math.min(1, Math.max(0, share)) * columns);
  return "█".repeat(full) + "░".repeat(columns - full);
}

/** A number with commas, without decimals: the same everywhere, whatever the locale. */
export function formatCount(count: number): string {
  return String(Math.round(count)).replace(/\B(?=(\d{3})+$)/g, ",");
}

/** `1 shard`, `2 shards`. */
export function plural(count: number, noun: string): string {
  return `${formatCount(count)} ${noun}${count === 1 ? "" : "s"}`;
}

function shardLine(shard: ShardStatus, label: string, view: View): string {
  const columns = barColumns(view);
  if (isDone(shard)) return `${label}  ${bar(1, columns)} 100%  caught up, ${plural(shard.keys, "key")}`;
  if (shard.scan === null) return `${label}  ${bar(0, columns)}   0%  ${shard.phase}`;
  return scanLine(label, { ...shard.scan, name: `shard ${shard.shard}` }, view);
}

function scanLine(
  label: string,
  { position, slots, name }: { position: number; slots: number; name: string },
  view: View,
): string {
  const { rates, nowMs } = view;
  const perSecond = rates.add(`scan of ${name}`, position, nowMs);
  // 100 % is what CaughtUp alone may say.
  const share = slots === 0 ? 0 : Math.min(0.99, position / slots);
  const left = perSecond > 0 ? `, ${formatDuration((slots - position) * 1000 / perSecond)} left` : "";
  const percent = `${Math.floor(share * 100)}%`.padStart(4);
  return `${label}  ${bar(share, barColumns(view))} ${percent}  ${formatCount(position)} of ${
    formatCount(slots)
  } slots, ` +
    `${formatCount(perSecond)}/s${left}`;
}

function barColumns({ columns = Infinity }: View): number {
  const { least, most, beside } = BAR_COLUMNS;
  return Math.max(least, Math.min(most, columns - beside));
}

function isDone({ phase, scans, scan }: ShardStatus): boolean {
  return scan === null && scans.whole > 0 && phase !== "catching-up";
}

/** A scan ends at the leader's slots; one that has not begun or is over counts with what is held. */
function slotsOf({ scan, slots }: ShardStatus): number {
  return Math.max(scan?.slots ?? slots.total, 0);
}

function positionOf(shard: ShardStatus): number {
  return isDone(shard) ? slotsOf(shard) : shard.scan?.position ?? 0;
}

function freshText(freshAtMs: number | null, nowMs: number): string {
  return freshAtMs === null ? "never fresh yet" : `fresh ${formatDuration(nowMs - freshAtMs)} ago`;
}

function errorOf(status: FollowerStatus): string | undefined {
  const { error } = status.error === null
    ? status.shards.find(({ error }) => error !== null) ?? status
    : status;
  return error?.message;
}
