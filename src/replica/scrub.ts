/**
 * Checks every slot that is served against its CRC, in steps, while the replica goes on: of a resident store the bytes
 * in memory, of the others those of the file. A slot that fails is served no more until a rescan has brought it again.
 */

import { asError } from "../error_code.ts";
import { SLOT_HEADER_BYTES } from "../fixed/layout.ts";
import { OCCUPIED, statusOf } from "../fixed/meta.ts";
import { hashKey } from "../fixed/routing.ts";
import type { Shard } from "../fixed/shard.ts";
import type { Store } from "../fixed/store.ts";
import type { TimeSlice } from "../time_slice.ts";
import type { VerifyStatus } from "./status.ts";

/** Bytes that are checked between two looks at the clock: a quarter of a millisecond, with slots of 32 bytes. */
const STEP_BYTES = 128 << 10;
/** Slots that are looked for together, by their numbers. */
const MOST_LOST = 65_536;

/** What a scrub is made with. */
export interface ScrubOptions {
  /** Measures the steps. */
  slice: TimeSlice;
  /** Gives it up. Must be set off, and the scrub awaited, before the store is closed. */
  signal?: AbortSignal;
  /** Is kept up to date: see {@link newVerifyStatus}. */
  status: VerifyStatus;
  /** A shard holds damaged slots, and is to be rescanned; called when its check ends, whether to its end or not. */
  onDamaged(shard: number): void;
}

/** The status of a scrub that begins now. */
export function newVerifyStatus(): VerifyStatus {
  return { startedAtMs: Date.now(), endedAtMs: null, slots: 0, position: 0, damaged: 0, error: null };
}

/**
 * Checks all slots that there are when it begins.
 *
 * Rejects with StorageError where the disk cannot be read, or with the signal's reason.
 */
export async function scrubStore({ shards }: Store, options: ScrubOptions): Promise<void> {
  const { status, onDamaged } = options;
  const ends = shards.map((shard) => shard.slotCount);
  status.slots = ends.reduce((sum, slots) => sum + slots, 0);
  try {
    for (const [id, shard] of shards.entries()) {
      const before = status.damaged;
      try {
        await new ShardScrub(shard, options).run(ends[id]);
      } finally {
        if (status.damaged > before) onDamaged(id);
      }
    }
  } catch (error) {
    status.error = asError(error).message;
    throw error;
  } finally {
    status.endedAtMs = Date.now();
  }
}

/** The scrub of one shard. */
class ShardScrub {
  readonly #shard: Shard;
  readonly #options: ScrubOptions;
  /** Damaged slots whose index entries are not where their keys, as they are now, would have them. */
  readonly #lost = new Map<number, number | undefined>();

  constructor(shard: Shard, options: ScrubOptions) {
    this.#shard = shard;
    this.#options = options;
  }

  async run(end: number): Promise<void> {
    const { slice, signal, status } = this.#options;
    const most = Math.max(1, Math.floor(STEP_BYTES / this.#shard.file.recordBytes));
    signal?.throwIfAborted();
    slice.begin();
    for (let slot = 0; slot < end;) {
      const slots = this.#check(slot, Math.min(most, end - slot));
      slot += slots;
      status.position += slots;
      if (slice.isOver) await this.#yield();
      if (this.#lost.size >= MOST_LOST) await this.#findLost();
    }
    await this.#findLost();
  }

  async #yield(): Promise<void> {
    await this.#options.slice.yield();
    this.#options.signal?.throwIfAborted();
  }

  /** Checks consecutive slots; answers how many. */
  #check(first: number, count: number): number {
    const shard = this.#shard;
    // Slots in memory must not be read again: what is staged would be lost.
    const slots = shard.file.inMemory ? count : shard.load(first, count);
    for (let slot = first; slot < first + slots; slot++) {
      if (isDamaged(shard, slot)) this.#quarantineByKey(slot);
    }
    return slots;
  }

  #quarantineByKey(slot: number): void {
    const key = keyIn(this.#shard, slot);
    const hash = hashKey(key, 0, key.length);
    if (this.#shard.index.has(hash, slot)) this.#quarantine(slot, hash, key);
    else this.#lost.set(slot, undefined);
  }

  /** Finds the slots by their numbers: in an index of ten million keys that takes 20 ms, so a segment a step. */
  async #findLost(): Promise<void> {
    const { slice } = this.#options;
    if (this.#lost.size === 0) return;
    for (let from = 0; from < 2 ** 32;) {
      from = this.#shard.index.hashesOf(this.#lost, from);
      if (slice.isOver) await this.#yield();
    }
    for (const [slot, hash] of this.#lost) {
      if (isDamaged(this.#shard, slot)) this.#quarantine(slot, hash ?? 0, keyIn(this.#shard, slot));
      if (slice.isOver) await this.#yield();
    }
    this.#lost.clear();
  }

  #quarantine(slot: number, hash: number, key: Uint8Array): void {
    this.#shard.quarantine(slot, hash, key, 0);
    this.#options.status.damaged++;
  }
}

/** Whether a slot is served and is not what was written to it. */
function isDamaged(shard: Shard, slot: number): boolean {
  const { metas, unverified } = shard;
  if (statusOf(metas.get(slot)) !== OCCUPIED || (unverified.size > 0 && unverified.has(slot))) return false;
  return !shard.isIntact(slot);
}

/** A copy of the key's bytes in a slot. */
function keyIn({ file, keyLength }: Shard, slot: number): Uint8Array {
  const keyAt = file.at(slot) + SLOT_HEADER_BYTES;
  return file.window.slice(keyAt, keyAt + keyLength);
}
