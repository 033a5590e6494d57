import { SLOT_HEADER_BYTES } from "./layout.ts";
import { OCCUPIED, statusOf } from "./meta.ts";
import { hashKey } from "./routing.ts";
import type { Shard, ShardObserver } from "./shard.ts";

/** Whether a slot serves its key: OCCUPIED, verified, and preferred over others with an equal key. */
export function servesKey(shard: Shard, slot: number): boolean {
  if (statusOf(shard.metas.get(slot)) !== OCCUPIED || shard.unverified.has(slot)) return false;
  if (shard.index.duplicates === 0) return true;
  const keyAt = shard.file.at(slot) + SLOT_HEADER_BYTES;
  const key = shard.file.window.slice(keyAt, keyAt + shard.keyLength);
  return shard.index.find(hashKey(key, 0, key.length), key, 0) === slot;
}

/** A copy of a slot's key and value. */
export function copyEntry(shard: Shard, slot: number): [key: Uint8Array, value: Uint8Array] {
  const start = shard.file.at(slot) + SLOT_HEADER_BYTES;
  const middle = start + shard.keyLength;
  const { window } = shard.file;
  return [window.slice(start, middle), window.slice(middle, middle + shard.valueLength)];
}

/**
 * Copies of a shard's keys and values in slot order, each key at most once although the shard may change
 * between two steps: a slot that took another key since the start waits until the end, and is passed over if
 * its key was yielded at its former place.
 */
export function* iterateShard(shard: Shard): Generator<[key: Uint8Array, value: Uint8Array]> {
  const moves = new Moves();
  shard.observers.add(moves);
  try {
    for (let slot = 0; slot < shard.slotCount; slot++) {
      moves.position = slot + 1;
      if (!moves.rekeyed.has(slot) && servesKey(shard, slot)) {
        const entry = copyEntry(shard, slot);
        if (moves.yielded.size === 0 || !moves.yielded.has(keyText(entry[0]))) yield entry;
      }
    }
    for (const slot of moves.rekeyed) {
      if (!servesKey(shard, slot)) continue;
      const entry = copyEntry(shard, slot);
      const text = keyText(entry[0]);
      if (moves.yielded.has(text)) continue;
      moves.yielded.add(text);
      yield entry;
    }
  } finally {
    shard.observers.delete(moves);
  }
}

/** What changed places during an iteration. */
class Moves implements ShardObserver {
  /** The first slot that was not visited. */
  position = 0;
  /** Slots that took another key since the start. */
  readonly rekeyed = new Set<number>();
  /** Keys that were yielded and are no longer where they were. */
  readonly yielded = new Set<string>();

  written(shard: Shard, slot: number, keyChanged: boolean, previous: number): void {
    if (!keyChanged) return;
    if (this.#wasYieldedAt(previous)) this.yielded.add(keyText(copyEntry(shard, slot)[0]));
    this.rekeyed.add(slot);
  }

  removed(_shard: Shard, slot: number, key: Uint8Array): void {
    if (this.#wasYieldedAt(slot)) this.yielded.add(keyText(key));
  }

  #wasYieldedAt(slot: number): boolean {
    return slot >= 0 && slot < this.position && !this.rekeyed.has(slot);
  }
}

/** A key as a string, for sets: one character a byte. */
function keyText(key: Uint8Array): string {
  let text = "";
  for (const byte of key) text += String.fromCharCode(byte);
  return text;
}
