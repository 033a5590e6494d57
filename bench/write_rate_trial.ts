/** One rate, one fresh follower: does it go live, and does it stay so? Asked of the leader, as for all followers. */
import { setTimeout as wait } from "node:timers/promises";
import type { BenchLeader } from "./real_leader.ts";
import type { StartFollower } from "./live_followers.ts";

const POLL_MS = 20;
/** What was put last is seen within this: a follower that is live is not far behind. */
const LAG_LIMIT_MS = 2000;
const KEY = "5c".repeat(8);
const VALUE_HEX_DIGITS = 32;
/** What the leader keeps for a follower that is still scanning: one event more, and it must scan again. */
const QUEUE_EVENTS = 8192;

/** Each is put once. */
let lastValue = 0;

/** A trial. */
export interface Trial {
  start: StartFollower;
  /** An empty directory. */
  dir: string;
  /** Puts per second. */
  rate: number;
  /** The follower has so long to go live, and must stay so for as long. */
  windowMs: number;
}

/** What the leader has counted. */
interface Counts {
  /** Events of whole scans: added when one has ended. */
  scanned: number;
  /** Links that it ended since their queue was full. */
  dropped: number;
  /** Events of streams. */
  streamed: number;
}

/** What came of a trial. */
export interface Outcome {
  /** Whether the follower went live in time, and stayed so. */
  isLive: boolean;
  /** Puts per second that the leader really did: it may not carry the rate. */
  rate: number;
  /** Links that the leader ended since its queue was full. */
  drops: number;
}

/** Does something beside a churn; answers what it gave, and the rate that the leader really wrote at. */
async function besideChurn<T>(
  { peer, filling: { slots } }: BenchLeader,
  { rate, work }: { rate: number; work: () => Promise<T> },
): Promise<[T, rate: number]> {
  await peer.command(`churn ${rate} 0 ${slots} 1 0`);
  const startedMs = performance.now();
  const stop = async () => Number(await peer.command("stop-churn")) * 1000 / (performance.now() - startedMs);
  let result: T;
  try {
    result = await work();
  } catch (error) {
    // The next trial still finds a leader at rest.
    await stop();
    throw error;
  }
  return [result, await stop()];
}

/** Starts a fresh follower beside a churn. */
export async function goesLive(leader: BenchLeader, trial: Trial): Promise<Outcome> {
  const { dropped } = await countsOf(leader);
  await using followers = new AsyncDisposableStack();
  const follow = async () => {
    const follower = followers.use(await trial.start(leader, trial.dir));
    const isLive = await watchCounts(leader, trial.windowMs);
    return { follower, isLive, drops: (await countsOf(leader)).dropped - dropped };
  };
  const [{ follower, isLive, drops }, rate] = await besideChurn(leader, { rate: trial.rate, work: follow });
  return { isLive: isLive && await shows(leader, follower), rate, drops };
}

/**
 * What a follower that only acknowledges could survive: whether one of its scans, made beside such a churn, is over
 * before the leader's queue is full. It takes no stream, and so its scans end without one: `drops` is those that took
 * too long.
 */
export async function outruns(
  leader: BenchLeader,
  { scan, rate, windowMs }: { scan: () => Promise<number>; rate: number; windowMs: number },
): Promise<Outcome> {
  const scanInTime = async () => {
    const startedMs = performance.now();
    let drops = 0;
    while (performance.now() - startedMs < windowMs) {
      if (await scan() * rate / 1000 <= QUEUE_EVENTS) return { isLive: true, drops };
      drops++;
    }
    return { isLive: false, drops };
  };
  const [scanned, written] = await besideChurn(leader, { rate, work: scanInTime });
  return { ...scanned, rate: written };
}

/** Live is a link that streams; each new scan begins it anew. */
async function watchCounts(leader: BenchLeader, windowMs: number): Promise<boolean> {
  let last = await countsOf(leader);
  const startedMs = performance.now();
  let liveAtMs: number | undefined;
  for (;;) {
    await wait(POLL_MS);
    const counts = await countsOf(leader);
    const nowMs = performance.now();
    if (counts.scanned !== last.scanned || counts.dropped !== last.dropped) liveAtMs = undefined;
    else if (counts.streamed > last.streamed) liveAtMs ??= nowMs;
    last = counts;
    if (liveAtMs !== undefined && nowMs - liveAtMs >= windowMs) return true;
    if (nowMs - startedMs > windowMs && (liveAtMs ?? Infinity) - startedMs > windowMs) return false;
  }
}

async function countsOf({ peer }: BenchLeader): Promise<Counts> {
  const count = async (name: string) => Number(await peer.command(`metric armdb.fixed.${name}`));
  const [scanned, dropped, streamed] = await Promise.all(
    ["catchup_slots_scanned", "dropped_rescan", "streaming_events_sent"].map(count),
  );
  return { scanned, dropped, streamed };
}

/** Whether one more put is soon seen. */
async function shows(
  { peer }: BenchLeader,
  follower: { get(keyHex: string): Promise<string> },
): Promise<boolean> {
  const value = (++lastValue).toString(16).padStart(VALUE_HEX_DIGITS, "0");
  await peer.command(`put ${KEY} ${value}`);
  const putAtMs = performance.now();
  while (performance.now() - putAtMs < LAG_LIMIT_MS) {
    if (await follower.get(KEY) === value) return true;
    await wait(POLL_MS);
  }
  return false;
}
