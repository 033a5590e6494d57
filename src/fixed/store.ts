import { ClosedError, IncompleteError, UsageError } from "../errors.ts";
import type { Shape } from "../slot_events.ts";
import { CopyInto, copyOf } from "./copy.ts";
import { iterateShard } from "./entries.ts";
import { SLOT_HEADER_BYTES } from "./layout.ts";
import { versionOf } from "./meta.ts";
import { hashKey, shardOfHashedKey } from "./routing.ts";
import type { Shard } from "./shard.ts";

/** What a lookup found. */
export interface Found {
  /** `unknown`: not found, and the shard is not complete enough for that to prove the key's absence. */
  found: "yes" | "no" | "unknown";
  /** A copy of the value, where it was found. */
  value?: Uint8Array;
  /** Version of the slot, where it was found. */
  version?: number;
  /** The slot, where it was found. */
  slot?: number;
  /** The shard that holds the key, or would. */
  shard: number;
}

/** Options of reads. */
export interface ReadOptions {
  /** Answer a miss with undefined, or -1, even where it proves nothing. */
  partial?: boolean;
}

/** All shards of a directory, and the reads over them. */
export class Store {
  readonly #isComplete: (shard: number) => boolean;
  readonly #into = new CopyInto();
  #isClosed = false;

  /** A store over recovered shards; `isComplete` says whether a shard ever finished a whole scan. */
  constructor(
    readonly shape: Shape,
    readonly shards: readonly Shard[],
    isComplete: (shard: number) => boolean,
  ) {
    this.#isComplete = isComplete;
  }

  /** Number of keys; one that two shards hold, which takes a leader that changed its routing, counts twice. */
  get size(): number {
    let keys = 0;
    for (const shard of this.shards) keys += shard.index.keys;
    return keys;
  }

  /** A copy of a key's value; undefined if it is absent. Throws IncompleteError where that cannot be known. */
  get(key: Uint8Array, options?: ReadOptions): Uint8Array | undefined {
    const shard = this.#locate(key);
    if (this.#slot < 0) return this.#miss(shard, options);
    const start = shard.foundAt + SLOT_HEADER_BYTES + shard.keyLength;
    return copyOf(shard.file.window, start, shard.valueLength);
  }

  /**
   * Copies a key's value to `out`, which must have room for it. Answers the bytes written, or -1 if the key is
   * absent. Throws IncompleteError where that cannot be known. Allocates nothing.
   */
  getInto(key: Uint8Array, out: Uint8Array, options?: ReadOptions): number {
    const shard = this.#locate(key);
    const length = shard.valueLength;
    if (out.length < length) {
      throw new UsageError(`Cannot read into this buffer: it has ${out.length} bytes, a value has ${length}`);
    }
    if (this.#slot < 0) {
      this.#miss(shard, options);
      return -1;
    }
    const start = shard.foundAt + SLOT_HEADER_BYTES + shard.keyLength;
    this.#into.copy(out, shard.file, start, length);
    return length;
  }

  /** Whether the key is there. Throws IncompleteError where that cannot be known. */
  has(key: Uint8Array, options?: ReadOptions): boolean {
    const shard = this.#locate(key);
    if (this.#slot < 0) this.#miss(shard, options);
    return this.#slot >= 0;
  }

  /** All that is known of a key. Never throws for a key of the right length. */
  lookup(key: Uint8Array): Found {
    const shard = this.#locate(key);
    const slot = this.#slot;
    if (slot < 0) return { found: this.#provesAbsence(shard) ? "no" : "unknown", shard: shard.id };
    const start = shard.foundAt + SLOT_HEADER_BYTES + shard.keyLength;
    const value = copyOf(shard.file.window, start, shard.valueLength);
    return { found: "yes", value, version: versionOf(shard.metas.get(slot)), slot, shard: shard.id };
  }

  /**
   * Copies of all keys and values, or of those that one shard serves; changes meanwhile are tolerated: each key at
   * most once, no torn value.
   */
  *entries(shard?: number): Generator<[key: Uint8Array, value: Uint8Array]> {
    for (const each of shard === undefined ? this.shards : [this.shards[shard]]) {
      for (const entry of iterateShard(each)) {
        if (this.#serves(each, entry[0])) yield entry;
        if (this.#isClosed) throw new ClosedError("Cannot go on reading entries: the store was closed");
      }
    }
  }

  /** Its files are about to be closed: who still iterates is told so at the next step. */
  close(): void {
    this.#isClosed = true;
  }

  /** Whether reads find a key in this shard, which holds it; only a misrouted one may come after another. */
  #serves(shard: Shard, key: Uint8Array): boolean {
    return !shard.misrouted || this.#locate(key) === shard;
  }

  /** Whether a shard has seen a whole scan and holds no slot that cannot be trusted. */
  isComplete(shard: number): boolean {
    return this.#isComplete(shard) && this.shards[shard].unverified.size === 0;
  }

  /** The slot that {@link #locate} found, or -1. */
  #slot = -1;

  /** The shard that holds the key, or the one that should; the slot is left in `#slot`. */
  #locate(key: Uint8Array): Shard {
    if (key.length !== this.shape.keyLength) {
      throw new UsageError(
        `Cannot look up this key: it has ${key.length} bytes, keys here have ${this.shape.keyLength}`,
      );
    }
    const hash = hashKey(key, 0, key.length);
    const home = this.shards[shardOfHashedKey(key, 0, this.shape)];
    this.#slot = home.find(hash, key);
    return this.#slot < 0 && this.#anyMisrouted() ? this.#locateAnywhere(hash, key, home) : home;
  }

  #anyMisrouted(): boolean {
    for (const shard of this.shards) {
      if (shard.misrouted) return true;
    }
    return false;
  }

  #locateAnywhere(hash: number, key: Uint8Array, home: Shard): Shard {
    for (const shard of this.shards) {
      this.#slot = shard.find(hash, key);
      if (this.#slot >= 0) return shard;
    }
    return home;
  }

  #provesAbsence(home: Shard): boolean {
    if (!this.#anyMisrouted()) return this.isComplete(home.id);
    return this.shards.every((shard) => this.isComplete(shard.id));
  }

  #miss(home: Shard, options: ReadOptions | undefined): undefined {
    if (options?.partial || this.#provesAbsence(home)) return undefined;
    const shard = this.isComplete(home.id) ? this.shards.find(({ id }) => !this.isComplete(id))! : home;
    const why = shard.unverified.size > 0
      ? `${shard.unverified.size} of its slots cannot be trusted`
      : "it has not finished a whole scan";
    throw new IncompleteError(`Cannot say whether the key exists: shard ${shard.id} is incomplete, ${why}`);
  }
}

/** Slots of a shard by status; `unverified` ones count as occupied too. */
export function countSlots(
  shard: Shard,
): { occupied: number; deleted: number; free: number; unverified: number } {
  const { occupied, deleted, slotCount, unverified } = shard;
  return { occupied, deleted, free: slotCount - occupied - deleted, unverified: unverified.size };
}
