/** The data of an armdb leader: slots, versions, the lowest-free-slot allocator, and all that it ever held. */

import { bumpMeta, DELETED, FREE, OCCUPIED, packMeta, statusOf, versionOf } from "../../src/fixed/meta.ts";
import { shardOfKey } from "../../src/fixed/routing.ts";
import type { Shape } from "../../src/slot_events.ts";

/** A slot, or an event of it: nothing of it is changed once it is made. */
export interface LeaderSlot {
  meta: number;
  /** Key and value, one after the other; of a DELETED slot those that it held. */
  record: Uint8Array;
}

/** A slot that was never written. */
const NEVER: LeaderSlot = { meta: 0, record: new Uint8Array(0) };

/** One shard. */
export class LeaderShard {
  readonly slots: LeaderSlot[] = [];
  /** Key to slot. */
  readonly index = new Map<string, number>();
  /** Is told of each write, after it. */
  onWrite: (slot: number, written: LeaderSlot) => void = () => {};
  readonly #growStep: number;
  readonly #firstVersion: number;

  /** An empty shard; its slots begin behind `firstVersion`, so that the ring of versions can be met. */
  constructor(growStep: number, firstVersion: number) {
    this.#growStep = growStep;
    this.#firstVersion = firstVersion;
    this.#grow();
  }

  /** Puts a key: in its own slot, or in the lowest that is not OCCUPIED. */
  put(key: string, record: Uint8Array): void {
    let slot = this.index.get(key);
    if (slot === undefined) {
      slot = this.slots.findIndex(({ meta }) => statusOf(meta) !== OCCUPIED);
      if (slot < 0) {
        slot = this.slots.length;
        this.#grow();
      }
      this.index.set(key, slot);
    }
    this.#write(slot, { meta: this.#nextMeta(slot, OCCUPIED), record });
  }

  /** Deletes a key; one that is absent is no write. */
  delete(key: string): boolean {
    const slot = this.index.get(key);
    if (slot === undefined) return false;
    this.index.delete(key);
    this.#write(slot, { meta: this.#nextMeta(slot, DELETED), record: this.slots[slot].record });
    return true;
  }

  /** What a recovery does to a torn slot: the version stays, the key is gone. Nobody is told. */
  tear(slot: number): void {
    const { meta, record } = this.slots[slot];
    // Of version 0 it would look as if it had never been written, and begin anew.
    if (statusOf(meta) !== OCCUPIED || versionOf(meta) === 0) return;
    this.index.delete(keyText(record, this.keyLength));
    this.slots[slot] = { meta: packMeta(versionOf(meta), FREE), record };
  }

  /** Bytes of a key. */
  keyLength = 8;

  /** The shard as it is now, to come back to. */
  copy(): LeaderShard {
    const copy = new LeaderShard(this.#growStep, this.#firstVersion);
    copy.keyLength = this.keyLength;
    copy.slots.splice(0, Infinity, ...this.slots);
    for (const [key, slot] of this.index) copy.index.set(key, slot);
    return copy;
  }

  #nextMeta(slot: number, status: number): number {
    const { meta } = this.slots[slot];
    return bumpMeta(meta === 0 ? packMeta(this.#firstVersion, FREE) : meta, status);
  }

  #write(slot: number, written: LeaderSlot): void {
    this.slots[slot] = written;
    this.onWrite(slot, written);
  }

  #grow(): void {
    for (let i = 0; i < this.#growStep; i++) this.slots.push(NEVER);
  }
}

/** What a key was from a moment on; undefined where it was absent. */
interface State {
  atMs: number;
  value: string | undefined;
}

/** All that the leaders at this address ever held: what a follower may serve. */
export class History {
  /** The most slots that a shard ever had. */
  mostSlots = 0;
  readonly #now: () => number;
  readonly #values = new Map<string, Set<string>>();
  readonly #states = new Map<string, State[]>();

  /** A history by a clock, in ms. */
  constructor(now: () => number) {
    this.#now = now;
  }

