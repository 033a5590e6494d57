/**
 * A soak: for each runtime a real leader of 0.15.0 that churns, and a follower whose link is cut now and then.
 *
 * A leader a runtime, since a leader of protocol 2 refuses a second follower on a shard ("shard already streaming").
 */
import type { StorageKind } from "../../src/storage/slot_file.ts";
import type { RuntimeName } from "../harness/runtimes.ts";
import { Stage } from "../interop/stage.ts";
import { judgeSoak, type SoakLimits, type SoakResult } from "./soak_limits.ts";
import { Side } from "./soaker.ts";

/** Operations at full speed in the middle between two cuts: they overflow the leader's queue of 8,192. */
const BURST = 60_000;
/** Of the run, the part that is not judged for memory; but so many seconds are enough for any. */
const WARM_UP = { share: 0.5, mostS: 90 };

/** How a soak is run. */
export interface SoakOptions {
  minutes: number;
  runtimes: readonly RuntimeName[];
  storage: StorageKind;
  seed: number;
  /** Operations a second of each leader. */
  rate: number;
  keyspace: number;
  /** Between two cuts. */
  cutEveryS: number;
  sampleEveryS: number;
  limits: SoakLimits;
  /** Told of each sample. */
  onSample?: (line: string) => void;
}

/** What `deno task soak` runs if not told otherwise. */
export const DEFAULT_SOAK: Omit<SoakOptions, "minutes" | "seed"> = {
  runtimes: ["deno", "bun"],
  storage: "resident",
  rate: 15_000,
  keyspace: 20_000,
  cutEveryS: 20,
  sampleEveryS: 2,
  limits: { rssMbPerMinute: 8, moreDescriptors: 2, notLiveMs: 30_000 },
};

/** Runs it; one result a runtime. Rejects where something could not be run at all. */
export async function runSoak(options: SoakOptions): Promise<SoakResult[]> {
  await using stage = new Stage();
  const { runtimes, storage, keyspace, rate, seed } = options;
  const sides = await Promise.all(
    runtimes.map((runtime) => Side.start(stage, { runtime, storage, keyspace, rate, seed })),
  );
  await soak(sides, options);
  const wrong = await Promise.all(sides.map((side) => side.settle()));
  const warmUpS = Math.min(WARM_UP.share * options.minutes * 60, WARM_UP.mostS);
  return sides.map((side, i) => judgeSoak(side, options.limits, { warmUpS, wrong: wrong[i] }));
}

async function soak(sides: readonly Side[], options: SoakOptions): Promise<void> {
  const { minutes, cutEveryS, sampleEveryS, onSample } = options;
  const started = performance.now();
  const elapsedS = () => (performance.now() - started) / 1000;
  let [cuts, bursts] = [0, 0];
  while (elapsedS() < minutes * 60) {
    await new Promise((resolve) => setTimeout(resolve, sampleEveryS * 1000));
    for (const side of sides) {
      const { atS, rssMb, descriptors, phase, events } = await side.sample();
      onSample?.(
        `${atS.toFixed(0)} s ${side.runtime}: ${
          rssMb.toFixed(1)
        } MB, ${descriptors} descriptors, ${phase}, ` +
          `${events} events`,
      );
    }
    const due = (count: number, share: number) => elapsedS() >= (count + share) * cutEveryS;
    if (due(bursts, 0.5)) {
      bursts++;
      await Promise.all(sides.map((side) => side.burst(BURST)));
    }
    if (due(cuts, 1)) {
      cuts++;
      for (const side of sides) side.cut();
    }
  }
}

/** The results as a table. */
export function soakTable(results: readonly SoakResult[]): string {
  const head = "runtime  seconds  RSS MB first..last (most)  MB/min  descriptors  not live ms  events    " +
    "reads    scans  ends";
  const lines = results.map((result) => {
    const { descriptors, ends } = result;
    const memory = `${result.rssFirstMb.toFixed(0)}..${result.rssLastMb.toFixed(0)} (${
      result.rssMostMb.toFixed(0)
    })`;
    return [
      result.runtime.padEnd(7),
      result.seconds.toFixed(0).padStart(7),
      memory.padStart(25),
      result.rssMbPerMinute.toFixed(2).padStart(6),
      `${descriptors.first}..${descriptors.last} (${descriptors.most})`.padStart(11),
      result.longestNotLiveMs.toFixed(0).padStart(11),
      String(result.events).padEnd(8),
      String(result.reads).padEnd(7),
      String(result.scans).padStart(5),
      Object.entries(ends).map(([reason, count]) => `${reason} ${count}`).join(", "),
      ...result.broken.map((text) => `\n  BROKEN: ${text}`),
    ].join("  ");
  });
  return [head, ...lines].join("\n");
}
