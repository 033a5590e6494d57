/**
 * What all frames of armdb's replication protocol have in common: header, types, limits, field access.
 *
 * ```text
 * 0      1            5
 * +------+------------+---------------------+
 * | type | length     | payload             |
 * | u8   | u32        | length bytes        |
 * +------+------------+---------------------+
 * ```
 *
 * Everything is little-endian. Source: armdb `replication/protocol.rs`, versions 0.1.14 and 0.15.0.
 */

import { ProtocolError, UsageError } from "../errors.ts";

/** The type byte of each frame. */
export const FrameType = {
  /** Follower to leader: which shard, which protocol version. */
  SyncRequest: 1,
  /** Leader to follower: the shape of the data. */
  ShardInfo: 2,
  /** Leader to follower: changed slots. */
  SlotBatch: 3,
  /** Leader to follower: the scan of all slots has ended. */
  CaughtUp: 4,
  /** Follower to leader: a batch was applied. */
  Ack: 5,
  /** Both ways: still here. */
  Heartbeat: 6,
  /** Both ways: why the connection is about to be closed. */
  Error: 255,
} as const;

/** One of the type bytes in {@linkcode FrameType}. */
export type FrameType = (typeof FrameType)[keyof typeof FrameType];

/** The protocol versions that are spoken here: 1 is armdb 0.1, 2 is armdb 0.2 and later. */
export type ProtocolVersion = 1 | 2;

/** Bytes before the payload. */
export const FRAME_HEADER_BYTES = 5;
/** The largest payload that is read. armdb's protocol 2 has this limit; its protocol 1 has none, but obeys it. */
export const MAX_PAYLOAD_BYTES = 262_144;
/** The most events that a leader puts into one SlotBatch. */
export const MAX_BATCH_EVENTS = 256;
/** A leader stops adding events once the payload has this many bytes: one event may overshoot it. */
export const BATCH_TARGET_BYTES = 65_536;
/** Payload bytes of a SlotBatch before its first event: shard u8, count u32. */
export const BATCH_HEAD_BYTES = 5;
/** Bytes of an event before its key: slot u32, meta u32. */
export const EVENT_HEAD_BYTES = 8;

/** Bytes of a key and of a value: what an event's length depends on. */
export interface RecordLengths {
  /** Bytes of a key, 1 and more. */
  keyLength: number;
  /** Bytes of a value, 0 and more. */
  valueLength: number;
}

/** Whether a byte is the type of a frame. */
export function isFrameType(type: number): type is FrameType {
  return (type >= FrameType.SyncRequest && type <= FrameType.Heartbeat) || type === FrameType.Error;
}

/** Name of a frame type, as it stands in {@linkcode FrameType}. */
export function frameTypeName(type: FrameType): string {
  return Object.keys(FrameType).find((name) => FrameType[name as keyof typeof FrameType] === type)!;
}

/** A frame with its header written and its payload zeroed. */
export function newFrame(type: FrameType, payloadBytes: number): Uint8Array {
  const frame = new Uint8Array(FRAME_HEADER_BYTES + payloadBytes);
  writeHeader(frame, type, payloadBytes);
  return frame;
}

/** Writes a frame's header at the start of `frame`. */
export function writeHeader(frame: Uint8Array, type: FrameType, payloadBytes: number): void {
  frame[0] = type;
  writeU32(frame, 1, payloadBytes);
}

/** Reads a u16. */
export function readU16(bytes: Uint8Array, at: number): number {
  return bytes[at] | (bytes[at + 1] << 8);
}

/** Reads a u32. */
export function readU32(bytes: Uint8Array, at: number): number {
  return (bytes[at] | (bytes[at + 1] << 8) | (bytes[at + 2] << 16) | (bytes[at + 3] << 24)) >>> 0;
}

/**
 * Reads a u64 as a number, or undefined where it is over `Number.MAX_SAFE_INTEGER`.
 */
export function readU64(bytes: Uint8Array, at: number): number | undefined {
  const value = readU32(bytes, at) + readU32(bytes, at + 4) * 0x1_0000_0000;
  return value <= Number.MAX_SAFE_INTEGER ? value : undefined;
}

/** Writes a u16. */
export function writeU16(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value;
  bytes[at + 1] = value >>> 8;
}

/** Writes a u32. */
export function writeU32(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value;
  bytes[at + 1] = value >>> 8;
  bytes[at + 2] = value >>> 16;
  bytes[at + 3] = value >>> 24;
}

/** Writes a u64 from a number that is no larger than `Number.MAX_SAFE_INTEGER`. */
export function writeU64(bytes: Uint8Array, at: number, value: number): void {
  writeU32(bytes, at, value >>> 0);
  writeU32(bytes, at + 4, Math.floor(value / 0x1_0000_0000));
}

/** Throws a ProtocolError if a payload is shorter than its fixed fields; a longer one is fine. */
export function requirePayload(type: FrameType, payload: Uint8Array, needed: number): void {
  if (payload.length >= needed) return;
  throw new ProtocolError(
    `Cannot decode ${frameTypeName(type)}: payload length is ${payload.length}, the least is ${needed}`,
  );
}

/** Throws a UsageError if a value does not fit an unsigned field. `max` is the largest that does. */
export function requireUint(field: string, value: number, max: number): void {
  if (Number.isInteger(value) && value >= 0 && value <= max) return;
  throw new UsageError(
    `Cannot use ${field}: current value is ${value}, allowed is an integer from 0 to ${max}`,
  );
}

/** The most that the events of one batch take: 256 of them, or the target overshot by one. */
export function mostEventBytes(eventBytes: number): number {
  return Math.min(MAX_BATCH_EVENTS * eventBytes, BATCH_TARGET_BYTES + eventBytes);
}

/** Throws a UsageError if the lengths are none that an event can have. */
export function requireLengths(lengths: RecordLengths): void {
  requireUint("keyLength", lengths.keyLength, 0xffff);
  requireUint("valueLength", lengths.valueLength, 0xffff);
  if (lengths.keyLength === 0) {
    throw new UsageError("Cannot use keyLength: current value is 0, the least is 1");
  }
}
