import { copyOf } from "./copy.ts";
import { SLOT_HEADER_BYTES } from "./layout.ts";
import { OCCUPIED, statusOf } from "./meta.ts";
import { hashKey } from "./routing.ts";
import { type Shard, type ShardObserver, unreadable } from "./shard.ts";

/** Whether a slot serves its key: OCCUPIED, verified, and preferred over others with an equal key. */
export function servesKey(shard: Shard, slot: number): boolean {
  return servingSlot(shard, slot) === slot;
}

/** The slot that serves the key of a slot: this one, unless others hold it too; -1 where it cannot be trusted. */
function servingSlot(shard: Shard, slot: number): number {
  if (statusOf(shard.metas.get(slot)) !== OCCUPIED || shard.unverified.has(slot)) return -1;
  if (!shard.file.inMemory && !isSound(shard, slot)) return -1;
  if (shard.index.duplicates === 0) return slot;
  // Of what was checked: a second read of the disk may bring other bytes, or none.
  const keyAt = (shard.file.inMemory ? shard.file.at(slot) : shard.foundAt) + SLOT_HEADER_BYTES;
  const key = shard.file.window.slice(keyAt, keyAt + shard.keyLength);
  return shard.find(hashKey(key, 0, key.length), key);
}

/** The entry of the key that a slot holds, from the slot that serves it. */
function servedEntry(shard: Shard, slot: number): [key: Uint8Array, value: Uint8Array] | undefined {
  const serving = servingSlot(shard, slot);
  if (serving < 0) return undefined;
  // What was checked: a second read of the disk may bring other bytes.
  return entryAt(shard, shard.file.inMemory ? shard.file.at(serving) : shard.foundAt);
}

/** Whether a slot is what was written to it; takes it out of service where it is not. Throws StorageError. */
function isSound(shard: Shard, slot: number): boolean {
  try {
    if (shard.isIntact(slot)) return true;
  } catch (error) {
    // One slot after the other would be taken out of service.
    throw unreadable(shard, slot, error);
  }
  shard.quarantineSlot(slot);
  return false;
}

/** A copy of a slot's key and value. */
export function copyEntry(shard: Shard, slot: number): [key: Uint8Array, value: Uint8Array] {
  return entryAt(shard, shard.file.at(slot));
}

/** The same, of what is checked first; undefined where the slot cannot be read, or is not what was written to it. */
export function intactEntry(shard: Shard, slot: number): [key: Uint8Array, value: Uint8Array] | undefined {
  if (shard.file.inMemory) return copyEntry(shard, slot);
  return shard.isReadable(slot) ? entryAt(shard, shard.foundAt) : undefined;
}

function entryAt(shard: Shard, offset: number): [key: Uint8Array, value: Uint8Array] {
  const start = offset + SLOT_HEADER_BYTES;
  const middle = start + shard.keyLength;
  const { window } = shard.file;
  return [copyOf(window, start, shard.keyLength), copyOf(window, middle, shard.valueLength)];
}

/**
 * Copies of a shard's keys and values in slot order, each key at most once although the shard may change
 * between two steps: a slot that took another key since the start waits until the end, and is passed over if
 * its key was yielded at its former place.
 */
export function iterateShard(shard: Shard): Generator<[key: Uint8Array, value: Uint8Array]> {
  const moves = new Moves();
  const entries = iterate(shard, moves);
  ABANDONED.register(entries, { shard, moves });
  return entries;
}

/**
 * An iteration that is neither read to its end nor returned from would note moves for as long as the shard
 * lives: once nobody can go on with it, it is left on its behalf.
 */
const ABANDONED = new FinalizationRegistry<{ shard: Shard; moves: Moves }>(({ shard, moves }) =>
  shard.observers.delete(moves)
);

function* iterate(shard: Shard, moves: Moves): Generator<[key: Uint8Array, value: Uint8Array]> {
  shard.observers.add(moves);
  try {
    for (let slot = 0; slot < shard.slotCount; slot++) {
      moves.position = slot + 1;
      if (moves.rekeyed.has(slot)) continue;
      const entry = servedEntry(shard, slot);
      if (entry !== undefined && (moves.yielded.size === 0 || !moves.yielded.has(keyText(entry[0])))) {
        // The other slots of the key are still to come, or may come to serve it.
        if (shard.index.duplicates > 0) moves.yielded.add(keyText(entry[0]));
        yield entry;
      }
    }
    for (const slot of moves.rekeyed) {
      const entry = servedEntry(shard, slot);
      if (entry === undefined) continue;
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
  /** Keys that were yielded and are no longer where they were, or are in several slots. */
  readonly yielded = new Set<string>();
  /** Keys that lost their slot before they were yielded. */
  readonly #uprooted = new Set<string>();

  written(shard: Shard, slot: number, keyChanged: boolean, previous: number): void {
    if (!keyChanged) return;
    const text = keyText(copyEntry(shard, slot)[0]);
    if (this.#wasYieldedAt(previous)) this.yielded.add(text);
    // To the end of the queue, for it may be behind the slot already. New keys go there once: it must end.
    else if (previous >= 0 || this.#uprooted.has(text)) this.rekeyed.delete(slot);
    this.rekeyed.add(slot);
  }

  removed(_shard: Shard, slot: number, key: Uint8Array): void {
    if (this.#wasYieldedAt(slot)) this.yielded.add(keyText(key));
    else this.#uprooted.add(keyText(key));
  }

  quarantined(shard: Shard, slot: number, key: Uint8Array): void {
    this.removed(shard, slot, key);
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
