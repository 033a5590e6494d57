/** What a live event costs the follower's process. */
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";

import type { Bench, Contender, Figures, Prepared, Ratio, Setup } from "./bench.ts";
import { ArmdbLive, type LiveFollower, SlotcaskLive, type StartFollower } from "./live_followers.ts";
import { BenchLeader } from "./real_leader.ts";
import { withDirectory } from "./rounds.ts";

const KEYS = 1_000_000;
const QUICK_KEYS = 50_000;
/** Puts a second, and the bench that has them. */
const RATES = [[20_000, "live-cpu-20k"], [90_000, "live-cpu-90k"]] as const;
const CHURN_MS = 8000;
const QUICK_CHURN_MS = 1500;
/**
 * The churn has run so long when the measuring begins: of 110 batches a second the runtimes learn but slowly what is
 * worth compiling, and a link stays live for days.
 */
const WARM_MS = 6000;
const QUICK_WARM_MS = 500;
/** Not what is compared, and so not worth all rounds. */
const DEFAULT_SYNC_ROUNDS = 3;
/** A link that broke under its load, on a machine that has other things to do, is tried anew. */
const TRIES = 3;
/** Longer than a scan, and the wait of armdb's follower before it. */
const REST_MS = 5000;

/** CPU is user and system time of the whole process, all threads. */
export const LIVE_CPU_BENCHES: readonly Bench[] = RATES.map(([rate, name]) => ({
  name,
  title: `CPU of the follower per live event at ${rate / 1000} k/s, ${KEYS / 1e6} M keys in 1 shard`,
  prepare: (setup) => prepare(rate, setup),
}));

async function prepare(rate: number, { dir, runtimes, quick }: Setup): Promise<Prepared> {
  const leader = await BenchLeader.start(dir, { shape: "8x16", shards: 1, slots: quick ? QUICK_KEYS : KEYS });
  const churn = quick
    ? { rate, warmMs: QUICK_WARM_MS, churnMs: QUICK_CHURN_MS }
    : { rate, warmMs: WARM_MS, churnMs: CHURN_MS };
  const contender = (name: string, start: StartFollower, rounds?: number): Contender => ({
    name,
    rounds,
    measure: () =>
      leader.measure(() =>
        withDirectory(join(dir, name), async (path) => {
          await using follower = await start(leader, path);
          return await measure(leader, follower, churn);
        })
      ),
  });
  return {
    contenders: [
      ...runtimes.flatMap((runtime) => [
        // armdb's follower is run without syncs, so these are too.
        contender(`slotcask ${runtime}`, SlotcaskLive.in(runtime, { sync: "none" })),
        contender(`mapped ${runtime}`, SlotcaskLive.in(runtime, { sync: "none", storage: "mapped" })),
        contender(`50 ms ${runtime}`, SlotcaskLive.in(runtime), DEFAULT_SYNC_ROUNDS),
      ]),
      contender("armdb", ArmdbLive.start),
    ],
    ratios: runtimes.flatMap((runtime) => [`slotcask ${runtime}`, `mapped ${runtime}`]).map(ratioOf),
    [Symbol.asyncDispose]: () => leader[Symbol.asyncDispose](),
  };
}

function ratioOf(of: string): Ratio {
  return { figure: "us/event", of, against: "armdb", atMost: true, must: 0.2, reach: 0.1 };
}

/** Throws if the link broke each time: CPU of a scan is not that of live events. */
async function measure(leader: BenchLeader, follower: LiveFollower, churn: Churn): Promise<Figures> {
  for (let i = 0; i < TRIES; i++) {
    await follower.live();
    if (i > 0) await atRest(leader);
    const figures = await costOf(leader, follower, churn);
    if (figures !== undefined) return figures;
  }
  throw new Error(`The follower did not stay live at ${churn.rate} puts/s, ${TRIES} times`);
}

interface Churn {
  /** Puts per second. */
  rate: number;
  /** How long they come before that. */
  warmMs: number;
  /** How long is measured. */
  churnMs: number;
}

/** Resolves once no scan has ended for a while. */
async function atRest(leader: BenchLeader): Promise<void> {
  for (let before = -1, now = await scansOf(leader); now !== before; now = await scansOf(leader)) {
    before = now;
    await wait(REST_MS);
  }
}

/** Grows with each scan and each link that the leader ended. */
async function scansOf({ peer }: BenchLeader): Promise<number> {
  const [scanned, dropped] = await Promise.all(
    ["catchup_slots_scanned", "dropped_rescan"].map((name) => peer.command(`metric armdb.fixed.${name}`)),
  );
  return Number(scanned) + Number(dropped);
}

/** Undefined if the leader had to scan. */
async function costOf(
  leader: BenchLeader,
  follower: LiveFollower,
  { rate, warmMs, churnMs }: Churn,
): Promise<Figures | undefined> {
  const { peer, filling: { slots } } = leader;
  const look = async () => ({
    atMs: performance.now(),
    events: Number(await peer.command("metric armdb.fixed.streaming_events_sent")),
    cpuMs: await follower.cpuMs(),
    scans: await scansOf(leader),
  });
  await peer.command(`churn ${rate} 0 ${slots} 1 0`);
  await wait(warmMs);
  const before = await look();
  await wait(churnMs);
  const after = await look();
  await peer.command("stop-churn");
  if (after.scans !== before.scans) return undefined;
  const [events, ms] = [after.events - before.events, after.atMs - before.atMs];
  const cpuMs = after.cpuMs - before.cpuMs;
  return { "us/event": cpuMs * 1000 / events, "k events/s": events / ms, "cpu %": cpuMs * 100 / ms };
}
