/**
 * A follower under a soak: `soaker.ts LEADER DIR STORAGE KEYSPACE SEED DELETE_PERCENT`.
 *
 * Says `caught-up`. It reads all the time, and checks that each value is one that the leader had for that key. A line
 * `sample` is answered with a {@linkcode SoakerSample} as JSON, `state` with `DIGEST KEYS`, `close` with `closed`.
 */
import { createHash } from "node:crypto";
import process from "node:process";
import { createInterface } from "node:readline";

import { follow, type FollowerEvent, type FollowOptions } from "../../../mod.ts";
import { ChurnModel } from "../../faults/crash/churn_model.ts";
import { Random } from "../../harness/random.ts";
import { fillKey } from "../../interop/armdb_peer.ts";
import { dumpText, toHex } from "../../interop/equal.ts";
import { SOAK_SHAPE, type SoakerSample } from "../soak_shape.ts";

const READS_PER_TURN = 32;
const TURN_MS = 20;

const [leader, dir, storage, ...numbers] = process.argv.slice(2);
const [keyspace, seed, deletePercent] = numbers.map(Number);
const model = new ChurnModel({ shape: SOAK_SHAPE, keyspace, seed, deletePercent });
const keys = Array.from({ length: keyspace }, (_, i) => fillKey(SOAK_SHAPE, seed, i));
const random = new Random(seed);
const counts = { reads: 0, hits: 0, refused: 0, bad: [] as string[], ends: {} as Record<string, number> };

/** How long shards were not live, at the longest, since the first time that all were. */
const notLive = { since: new Map<number, number>(), longestMs: 0 };

function onEvent(event: FollowerEvent): void {
  if (event.type === "end") counts.ends[event.reason] = (counts.ends[event.reason] ?? 0) + 1;
  if (event.type !== "phase") return;
  const since = notLive.since.get(event.shard);
  if (event.phase !== "live") {
    if (since === undefined) notLive.since.set(event.shard, performance.now());
  } else if (since !== undefined) {
    notLive.longestMs = Math.max(notLive.longestMs, performance.now() - since);
    notLive.since.delete(event.shard);
  }
}

const follower = await follow(leader, {
  dir,
  storage: storage as FollowOptions["storage"],
  backoff: { baseMs: 20, limitMs: 500 },
  onEvent,
});
await follower.caughtUp();
// From here on the memory for what was verified, one value a key, is there.
for (const [key, value] of follower.entries()) check(model.numberOf(toHex(key)) ?? -1, value);
console.log("caught-up");

function check(i: number, value: Uint8Array): void {
  try {
    model.roundOf(i, toHex(value), Infinity);
  } catch (error) {
    counts.bad.push((error as Error).message);
  }
}

function read(): void {
  for (let n = 0; n < READS_PER_TURN; n++) {
    const i = random.below(keyspace);
    counts.reads++;
    try {
      const value = follower.get(keys[i]);
      if (value === undefined) continue;
      counts.hits++;
      check(i, value);
    } catch {
      counts.refused++;
    }
  }
}

function sample(): SoakerSample {
  const { phase, keys, complete, shards } = follower.status();
  const sum = (of: (shard: typeof shards[number]) => number) =>
    shards.reduce((total, shard) => total + of(shard), 0);
  const now = performance.now();
  const waiting = [...notLive.since.values()].map((since) => now - since);
  return {
    phase,
    keys,
    complete,
    events: sum(({ received }) => received.events),
    scans: sum(({ scans }) => scans.whole),
    diverged: sum(({ diverged }) => diverged),
    unverified: sum(({ slots }) => slots.unverified),
    longestNotLiveMs: Math.max(notLive.longestMs, ...waiting),
    reads: counts.reads,
    hits: counts.hits,
    refused: counts.refused,
    bad: counts.bad.slice(0, 5),
    ends: counts.ends,
  };
}

const reading = setInterval(read, TURN_MS);
for await (const line of createInterface({ input: process.stdin })) {
  if (line === "sample") console.log(JSON.stringify(sample()));
  if (line === "state") {
    const digest = createHash("sha256").update(dumpText(follower.entries())).digest("hex");
    console.log(`${digest} ${follower.size}`);
  }
  if (line === "close") {
    clearInterval(reading);
    console.log(`closed ${await follower.close()}`);
    process.exit(0);
  }
}
