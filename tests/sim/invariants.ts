/** What must hold at each step of a simulation, and at its end. */

import { FREE, isNewer, OCCUPIED, statusOf, versionOf } from "../../src/fixed/meta.ts";
import { SLOT_HEADER_BYTES } from "../../src/fixed/layout.ts";
import { hashKey } from "../../src/fixed/routing.ts";
import type { Shard } from "../../src/fixed/shard.ts";
import { Promises } from "./promises.ts";
import type { Following } from "../../src/replica/following.ts";
import type { History, LeaderShard } from "./leader_store.ts";
import { keyText, text } from "./leader_store.ts";

/** What a shard was when it was looked at last. */
interface Seen {
  /** Of the slots that any leader ever had. */
  metas: Uint32Array;
  unverified: ReadonlySet<number>;
  diverged: number;
  /** Whole scans that have ended. */
  scans: number;
  signature: string;
}

const NONE: ReadonlySet<number> = new Set();

/** Looks at one follower's shards from its start to its end. */
export class Invariants {
  readonly #history: History;
  /** Whether the leader may have contradicted what it said before. */
  readonly #mayGoBack: () => boolean;
  readonly #seen: (Seen | undefined)[] = [];
  /** What each shard has promised. */
  readonly promises: Promises[] = [];

  /** Of a follower that has just opened its directory. */
  constructor(history: History, mayGoBack: () => boolean) {
    this.#history = history;
    this.#mayGoBack = mayGoBack;
  }

  /** Throws where a shard breaks a rule; looks only at what has changed, unless `all` is to be seen. */
  check({ target, links }: Following, { nowMs, all }: { nowMs: number; all: boolean }): void {
    for (const shard of target.directory!.store.shards) {
      const promises = this.promises[shard.id] ??= new Promises();
      promises.synced(target.syncOf(shard.id)?.syncedAtMs);
      const scans = links.links[shard.id]?.counters.wholeScans ?? 0;
      const before = this.#seen[shard.id];
      const signature = signatureOf(shard);
      if (!all && before?.signature === signature) continue;
      const seen = this.#seen[shard.id] = this.#look(shard, { before, signature, scans, all });
      // What a failed sync has lost, and is not known yet, is not promised.
      const metas = shard.file.hasLost ? new Uint32Array() : seen.metas;
      const isWritten = !shard.file.hasStaged;
      promises.changed({ atMs: nowMs, metas, unverified: seen.unverified, isWritten });
    }
  }

  #look(
    shard: Shard,
    { before, signature, scans, all }: { before?: Seen; signature: string; scans: number; all: boolean },
  ): Seen {
    const { diverged } = shard.counters;
    const metas = new Uint32Array(Math.min(shard.slotCount, this.#history.mostSlots));
    for (let slot = 0; slot < metas.length; slot++) metas[slot] = shard.metas.get(slot);
    if (diverged > (before?.diverged ?? 0) && !this.#mayGoBack()) {
      throw new Error(
        `shard ${shard.id}: ${diverged} slots diverged from a leader that never contradicted itself`,
      );
    }
    if (before !== undefined) checkVersions(shard.id, before, { metas, diverged, scans });
    // What a failed sync has taken from the file is being taken out of service.
    if (!shard.file.hasLost) {
      this.#checkSlots(shard, metas, all || before?.diverged !== diverged ? undefined : before);
    }
    const unverified = shard.unverified.size === 0 ? NONE : new Set(shard.unverified);
    return { metas, unverified, diverged, scans, signature };
  }

  /** Each OCCUPIED slot is in the index or unverified, and holds what some leader had. */
  #checkSlots(shard: Shard, metas: Uint32Array, before: Seen | undefined): void {
    let occupied = 0;
    let unverified = 0;
    for (let slot = 0; slot < metas.length; slot++) {
      const meta = metas[slot];
      if (statusOf(meta) !== OCCUPIED) continue;
      occupied++;
      if (shard.unverified.has(slot)) unverified++;
      else if (before?.metas[slot] !== meta || before.unverified.has(slot)) this.#checkSlot(shard, slot);
    }
    const { keys, duplicates } = shard.index;
    const counted = { occupied, unverified, entries: occupied - unverified };
    const said = {
      occupied: shard.occupied,
      unverified: shard.unverified.size,
      entries: keys + duplicates,
    };
    if (JSON.stringify(said) !== JSON.stringify(counted)) {
      throw new Error(`shard ${shard.id} says ${JSON.stringify(said)}, its slots ${JSON.stringify(counted)}`);
    }
  }

  #checkSlot(shard: Shard, slot: number): void {
    const start = shard.file.at(slot) + SLOT_HEADER_BYTES;
    const { keyLength, valueLength } = shard;
    const record = shard.file.window.slice(start, start + keyLength + valueLength);
    const where = `shard ${shard.id}: slot ${slot} (${metaText(shard.metas.get(slot))})`;
    if (!shard.crcMatches(slot)) throw new Error(`${where} is in service with a wrong CRC`);
    if (!shard.index.has(hashKey(record, 0, keyLength), slot)) {
      throw new Error(`${where} is not in the index`);
    }
    const key = keyText(record, keyLength);
    if (!this.#history.had(key, text(record, keyLength))) {
      throw new Error(`${where} holds what no leader had: ${hex(record)}`);
    }
  }
}

