/** Puts on an idle leader, and when the follower shows them. Latencies in ms. */
import { setTimeout as wait } from "node:timers/promises";
import type { ArmdbLive, SlotcaskLive } from "./live_followers.ts";
import type { BenchLeader } from "./real_leader.ts";

const LEAST_GAP_MS = 20;
const GAP_SPREAD_MS = 40;
/** What was put is seen within this, or the link is broken. */
const LIMIT_MS = 5000;
const VALUE_HEX_DIGITS = 32;
const CLOCK_TRIES = 200;

/** Values are numbers: each is put once, in all rounds. */
let lastValue = 0;

function nextValue(): string {
  return (++lastValue).toString(16).padStart(VALUE_HEX_DIGITS, "0");
}

/** A timer alone would keep step with others of whole ms, so the rest is waited for awake. */
async function randomGap(): Promise<void> {
  const until = performance.now() + LEAST_GAP_MS + Math.random() * GAP_SPREAD_MS;
  await wait(Math.floor(until - performance.now()) - 1);
  while (performance.now() < until);
}

/**
 * The follower's process notes by its own clock when `get` answered each value, and is asked at the end: meanwhile
 * nothing but the leader wakes it.
 */
export async function putsSeenBySlotcask(
  leader: BenchLeader,
  { child }: SlotcaskLive,
  keys: readonly string[],
): Promise<number[]> {
  await child.ask("watch");
  const putAtMs = new Map<string, number>();
  for (const key of keys) {
    await randomGap();
    const value = nextValue();
    putAtMs.set(value, performance.now());
    await leader.peer.command(`put ${key} ${value}`);
  }
  await wait(2 * LEAST_GAP_MS);
  const aheadMs = await clockAhead(() => child.ask<number>("clock"));
  const seenAtMs = await child.ask<Record<string, number>>("arrivals");
  return [...putAtMs].map(([value, atMs]) => {
    if (seenAtMs[value] === undefined) throw new Error(`The follower never showed the value ${value}`);
    return seenAtMs[value] - aheadMs - atMs;
  });
}

/** By how much another process's clock is ahead of ours: the answer that came back fastest knows best. */
async function clockAhead(ask: () => Promise<number>): Promise<number> {
  let best = { roundTripMs: Infinity, aheadMs: 0 };
  for (let i = 0; i < CLOCK_TRIES; i++) {
    const askedAtMs = performance.now();
    const theirs = await ask();
    const roundTripMs = performance.now() - askedAtMs;
    if (roundTripMs < best.roundTripMs) best = { roundTripMs, aheadMs: theirs - askedAtMs - roundTripMs / 2 };
  }
  return best.aheadMs;
}

/** armdb's follower tells nobody what came, so it is asked again and again: about every 0.1 ms. */
export async function putsSeenByArmdb(
  leader: BenchLeader,
  follower: ArmdbLive,
  keys: readonly string[],
): Promise<number[]> {
  const late: number[] = [];
  for (const key of keys) {
    await randomGap();
    const value = nextValue();
    const startedMs = performance.now();
    await leader.peer.command(`put ${key} ${value}`);
    while (await follower.get(key) !== value) {
      if (performance.now() - startedMs > LIMIT_MS) throw new Error(`armdb's follower never showed ${value}`);
    }
    late.push(performance.now() - startedMs);
  }
  return late;
}
