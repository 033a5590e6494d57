/** What a follower has promised to have on its disk, and whether the next one finds it there. */

import { isNewer, OCCUPIED, statusOf, versionOf } from "../../src/fixed/meta.ts";
import type { Shard } from "../../src/fixed/shard.ts";
import { EPOCH_MS } from "./clock.ts";
import { metaText } from "./invariants.ts";

/** The metas of a shard at a moment. */
interface Moment {
  atMs: number;
  metas: Uint32Array;
  /** Slots of which nothing is promised. */
  unverified: ReadonlySet<number>;
  /** Whether all of it was written to the file: batches of a whole scan gather before. */
  isWritten: boolean;
}

/** Moments that are kept: a sync promises one that lies a little in the past, and those behind it can take it back. */
const MOST_MOMENTS = 512;

/** The promises of one shard. */
export class Promises {
  #moments: Moment[] = [];
  #syncedAtMs: number | undefined;
  #promised: Moment | undefined;
  /** What survives as long as there is power. */
  #kept: Moment | undefined;

  /** Notes what the shard is since now. */
  changed(moment: Moment): void {
    this.#moments.push(moment);
    if (this.#moments.length > MOST_MOMENTS) this.#moments.shift();
  }

  /** Notes what its status says: all that it was at that moment (Unix ms) is on disk. */
  synced(syncedAtMs: number | undefined): void {
    if (syncedAtMs === undefined || syncedAtMs === this.#syncedAtMs) return;
    this.#syncedAtMs = syncedAtMs;
    this.#promised = this.#moments.findLast(({ atMs }) => atMs <= syncedAtMs - EPOCH_MS) ?? this.#promised;
  }

  /** What was written survives the end of the process, though not that of the power. */
  keepAll(): void {
    this.#kept = this.#moments.findLast(({ isWritten }) => isWritten);
  }

  /** The process died in the midst of taking another leader's state: some slots have gone back already. */
  forget(): void {
    this.#promised = this.#kept = undefined;
  }

  /** The power is gone: what no sync has covered may be lost. */
  loseUnsynced(): void {
    this.#kept = undefined;
  }

  /** Throws where a shard that was just opened has less than was promised. */
  check(shard: Shard): void {
    const promised = this.#kept ?? this.#promised;
    if (promised === undefined) return;
    const since = this.#moments.filter(({ atMs }) => atMs > promised.atMs);
    for (let slot = 0; slot < promised.metas.length; slot++) {
      const wanted = promised.unverified.has(slot) ? 0 : promised.metas[slot];
      const found = slot < shard.slotCount ? shard.metas.get(slot) : 0;
      // A write on top of it was torn.
      if (wanted === 0 || shard.unverified.has(slot) || !isBehind(found, wanted)) continue;
      // It was taken back since, as the leader did, though it may have come again; or forgotten, as it held no key.
      const wasTakenBack = since.some(({ metas }) => slot < metas.length && isBehind(metas[slot], wanted));
      if (wasTakenBack || statusOf(wanted) !== OCCUPIED) continue;
      throw new Error(
        `shard ${shard.id}: slot ${slot} is ${metaText(found)} on disk, ${metaText(wanted)} was promised`,
      );
    }
  }
}

/** Whether a meta is an older state of a slot than another. */
function isBehind(meta: number, than: number): boolean {
  return meta === 0 ? than !== 0 : isNewer(versionOf(than), versionOf(meta));
}
