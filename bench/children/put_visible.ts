/**
 * A follower that answers what the benches of a live link ask: when each put could be read, what it holds, where it
 * stands. Nobody speaks to it while such a bench measures.
 */
import process from "node:process";
import { setTimeout as wait } from "node:timers/promises";

import { follow, type Follower, type FollowOptions } from "../../mod.ts";
import { answerQuestions } from "./answer.ts";

const POLL_MS = 20;

let follower: Follower;
/** By value in hex: when it could be read (ms of this process's clock). */
const visibleMs: Record<string, number> = {};

/** A put counts when `get` answers its value, and the watcher is told right behind that. */
async function noteArrivals(): Promise<void> {
  for await (const change of follower.watch({ queue: 65_536 })) {
    if (change.type !== "put") continue;
    const value = follower.get(change.key)?.toHex();
    if (value !== undefined) visibleMs[value] ??= performance.now();
  }
}

async function live(): Promise<void> {
  await follower.caughtUp();
  while (follower.status().phase !== "live") await wait(POLL_MS);
}

answerQuestions({
  /** Begins to follow into a fresh directory; answers once the leader's shape is known. */
  start: async (leader: string, dir: string, options: FollowOptions) => {
    follower = await follow(leader, { ...options, dir });
  },
  /** Answers once all is there and the link is live. */
  live,
  /** From now on all arrivals are noted. */
  watch: () => void noteArrivals(),
  /** See `visibleMs`. */
  arrivals: () => visibleMs,
  /** This process's clock (ms). */
  clock: () => performance.now(),
  /** A value in hex, or null. */
  get: (key: string) => follower.get(Uint8Array.fromHex(key))?.toHex(),
  /** CPU time so far, user and system. */
  cpuMs: () => {
    const { user, system } = process.cpuUsage();
    return (user + system) / 1000;
  },
  /** The follower's own account of itself. */
  status: () => follower.status(),
});
