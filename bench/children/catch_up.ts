/**
 * Follows a leader until it has caught up, and says how that went: `catch_up.ts ADDRESS DIR STORAGE SLOTS [keep]`.
 *
 * `keep` closes the directory cleanly, for the next process to open.
 */
import { existsSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { setTimeout as wait } from "node:timers/promises";
import { follow, type Follower, type FollowerEvent, type StorageKind } from "../../mod.ts";
import { processMemory } from "../process_memory.ts";
import type { CatchUpReport } from "../reports.ts";
import { say } from "./answer.ts";
import { DelayMeter } from "./delay_meter.ts";

/** Between "caught up" and the look at the memory. */
const REST_MS = 500;

const [leader, dir, storage, slots, keep] = process.argv.slice(2);

/** When each phase was first entered, and when all was in place. */
const at: Record<string, number> = {};

function note(what: string): void {
  at[what] ??= performance.now();
}

function onEvent(event: FollowerEvent): void {
  if (event.type === "phase") note(event.phase);
  if (event.type !== "end" || event.reason === "closed") return;
  // A second try would be measured as if it were the first.
  console.error(`The connection of shard ${event.shard} ended (${event.reason}): ${event.error?.message}`);
  process.exit(1);
}

/** Whether CaughtUp of every shard has come, and all before it was applied. */
function isInPlace(follower: Follower): boolean {
  return follower.status().shards.every(({ scan, scans }) =>
    scans.whole > 0 || (scan !== null && scan.position >= scan.slots)
  );
}

/** What is measured from the begin of the first connection on. */
class Watch {
  /** What is asked at each tick of the 1 ms timer. */
  poll: () => void = () => {};
  readonly meter = new DelayMeter(() => this.poll());
  readonly #cpuBefore = process.cpuUsage();

  constructor() {
    note("started");
  }

  /** Notes the tick in which all was in place. */
  expect(follower: Follower): void {
    this.poll = () => {
      if (!isInPlace(follower)) return;
      note("inPlace");
      this.meter.stop();
    };
  }

  /** Processor time so far. */
  get cpuMs(): number {
    const { user, system } = process.cpuUsage(this.#cpuBefore);
    return (user + system) / 1000;
  }
}

/** Begins to follow; a directory that exists is opened first, and the watch begins with the connection. */
async function begin(): Promise<{ follower: Follower; watch: Watch }> {
  const fresh = existsSync(join(dir, "db.meta")) ? undefined : new Watch();
  const follower = await follow(leader, { dir, storage: storage as StorageKind, onEvent });
  const watch = fresh ?? new Watch();
  watch.expect(follower);
  return { follower, watch };
}

async function run(): Promise<CatchUpReport> {
  const { follower, watch } = await begin();
  await follower.caughtUp();
  note("caughtUp");
  const { cpuMs, meter: { p99Ms: delayP99Ms } } = watch;
  if (follower.size !== Number(slots)) throw new Error(`${follower.size} keys are there, not ${slots}`);
  await wait(REST_MS);
  const { longestSliceMs, shards } = follower.status();
  const memory = processMemory();
  if (keep === "keep") await follower.close();
  return {
    inPlaceMs: at.inPlace - at.started,
    scanMs: at.inPlace - at["catching-up"],
    caughtUpMs: at.caughtUp - at.started,
    applied: shards.reduce((sum, { applied }) => sum + applied.occupied + applied.deleted + applied.reset, 0),
    longestSliceMs,
    delayP99Ms,
    cpuMs,
    ...memory,
  };
}

say(await run());
process.exit(0);
