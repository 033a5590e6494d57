/** Bytes and frames that the tests of codec and framer share. */

import {
  BatchEncoder,
  encodeAck,
  encodeCaughtUp,
  encodeError,
  encodeShardInfo,
  encodeSyncRequest,
  HEARTBEAT_FRAME,
  type ShardInfo,
  type SlotEvents,
} from "../../src/replication/protocol.ts";

/** The shape of most samples: 8 bytes of key, 16 of value. */
export const LENGTHS = { keyLength: 8, valueLength: 16 };

/** A ShardInfo that is right. */
export const INFO: ShardInfo = {
  shardCount: 3,
  keyLength: 8,
  valueLength: 16,
  slotSize: 32,
  slotCount: 4_294_967_295,
  prefixBits: 12,
};

/** Bytes from hex; spaces are allowed. */
export function hex(text: string): Uint8Array {
  return Uint8Array.from(text.replaceAll(" ", "").match(/../g) ?? [], (pair) => parseInt(pair, 16));
}

/** Hex of bytes. */
export function toHex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** All of them behind one another. */
export function concat(parts: Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

/** A frame of any type and payload. */
export function rawFrame(type: number, payload: Uint8Array): Uint8Array {
  const length = payload.length;
  return concat([Uint8Array.of(type, length, length >>> 8, length >>> 16, length >>> 24), payload]);
}

/** `length` bytes that differ from their neighbours and from those of another seed. */
export function pattern(length: number, seed = 1): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => (i * 31 + seed * 17 + 1) & 0xff);
}

/** A SlotBatch frame of shard 3: an OCCUPIED, a DELETED, a FREE and an OCCUPIED slot. */
export function mixedBatch(): Uint8Array {
  const encoder = new BatchEncoder(LENGTHS);
  encoder.reset(3);
  encoder.addOccupied(7, (5 << 2) | 1, pattern(30, 1), 2);
  encoder.addDeleted(8, (6 << 2) | 2, pattern(8, 2), 0);
  encoder.addReset(9, 7 << 2);
  encoder.addOccupied(4_294_967_295, 0xffff_fffd, pattern(24, 3), 0);
  return encoder.finish().slice();
}

/** One frame of every type. */
export function sampleFrames(): Uint8Array[] {
  return [
    encodeSyncRequest({ shard: 3, version: 2, emptyState: true }),
    encodeShardInfo(INFO),
    mixedBatch(),
    encodeAck({ shard: 3, applied: 4, maxVersion: 7 }),
    HEARTBEAT_FRAME,
    encodeCaughtUp({ shard: 3, scanned: 4 }),
    encodeError("events dropped, rescan required"),
    HEARTBEAT_FRAME,
  ];
}

/** An event as an object, for comparing. */
export interface PlainEvent {
  slot: number;
  meta: number;
  /** Hex of key and value; of the key where DELETED; empty where FREE. */
  record: string;
}

/** A batch as objects. */
export function plainEvents(events: SlotEvents, { keyLength, valueLength } = LENGTHS): PlainEvent[] {
  const recordBytes = [0, keyLength + valueLength, keyLength];
  return Array.from({ length: events.count }, (_, i) => {
    const meta = events.metas[i];
    const at = events.keyAt[i];
    return {
      slot: events.slots[i],
      meta,
      record: toHex(events.bytes.subarray(at, at + recordBytes[meta & 3])),
    };
  });
}

/** Re-encodes a batch, event by event. */
export function reencode(events: SlotEvents, encoder: BatchEncoder, shard: number): Uint8Array {
  encoder.reset(shard);
  for (let i = 0; i < events.count; i++) {
    const meta = events.metas[i];
    const status = meta & 3;
    if (status === 1) encoder.addOccupied(events.slots[i], meta, events.bytes, events.keyAt[i]);
    else if (status === 2) encoder.addDeleted(events.slots[i], meta, events.bytes, events.keyAt[i]);
    else encoder.addReset(events.slots[i], meta);
  }
  return encoder.finish();
}
