/**
 * Keys by pages, in the order of shards and slots: for who lists a store over several calls, such as an HTTP client.
 *
 * Nothing is kept between two calls, and changes go on meanwhile: a key that stays in its slot comes exactly once, one
 * that moves between two calls may be missed or come twice. `Store.entries` reads all at once, without that.
 */

import { UsageError } from "../errors.ts";
import { copyOf } from "./copy.ts";
import { SLOT_HEADER_BYTES } from "./layout.ts";
import { OCCUPIED, statusOf } from "./meta.ts";
import type { Shard } from "./shard.ts";
import type { Store } from "./store.ts";

/** The most keys that a page may have. */
export const MOST_PAGE_KEYS = 1000;
/** How many it has where no limit is named. */
export const DEFAULT_PAGE_KEYS = 100;
/**
 * A page looks at so many slots at the most, so that a rare prefix does not hold up other work.
 *
 * ms a page, resident / positional, medians of 60 on two busy cores, of 1 M slots of 8+16 and 100,000 of 8+1000:
 *
 * | | Deno 8+16 | Deno 8+1000 | Bun 8+16 | Bun 8+1000 |
 * |---|---|---|---|---|
 * | no key has the prefix | 0.7 / 1.0 | 0.1 / 0.1 | 0.4 / 1.5 | 0.1 / 0.2 |
 * | 1,000 keys | 1.0 / 1.5 | 1.6 / 2.1 | 0.5 / 0.7 | 1.4 / 1.5 |
 * | 100 keys | 0.1 / 0.2 | 0.1 / 0.3 | 0.1 / 0.1 | 0.2 / 0.2 |
 */
export const MOST_PAGE_SLOTS = 65_536;
/** And at so many bytes of slots: 65,536 slots of 8+16, and fewer where slots are longer. */
export const MOST_PAGE_BYTES = MOST_PAGE_SLOTS * 32;

/** A key of a {@link KeyPage}. Key and value are copies. */
export interface PageEntry {
  /** The key. */
  key: Uint8Array;
  /** Its value. */
  value: Uint8Array;
  /** Version of its slot. */
  version: number;
  /** Its slot. */
  slot: number;
  /** The shard that holds it. */
  shard: number;
}

/** Some keys of a store, in the order of shards and slots. */
export interface KeyPage {
  /** At most `limit`; fewer, even none, where the page looked at as many slots as it may. */
  entries: PageEntry[];
  /** Where the next page begins; absent at the end, and only there. */
  cursor?: string;
}

/** Options of {@link pageOf}. */
export interface PageOptions {
  /** Only keys that begin with these bytes. Default: all. */
  prefix?: Uint8Array;
  /** The most keys, 1 to 1,000. Default 100. */
  limit?: number;
  /** The `cursor` of the page before. Default: begin with the first slot. Its text may change between versions. */
  cursor?: string;
}

/** A place among all slots of a store. */
interface Place {
  shard: number;
  slot: number;
}

/**
 * The next keys after a cursor, those that reads would find: none of a slot that cannot be trusted, each key from the
 * slot that serves it. A follower that has not caught up lists what it has.
 *
 * Throws UsageError for a limit out of range, a prefix longer than a key, and a cursor that is not of this store;
 * StorageError where the disk cannot be read.
 */
export function pageOf(store: Store, options: PageOptions = {}): KeyPage {
  const { prefix = new Uint8Array(0), limit = DEFAULT_PAGE_KEYS, cursor } = options;
  checkLimit(limit);
  checkPrefix(prefix, store.shape.keyLength);
  const place = cursor === undefined ? { shard: 0, slot: 0 } : parseCursor(cursor, store.shards);
  const page = new Page(store, prefix, limit);
  while (place.shard < store.shards.length) {
    const shard = store.shards[place.shard];
    place.slot = page.collect(shard, place.slot);
    if (place.slot < shard.slotCount) {
      return { entries: page.entries, cursor: `${place.shard}.${place.slot}` };
    }
    place.shard++;
    place.slot = 0;
  }
  return { entries: page.entries };
}

/** A page that is being filled. */
class Page {
  readonly entries: PageEntry[] = [];
  #slotsLeft = MOST_PAGE_SLOTS;

  constructor(readonly store: Store, readonly prefix: Uint8Array, readonly limit: number) {}

  /** Takes keys from a slot on. Returns the first slot that is for the next page, or the shard's slot count. */
  collect(shard: Shard, first: number): number {
    const { file, metas } = shard;
    const slotCost = Math.max(1, file.recordBytes * MOST_PAGE_SLOTS / MOST_PAGE_BYTES);
    const end = Math.min(shard.slotCount, first + Math.ceil(this.#slotsLeft / slotCost));
    this.#slotsLeft -= (end - first) * slotCost;
    let loaded = first;
    for (let slot = first; slot < end; slot++) {
      if (statusOf(metas.get(slot)) !== OCCUPIED) continue;
      if (!file.inMemory && slot >= loaded) loaded = slot + shard.load(slot, end - slot);
      if (!this.#hasPrefix(shard, slot)) continue;
      const entry = this.#entryOf(shard, slot);
      if (entry === undefined) continue;
      // So that a cursor promises more, and a page that holds the last key says that it is the last.
      if (this.entries.length === this.limit) return slot;
      this.entries.push(entry);
    }
    return end;
  }

  #hasPrefix({ file }: Shard, slot: number): boolean {
    const { prefix } = this;
    const keyAt = file.at(slot) + SLOT_HEADER_BYTES;
    for (let i = 0; i < prefix.length; i++) {
      if (file.window[keyAt + i] !== prefix[i]) return false;
    }
    return true;
  }

  /** What a read of the slot's key finds, if it finds it in this slot. */
  #entryOf({ id, file, keyLength }: Shard, slot: number): PageEntry | undefined {
    const keyAt = file.at(slot) + SLOT_HEADER_BYTES;
    const key = copyOf(file.window, keyAt, keyLength);
    const { value, version, slot: foundIn, shard } = this.store.lookup(key);
    if (foundIn !== slot || shard !== id) return undefined;
    return { key, value: value!, version: version!, slot, shard };
  }
}

function checkLimit(limit: number): void {
  if (Number.isInteger(limit) && limit >= 1 && limit <= MOST_PAGE_KEYS) return;
  throw new UsageError(`Cannot read a page: limit is ${limit}, allowed are 1 to ${MOST_PAGE_KEYS}`);
}

function checkPrefix({ length }: Uint8Array, keyLength: number): void {
  if (length <= keyLength) return;
  throw new UsageError(`Cannot read a page: prefix has ${length} bytes, keys here have ${keyLength}`);
}

function parseCursor(cursor: string, shards: readonly Shard[]): Place {
  const refused = (what: string) =>
    new UsageError(`Cannot read a page: cursor is ${quoted(cursor)}, ${what}`);
  const match = /^(\d{1,3})\.(\d{1,10})$/.exec(cursor);
  if (match === null) throw refused("a page's own is as in 0.100");
  const [shard, slot] = [Number(match[1]), Number(match[2])];
  if (shard >= shards.length) throw refused(`and there are ${shards.length} shards`);
  const { slotCount } = shards[shard];
  if (slot > slotCount) throw refused(`and shard ${shard} has ${slotCount} slots`);
  return { shard, slot };
}

/** A text that may come from anybody, short enough for a message. */
function quoted(text: string): string {
  return JSON.stringify(text.length > 40 ? text.slice(0, 40) + "..." : text);
}
