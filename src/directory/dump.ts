/** All keys and values of an open directory, sorted by key, as text. */

import { servesKey } from "../fixed/entries.ts";
import { SLOT_HEADER_BYTES } from "../fixed/layout.ts";
import { OCCUPIED, statusOf, versionOf } from "../fixed/meta.ts";
import { shardOfKey } from "../fixed/routing.ts";
import { equalBytes, readWord, type Shard } from "../fixed/shard.ts";
import type { Store } from "../fixed/store.ts";
import type { Shape } from "../slot_events.ts";
import { TimeSlice } from "../time_slice.ts";
import { sortKeys } from "./key_sort.ts";
import { LineBuffer } from "./line_buffer.ts";

/** `hex`: lines `hexkey hexvalue`. `jsonl`: lines { key, value, shard, slot, version }, key and value as hex. */
export type DumpFormat = "hex" | "jsonl";

/** The formats that can be asked for. */
export const DUMP_FORMATS: readonly DumpFormat[] = ["hex", "jsonl"];

/** What became of a dump. */
export interface DumpResult {
  /** Lines written. */
  keys: number;
  /** Keys that were taken up, and that their slots no longer held when they were written out. */
  changed: number;
}

/** Slots between two looks at the clock. */
const STEP_SLOTS = 1024;

/** Writes a store's keys and values to `write`, in chunks that it must not keep. Rejects with what it throws. */
export async function dumpStore(
  store: Store,
  write: (chunk: Uint8Array) => void,
  options: { format: DumpFormat; slice?: TimeSlice },
): Promise<DumpResult> {
  const slice = options.slice ?? new TimeSlice();
  slice.begin();
  const keys = await Keys.collect(store, slice);
  const order = sortKeys(keys.bytes, store.shape.keyLength, keys.count);
  const lines = new LineBuffer(write);
  const result = { keys: 0, changed: 0 };
  for (let i = 0, lookAt = STEP_SLOTS; i < order.length;) {
    const end = keys.endOfEqual(order, i);
    const at = end - i === 1 ? order[i] : keys.served(order.subarray(i, end), store.shape);
    if (writeLine(store, keys, at, { lines, format: options.format })) result.keys++;
    else result.changed++;
    i = end;
    if (i < lookAt) continue;
    lookAt = i + STEP_SLOTS;
    if (slice.isOver) await slice.yield();
  }
  lines.flush();
  return result;
}

function writeLine(
  store: Store,
  keys: Keys,
  at: number,
  { lines, format }: { lines: LineBuffer; format: DumpFormat },
): boolean {
  const { keyLength, valueLength } = store.shape;
  const shard = store.shards[keys.shards[at]];
  const slot = keys.slots[at];
  const offset = shard.file.at(slot);
  const { window } = shard.file;
  const keyAt = offset + SLOT_HEADER_BYTES;
  const isResident = shard.file.inMemory;
  if (!isResident && !stillHolds(shard, { window, offset }, keys, at)) return false;
  lines.text(format === "hex" ? "" : '{"key":"');
  lines.hex(window, keyAt, keyLength);
  lines.text(format === "hex" ? " " : '","value":"');
  lines.hex(window, keyAt + keyLength, valueLength);
  const version = versionOf(readWord(window, offset));
  lines.text(format === "hex" ? "\n" : `","shard":${shard.id},"slot":${slot},"version":${version}}\n`);
  return true;
}

/** Whether a slot, just read again, still holds its key, under a good CRC: another process may have written it. */
function stillHolds(
  shard: Shard,
  { window, offset }: { window: Uint8Array; offset: number },
  keys: Keys,
  at: number,
): boolean {
  const { keyLength } = shard;
  return statusOf(readWord(window, offset)) === OCCUPIED &&
    shard.hasGoodCrc(shard.file.view, offset) &&
    equalBytes(window, offset + SLOT_HEADER_BYTES, keys.bytes, at * keyLength, keyLength);
}

/** The keys that the shards of a store serve, in one buffer, and their places. */
class Keys {
  readonly bytes: Uint8Array;
  readonly shards: Uint8Array;
  readonly slots: Uint32Array;
  count = 0;
  readonly #keyLength: number;

  private constructor(store: Store) {
    this.#keyLength = store.shape.keyLength;
    this.bytes = new Uint8Array(store.size * this.#keyLength);
    this.shards = new Uint8Array(store.size);
    this.slots = new Uint32Array(store.size);
  }

  static async collect(store: Store, slice: TimeSlice): Promise<Keys> {
    const keys = new Keys(store);
    for (const shard of store.shards) await keys.#addShard(shard, slice);
    return keys;
  }

  /** Where the keys end, in their order, that are equal to the one at `start`: shards may hold the same. */
  endOfEqual(order: Uint32Array, start: number): number {
    const length = this.#keyLength;
    let end = start + 1;
    while (
      end < order.length &&
      equalBytes(this.bytes, order[end] * length, this.bytes, order[start] * length, length)
    ) end++;
    return end;
  }

  /** Which of equal keys the store serves: that of the shard that they route to, else of the first. */
  served(equal: Uint32Array, shape: Shape): number {
    const home = shardOfKey(this.bytes, equal[0] * this.#keyLength, shape);
    return equal.find((at) => this.shards[at] === home) ?? equal[0];
  }

  async #addShard(shard: Shard, slice: TimeSlice): Promise<void> {
    // Without equal keys there is nothing to look up; the CRC is checked when a slot is written out.
    const serves = shard.index.duplicates === 0 ? isVerified : servesKey;
    for (let first = 0; first < shard.slotCount;) {
      const end = first + loadStep(shard, first);
      for (let slot = first; slot < end; slot++) {
        if (serves(shard, slot)) this.#add(shard, slot);
      }
      if (slice.isOver) await slice.yield();
      first = end;
    }
  }

  #add(shard: Shard, slot: number): void {
    const offset = shard.file.at(slot) + SLOT_HEADER_BYTES;
    const { window } = shard.file;
    const to = this.count * this.#keyLength;
    for (let i = 0; i < this.#keyLength; i++) this.bytes[to + i] = window[offset + i];
    this.shards[this.count] = shard.id;
    this.slots[this.count++] = slot;
  }
}

function isVerified(shard: Shard, slot: number): boolean {
  return statusOf(shard.metas.get(slot)) === OCCUPIED && !shard.unverified.has(slot);
}

/** A resident file is not read again: its bytes are of the moment at which their CRCs were checked. */
function loadStep({ file, slotCount }: Shard, first: number): number {
  const count = Math.min(STEP_SLOTS, slotCount - first);
  return file.inMemory ? count : file.load(first, count);
}
