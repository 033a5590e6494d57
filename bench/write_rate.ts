/** The highest steady write rate at which a fresh follower goes live, and stays so. */
import { join } from "node:path";

import type { Bench, Contender, Figures, Prepared, RuntimeName, Setup } from "./bench.ts";
import { ackOnlyScan } from "./followers.ts";
import { ArmdbLive, SlotcaskLive, type StartFollower } from "./live_followers.ts";
import { BenchLeader } from "./real_leader.ts";
import { withDirectory } from "./rounds.ts";
import { goesLive, type Outcome, outruns } from "./write_rate_trial.ts";

const KEYS = 1_000_000;
const QUICK_KEYS = 50_000;
/** Thousands of puts a second. */
const RATES = [1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128];
const WINDOW_MS = 20_000;
const QUICK_WINDOW_MS = 3000;

/** Tries a rate, in puts a second. */
type Survives = (rate: number) => Promise<Outcome>;

/** The rates are searched by halves: what a follower survives, it survives at each lower rate. */
export const WRITE_RATE_BENCH: Bench = {
  name: "write-rate",
  title: `highest write rate at which a fresh follower of ${KEYS / 1e6} M keys in 1 shard goes live within ` +
    `${WINDOW_MS / 1000} s, and then needs no scan for ${WINDOW_MS / 1000} s`,
  prepare,
};

async function prepare({ dir, runtimes, quick }: Setup): Promise<Prepared> {
  const leader = await BenchLeader.start(dir, { shape: "8x16", shards: 1, slots: quick ? QUICK_KEYS : KEYS });
  const windowMs = quick ? QUICK_WINDOW_MS : WINDOW_MS;
  const searching = (name: string, survives: Survives): Contender => ({
    name,
    // A search takes minutes.
    rounds: 1,
    measure: () => search((rate) => leader.measure(() => survives(rate))),
  });
  const follower = (name: string, start: StartFollower) =>
    searching(
      name,
      (rate) =>
        withDirectory(join(dir, name), (path) => goesLive(leader, { start, rate, windowMs, dir: path })),
    );
  const ackOnly = (runtime: RuntimeName) =>
    searching(
      `ack-only ${runtime}`,
      (rate) => outruns(leader, { scan: () => ackOnlyScan(leader, runtime), rate, windowMs }),
    );
  return {
    contenders: [
      ...runtimes.map((runtime) => follower(`slotcask ${runtime}`, SlotcaskLive.in(runtime))),
      follower("armdb", ArmdbLive.start),
      ...runtimes.map(ackOnly),
    ],
    ratios: runtimes.map(ratioOf),
    [Symbol.asyncDispose]: () => leader[Symbol.asyncDispose](),
  };
}

function ratioOf(runtime: RuntimeName) {
  return { figure: "k/s", of: `slotcask ${runtime}`, against: "armdb", must: 6, reach: 20 };
}

/** A leader that writes this share of a rate carries it: to stop it takes some of the time that is counted. */
const CARRIED = 0.999;

/** The highest rate that was survived and the lowest that was not (0: there was none), as far as the leader carried it. */
async function search(survives: Survives): Promise<Figures> {
  let [low, high] = [-1, RATES.length];
  let [survived, failed, rescans] = [0, 0, 0];
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    const asked = RATES[middle] * 1000;
    const { isLive, rate, drops } = await survives(asked);
    const carried = rate >= asked * CARRIED ? asked : rate;
    if (isLive) [low, survived, rescans] = [middle, carried, drops];
    else [high, failed] = [middle, carried];
  }
  return { "k/s": survived / 1000, "rescans before": rescans, "failed at k/s": failed / 1000 };
}
