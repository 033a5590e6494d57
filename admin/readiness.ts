import type { FollowerStatus, ShardStatus } from "../src/replica/status.ts";
import { DEFAULT_MAX_STALENESS_MS } from "./options.ts";

/** Why the copy should not be read now. */
export interface Unready {
  /** For programs. */
  code: "stopped" | "paused" | "diverged" | "not-caught-up" | "stale" | "incomplete" | "unverified";
  /** For people. */
  message: string;
  /** The shard; absent where it is the whole follower. */
  shard?: number;
}

/**
 * Why the copy should not be read now; empty where it may be. Pure: `nowMs` is Unix ms.
 *
 * Every reason that holds is told, so that mending the first does not only bring up the next. Not the errors behind
 * them, which name addresses and files: /readyz needs no token, and /status has them.
 */
export function readiness(
  status: FollowerStatus,
  options: { maxStalenessMs: number | undefined },
  nowMs: number,
): Unready[] {
  const reasons: Unready[] = [];
  if (status.phase === "stopped") {
    reasons.push({ code: "stopped", message: "the follower has ended; see /status" });
  }
  if (status.paused) reasons.push({ code: "paused", message: "the follower is paused: its copy ages" });
  if (status.shards.length === 0) {
    reasons.push({ code: "not-caught-up", message: "the shape is not known yet" });
  }
  for (const shard of status.shards) {
    reasons.push(...unreadyShard(shard, { limitMs: maxStalenessOf(shard, status, options), nowMs }));
  }
  return reasons;
}

/**
 * How old a shard may be, in ms: as was asked for, or 30 s, or two rescan intervals where only scans keep it fresh (its
 * fresh time is the start of the last scan, so it is an interval and a scan old just before the next one ends).
 */
export function maxStalenessOf(
  shard: ShardStatus,
  { rescanIntervalMs }: FollowerStatus,
  { maxStalenessMs }: { maxStalenessMs: number | undefined },
): number {
  if (maxStalenessMs !== undefined) return maxStalenessMs;
  if (!shard.catchUpOnly || rescanIntervalMs === null) return DEFAULT_MAX_STALENESS_MS;
  return 2 * rescanIntervalMs;
}

function* unreadyShard(
  { shard, phase, freshAtMs, complete, slots }: ShardStatus,
  { limitMs, nowMs }: { limitMs: number; nowMs: number },
): Generator<Unready> {
  if (phase === "diverged") yield { code: "diverged", message: "the leader contradicts the copy", shard };
  if (freshAtMs === null) {
    yield { code: "not-caught-up", message: `no whole scan since the start; phase ${phase}`, shard };
  } else if (nowMs - freshAtMs > limitMs) {
    const ageMs = Math.round(nowMs - freshAtMs);
    yield { code: "stale", message: `${ageMs} ms old, ${limitMs} are allowed; phase ${phase}`, shard };
  }
  if (!complete) yield { code: "incomplete", message: "a miss does not prove that a key is absent", shard };
  if (slots.unverified > 0) {
    yield { code: "unverified", message: `the bytes of ${slots.unverified} slots cannot be trusted`, shard };
  }
}
