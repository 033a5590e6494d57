/** What one directory showed from kill to kill: it goes forward only, and is complete only where it says so rightly. */
import { MISSED, SHARDS } from "./churning_leader.ts";
import type { Findings, ShardAge } from "./judge.ts";
import type { Moment } from "./moments.ts";
import { wentBack } from "./raw_slots.ts";

/**
 * Operations that a complete shard may be behind the newest that it shows. A batch of 256 events, which is written heads
 * first, was half written when the kill came: of one shard of two these are 600 operations. 661 were seen.
 */
const MOST_LAG = 1024;

/** See the head of this file. */
export class Progress {
  /** Operations that a shard which only streamed was behind the newest that it showed, at most. */
  mostLag = 0;
  /** What was found last; undefined after the directory was removed. */
  #before: Findings | undefined;
  /** The newest operation that the directory has shown, and that any before it has. */
  #newest = -1;
  #leaderNewest = -1;

  /** The directory was removed. */
  forget(): void {
    this.#before = undefined;
    this.#newest = -1;
  }

  /**
   * Takes up what a kill left; `convergedAtMs` is when the killed follower held what the leader held, if it did.
   *
   * @throws Error that says what should not be.
   */
  judged(findings: Findings | undefined, moment: Moment, convergedAtMs = Infinity): void {
    const before = this.#before;
    this.#before = findings;
    if (findings === undefined) {
      if (before !== undefined) throw new Error("a store that was there is an unfinished creation now");
      return;
    }
    const back = before === undefined ? undefined : wentBack(before.raw, findings.raw);
    if (back !== undefined) throw new Error(`a version went back, ${back}`);
    for (const age of findings.ages) {
      const scanned = moment.isEarly || age.wholeScanAtMs >= convergedAtMs;
      if (moment.isEarly && isSameScan(age, before)) requireUntouched(age.shard, before!, findings);
      else this.#requireComplete(age, { isEarly: moment.isEarly ?? false, scanned });
    }
    this.#advance(findings);
  }

  /**
   * Whether a shard may call itself complete: it shows the leader's state of one moment, but for a batch that was half
   * written. A scan shows its slots as of the moments at which it passed them, until the stream behind it has brought
   * what was written meanwhile, so then only what was written before the scan must be there.
   */
  #requireComplete(age: ShardAge, { isEarly, scanned }: { isEarly: boolean; scanned: boolean }): void {
    const { shard, lag, newest, duplicates } = age;
    const name = `shard ${shard} says that it is complete, shows operation ${newest}`;
    const begunAt = this.#leaderNewest + (isEarly ? MISSED : 0);
    const most = MOST_LAG + (scanned ? Math.max(0, newest - begunAt) : 0);
    if (lag > most) throw new Error(`${name} and not one of ${lag} operations before, the limit is ${most}`);
    if (scanned) return;
    if (duplicates > 0) throw new Error(`${name}, and holds ${duplicates} keys twice`);
    this.mostLag = Math.max(this.mostLag, lag);
  }

  #advance({ ages }: Findings): void {
    const newest = Math.max(-1, ...ages.map((age) => age.newest));
    this.#leaderNewest = Math.max(this.#leaderNewest, newest);
    if (ages.length < SHARDS) return;
    if (newest < this.#newest) {
      throw new Error(`operation ${this.#newest} was there, now ${newest} is the last`);
    }
    this.#newest = newest;
  }
}

function isSameScan({ shard, wholeScanAtMs }: ShardAge, before: Findings | undefined): boolean {
  return before?.ages.find((age) => age.shard === shard)?.wholeScanAtMs === wholeScanAtMs;
}

/** A shard that was complete before, and of which no scan has ended since, has not taken up events of one. */
function requireUntouched(shard: number, before: Findings, { raw }: Findings): void {
  const { metas } = raw.shards[shard];
  if (before.raw.shards[shard].metas.every((meta, slot) => meta === metas[slot])) return;
  throw new Error(`shard ${shard} says that it is complete, and holds events of a scan that has not ended`);
}
