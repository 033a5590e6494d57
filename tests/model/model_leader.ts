/** A leader in short, as armdb's: a key keeps its slot, a new one takes the lowest free one, each write counts up. */

import { batchOf, bytesOf, SHAPE as SHARD_SHAPE, type TestEvent } from "../fakes/shard_kit.ts";
import { shardOfKey } from "../../src/fixed/routing.ts";
import type { Shape, SlotEvents } from "../../src/slot_events.ts";

/** Two shards of keys of 4 bytes and values of 3. */
export const SHAPE: Shape = { ...SHARD_SHAPE, shardCount: 2 };
const DOT = 0x2e;
/** Slots of each shard: as many as there are keys, so that it is never full. */
export const SLOTS = 8;

/** An event and where it goes. */
export interface ModelEvent extends TestEvent {
  shard: number;
}

/** All keys that there are, and their bytes: they are asked for a hundred times a run. */
export const KEYS = Array.from("abcdefgh");
const KEY_BYTES = new Map(KEYS.map((key) => [key, bytesOf(key, SHAPE.keyLength)]));
const SHARD_OF = new Map(KEYS.map((key) => [key, shardOfKey(keyOf(key), 0, SHAPE)]));

/** The bytes of a key; they are not to be written to. */
export function keyOf(key: string): Uint8Array {
  return KEY_BYTES.get(key)!;
}

/** The shard of a key. */
export function shardOf(key: string): number {
  return SHARD_OF.get(key)!;
}

/** The text of a key or a value, without the dots behind it. */
export function textOf(bytes: Uint8Array): string {
  let text = "";
  for (let i = 0; i < bytes.length && bytes[i] !== DOT; i++) text += String.fromCharCode(bytes[i]);
  return text;
}

/** Events as a decoder hands them over. */
export function eventsOf(events: readonly TestEvent[]): SlotEvents {
  return batchOf(...events);
}

/** See the head of this file. */
export class ModelLeader {
  /** What was last written to each slot of each shard: without a value it is DELETED, without a key FREE. */
  readonly shards: (ModelEvent | undefined)[][] = [
    Array(SLOTS).fill(undefined),
    Array(SLOTS).fill(undefined),
  ];

  /** Puts a key. */
  put(key: string, value: string): ModelEvent {
    const shard = shardOf(key);
    const own = this.#slotOf(key);
    const slot = own >= 0 ? own : this.shards[shard].findIndex((held) => held?.value === undefined);
    return this.#write({ shard, slot, version: this.#next(shard, slot), key, value });
  }

  /** Deletes a key, if it is there. */
  delete(key: string): ModelEvent | undefined {
    const shard = shardOf(key);
    const slot = this.#slotOf(key);
    return slot < 0 ? undefined : this.#write({ shard, slot, version: this.#next(shard, slot), key });
  }

  /** Loses the slot of a key, if it is there, as one whose CRC went bad: at its version, or at the next. */
  reset(key: string, isNewer: boolean): ModelEvent | undefined {
    const shard = shardOf(key);
    const slot = this.#slotOf(key);
    if (slot < 0) return undefined;
    return this.#write({ shard, slot, version: this.#next(shard, slot) - (isNewer ? 0 : 1) });
  }

  #slotOf(key: string): number {
    return this.shards[shardOf(key)].findIndex((held) => held?.key === key && held.value !== undefined);
  }

  #next(shard: number, slot: number): number {
    return (this.shards[shard][slot]?.version ?? 0) + 1;
  }

  #write(event: ModelEvent): ModelEvent {
    return this.shards[event.shard][event.slot] = event;
  }
}
