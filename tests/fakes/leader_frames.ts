/** The frames of a leader in the shape that most tests use: keys of 8 bytes, values of 16. */

import {
  BatchEncoder,
  encodeCaughtUp,
  encodeShardInfo,
  type Shape,
  type ShardInfo,
} from "../../src/replication/protocol.ts";

/** The shape: one shard, keys of 8 bytes, values of 16. */
export const SHAPE: Shape = { shardCount: 1, keyLength: 8, valueLength: 16, prefixBits: 0 };

/** One event of a batch. */
export interface FakeEvent {
  /** The slot. */
  slot: number;
  /** Its version. */
  version: number;
  /** What becomes of the slot. */
  status: "occupied" | "deleted" | "free";
  /** The key, as {@link keyOf} makes it of a number. */
  key: number;
  /** The value, as {@link valueOf} makes it of a number. */
  value: number;
}

/** The end of a scan that had so many events. */
export function caughtUp(scanned = 0, shard = 0): Uint8Array {
  return encodeCaughtUp({ shard, scanned });
}

/** How many events a SlotBatch frame says that it has. */
export function eventsOf(frame: Uint8Array): number {
  return new DataView(frame.buffer, frame.byteOffset).getUint32(6, true);
}

/** A key of 8 bytes. */
export function keyOf(id: number): Uint8Array {
  const key = new Uint8Array(8);
  new DataView(key.buffer).setUint32(4, id);
  return key;
}

/** A value of 16 equal bytes. */
export function valueOf(byte: number): Uint8Array {
  return new Uint8Array(16).fill(byte);
}

/** An OCCUPIED slot; its key is that of the slot's number unless given. */
export function put(slot: number, version = 1, { key = slot, value = version } = {}): FakeEvent {
  return { slot, version, status: "occupied", key, value };
}

/** A DELETED slot. */
export function del(slot: number, version: number, key = slot): FakeEvent {
  return { slot, version, status: "deleted", key, value: 0 };
}

/** A FREE slot. */
export function reset(slot: number, version: number): FakeEvent {
  return { slot, version, status: "free", key: 0, value: 0 };
}

/** A SlotBatch frame. */
export function batch(events: FakeEvent[], shard = 0): Uint8Array {
  const encoder = new BatchEncoder(SHAPE);
  encoder.reset(shard);
  for (const event of events) addEvent(encoder, event);
  return encoder.finish().slice();
}

function addEvent(encoder: BatchEncoder, { slot, version, status, key, value }: FakeEvent): void {
  const record = new Uint8Array(24);
  record.set(keyOf(key));
  record.set(valueOf(value), 8);
  if (status === "occupied") encoder.addOccupied(slot, version * 4 + 1, record, 0);
  else if (status === "deleted") encoder.addDeleted(slot, version * 4 + 2, record, 0);
  else encoder.addReset(slot, version * 4);
}

/** Puts into `count` slots, from `first` on. */
export function puts(count: number, { first = 0, version = 1 } = {}): FakeEvent[] {
  return Array.from({ length: count }, (_, i) => put(first + i, version));
}

/** A ShardInfo. */
export function infoOf(fields: Partial<ShardInfo> = {}): ShardInfo {
  const info = { ...SHAPE, slotCount: 64, ...fields };
  return { slotSize: Math.ceil((8 + info.keyLength + info.valueLength) / 8) * 8, ...info };
}

/** A ShardInfo frame. */
export function infoFrame(fields: Partial<ShardInfo> = {}): Uint8Array {
  return encodeShardInfo(infoOf(fields));
}
