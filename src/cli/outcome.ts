/** What came of a verify or a backup that a follower made, in words. */

import type { BackupStatus, VerifyStatus } from "../replica/status.ts";
import { formatDuration } from "./duration.ts";
import { oneLine } from "./one_line.ts";
import { formatCount, plural } from "./progress.ts";

/** A verify: how far it is, or how it ended. */
export function verifyText(verify: VerifyStatus, nowMs: number): string {
  const { endedAtMs, error, slots, damaged } = verify;
  if (endedAtMs === null) return progressText(verify);
  if (error !== null) return `failed ${ago(endedAtMs, nowMs)}: ${oneLine(error)}`;
  return `done ${ago(endedAtMs, nowMs)}: ${plural(slots, "slot")}, ${damageText(damaged)}`;
}

/** A backup: how far it is, or how it ended. */
export function backupText(backup: BackupStatus, nowMs: number): string {
  const { endedAtMs, error, slots, bytes, path } = backup;
  if (endedAtMs === null) return `${progressText(backup)} into ${path}`;
  if (error !== null) return `failed ${ago(endedAtMs, nowMs)}: ${oneLine(error)}`;
  return `done ${ago(endedAtMs, nowMs)}: ${plural(slots, "slot")}, ${plural(bytes, "byte")} in ${path}`;
}

/** `none damaged`, or what becomes of those that are. */
export function damageText(damaged: number): string {
  return damaged === 0 ? "none damaged" : `${formatCount(damaged)} damaged: a rescan brings them again`;
}

/** `12% of 1,000 slots`. */
export function progressText({ position, slots }: { position: number; slots: number }): string {
  const share = slots === 0 ? 0 : Math.min(1, position / slots);
  return `${Math.floor(share * 100)}% of ${plural(slots, "slot")}`;
}

function ago(atMs: number, nowMs: number): string {
  return `${formatDuration(nowMs - atMs)} ago`;
}
