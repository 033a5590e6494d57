/** Whether an answer is a follower's status: what listens at an address may be anything. No I/O. */

import type { FollowerStatus, ShardStatus } from "../replica/status.ts";

type Check = (value: unknown) => boolean;

const isText: Check = (value) => typeof value === "string";
const isNumber: Check = (value) => typeof value === "number";
const isFlag: Check = (value) => typeof value === "boolean";
const isNumberOrNull: Check = (value) => value === null || isNumber(value);

/** What is read of a shard. */
const SHARD: Partial<Record<keyof ShardStatus, Check>> = {
  shard: isNumber,
  phase: isText,
  keys: isNumber,
  freshAtMs: isNumberOrNull,
  wholeScanAtMs: isNumberOrNull,
  slots: (value) => has(value, { total: isNumber, unverified: isNumber }),
  received: (value) => has(value, { events: isNumber, bytes: isNumber }),
  scan: orNull({ position: isNumber, slots: isNumber }),
  error: orNull({ message: isText, sinceMs: isNumber }),
};

/** What is read of the follower. */
const FOLLOWER: Partial<Record<keyof FollowerStatus, Check>> = {
  phase: isText,
  leader: isText,
  dir: isText,
  keys: isNumber,
  complete: isFlag,
  startedAtMs: isNumber,
  protocol: isNumberOrNull,
  freshAtMs: isNumberOrNull,
  shape: orNull({ shardCount: isNumber, keyLength: isNumber, valueLength: isNumber, prefixBits: isNumber }),
  error: orNull({ message: isText, sinceMs: isNumber }),
  verify: orNull({ startedAtMs: isNumber, endedAtMs: isNumberOrNull }),
  backup: orNull({ startedAtMs: isNumber, endedAtMs: isNumberOrNull }),
  shards: (value) => Array.isArray(value) && value.every((shard) => has(shard, SHARD)),
};

/** Whether all is there that `status` and `ctl` read; what else an admin says is its own affair. */
export function isFollowerStatus(value: unknown): value is FollowerStatus {
  return has(value, FOLLOWER);
}

function orNull(fields: Record<string, Check>): Check {
  return (value) => value === null || has(value, fields);
}

function has(value: unknown, fields: Record<string, Check>): boolean {
  if (typeof value !== "object" || value === null) return false;
  return Object.entries(fields).every(([name, check]) => check((value as Record<string, unknown>)[name]));
}