/** Versions only move forward, but where the leader's state was taken against what was held, and counted. */
function checkVersions(id: number, before: Seen, after: Pick<Seen, "metas" | "diverged" | "scans">): void {
  let backwards = 0;
  let example = "";
  for (let slot = 0; slot < before.metas.length; slot++) {
    const old = before.metas[slot];
    const meta = after.metas[slot];
    if (meta === old || old === 0 || isNewer(versionOf(meta), versionOf(old))) continue;
    // The end of a whole scan may have forgotten a slot that holds no key, and the stream written it anew.
    if (statusOf(old) !== OCCUPIED && (meta === 0 || after.scans > before.scans)) continue;
    // What was torn may be replaced by anything; nobody saw it.
    if (before.unverified.has(slot) || (versionOf(meta) === versionOf(old) && statusOf(meta) === FREE)) {
      continue;
    }
    backwards++;
    example = `slot ${slot} went from ${metaText(old)} to ${metaText(meta)}`;
  }
  const allowed = after.diverged - before.diverged;
  if (backwards <= allowed) return;
  throw new Error(`shard ${id}: ${backwards} versions went back, ${allowed} were counted: ${example}`);
}

/** Why a shard is not equal to the leader's, as the facts page has it (section 7); undefined where it is. */
export function difference(shard: Shard, leader: LeaderShard): string | undefined {
  for (const [slot, { meta, record }] of leader.slots.entries()) {
    const ours = slot < shard.slotCount ? shard.metas.get(slot) : 0;
    const where = `slot ${slot} is ${metaText(ours)}, at the leader ${metaText(meta)}`;
    // A slot that was DELETED before we came is never sent.
    if (ours !== meta && (statusOf(meta) === OCCUPIED || ours !== 0)) return where;
    if (statusOf(meta) !== OCCUPIED) continue;
    if (shard.unverified.has(slot)) return `slot ${slot} is unverified`;
    const start = shard.file.at(slot) + SLOT_HEADER_BYTES;
    if (text(shard.file.window, start, start + record.length) === text(record)) continue;
    return `slot ${slot} has other bytes than the leader's`;
  }
  for (let slot = leader.slots.length; slot < shard.slotCount; slot++) {
    const ours = shard.metas.get(slot);
    if (ours !== 0) return `slot ${slot} is ${metaText(ours)}, the leader has none such`;
  }
  if (shard.index.keys !== leader.index.size) {
    return `${shard.index.keys} keys are served, the leader has ${leader.index.size}`;
  }
}

/** Changes with whatever changes a shard. */
function signatureOf(shard: Shard): string {
  const { counters, unverified, slotCount, suspects, index } = shard;
  const { applied, diverged, crcErrors } = counters;
  const numbers = [
    applied.occupied,
    applied.deleted,
    applied.reset,
    diverged,
    crcErrors,
    unverified.size,
    slotCount,
    suspects.size,
    shard.written,
    shard.deleted,
    shard.file.hasLost ? 1 : 0,
    shard.file.hasStaged ? 1 : 0,
    index.keys,
    index.duplicates,
  ];
  return numbers.join();
}

/** A meta for people. */
export function metaText(meta: number): string {
  return `${["FREE", "OCCUPIED", "DELETED", "?"][statusOf(meta)]} v${versionOf(meta)}`;
}

function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