  /** Notes what a key is from now on. */
  note(key: string, value: string | undefined): void {
    let states = this.#states.get(key);
    if (states === undefined) this.#states.set(key, states = []);
    states.push({ atMs: this.#now(), value });
    if (value === undefined) return;
    let values = this.#values.get(key);
    if (values === undefined) this.#values.set(key, values = new Set());
    values.add(value);
  }

  /**
   * Notes that another leader holds this from now on. A follower comes to a mix of both, so that a key which moved may
   * be nowhere for a while: it counts as absent for a moment.
   */
  align(shards: readonly LeaderShard[]): void {
    const held = new Map<string, string>();
    for (const { index, slots, keyLength } of shards) {
      for (const [key, slot] of index) held.set(key, valueText(slots[slot].record, keyLength));
    }
    for (const key of new Set([...this.#states.keys(), ...held.keys()])) {
      const value = held.get(key);
      this.note(key, undefined);
      if (value !== undefined) this.note(key, value);
    }
  }

  /** Whether some leader had this value for this key. */
  had(key: string, value: string): boolean {
    return this.#values.get(key)?.has(value) ?? false;
  }

  /** Whether a key was this, at some moment since `sinceMs`. */
  wasSince(key: string, value: string | undefined, sinceMs: number): boolean {
    const states = this.#states.get(key) ?? [];
    for (let i = states.length - 1; i >= 0; i--) {
      if (states[i].value === value) return true;
      if (states[i].atMs < sinceMs) return false;
    }
    return value === undefined;
  }
}

/** All shards. */
export class LeaderStore {
  readonly shards: LeaderShard[];
  readonly #history: History;
  #stamp: { next: number };

  /** A store; `stamp` is shared by all stores of a simulation, so that no two puts have the same value. */
  constructor(
    readonly shape: Shape,
    options: { growStep: number; firstVersion: number; history: History; stamp: { next: number } },
  ) {
    this.#history = options.history;
    this.#stamp = options.stamp;
    this.shards = Array.from({ length: shape.shardCount }, () => {
      const shard = new LeaderShard(options.growStep, options.firstVersion);
      shard.keyLength = shape.keyLength;
      return shard;
    });
  }

  /** Puts a key, by its number, with a value that was never put before. */
  put(id: number): void {
    const { keyLength, valueLength } = this.shape;
    const record = new Uint8Array(keyLength + valueLength);
    record.set(keyOf(id, keyLength));
    fillValue(record, keyLength, this.#stamp.next++);
    const key = keyText(record, keyLength);
    this.#history.note(key, valueText(record, keyLength));
    const shard = this.shards[shardOfKey(record, 0, this.shape)];
    shard.put(key, record);
    this.#history.mostSlots = Math.max(this.#history.mostSlots, shard.slots.length);
  }

  /** Deletes a key. */
  delete(id: number): void {
    const key = keyOf(id, this.shape.keyLength);
    const shard = this.shards[shardOfKey(key, 0, this.shape)];
    if (shard.delete(keyText(key, key.length))) this.#history.note(keyText(key, key.length), undefined);
  }

  /** The data as it is now, to come back to. */
  snapshot(): LeaderShard[] {
    return this.shards.map((shard) => shard.copy());
  }

  /** Goes back to a snapshot: what came behind it is lost. */
  restore(snapshot: LeaderShard[]): void {
    this.shards.splice(0, Infinity, ...snapshot.map((shard) => shard.copy()));
  }
}

/** The key of a number. */
export function keyOf(id: number, length: number): Uint8Array {
  const key = new Uint8Array(length);
  for (let i = 0; i < length; i++) key[i] = i < 2 ? id >>> (8 * i) : 0x40 + i;
  return key;
}

/** A value that says which put it was, in all its bytes. */
function fillValue(record: Uint8Array, at: number, stamp: number): void {
  for (let i = at; i < record.length; i++) record[i] = (stamp >>> (8 * ((i - at) & 3))) + i;
}

/** A key as text, for maps. */
export function keyText(bytes: Uint8Array, keyLength: number): string {
  return text(bytes, 0, keyLength);
}

/** The value behind a key, likewise. */
export function valueText(record: Uint8Array, keyLength: number): string {
  return text(record, keyLength, record.length);
}

/** Bytes as text, one character each. */
export function text(bytes: Uint8Array, from = 0, to = bytes.length): string {
  let result = "";
  for (let i = from; i < to; i++) result += String.fromCharCode(bytes[i]);
  return result;
}
