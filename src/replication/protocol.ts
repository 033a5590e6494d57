/**
 * The pure codec of armdb's replication protocol, versions 1 and 2: bytes to values and back, no sockets.
 *
 * Encoders return whole frames (header included); decoders take a frame's payload, which a
 * `Framer` cuts out of a stream. The header is drawn in `wire.ts`, SlotBatch in `batch_decoder.ts`.
 *
 * ```text
 * SyncRequest | shard u8 | version u8 | flags u8 |                         flags bit 0: EMPTY_STATE
 * ShardInfo   | shard_count u8 | key_len u16 | value_len u16 | slot_size u16 | slot_count u32 | prefix_bits u8 |
 * CaughtUp    | shard u8 | total_scanned u64 |
 * Ack         | shard u8 | applied_count u64 | max_version_seen u32 |
 * Heartbeat   | |
 * Error       | message, UTF-8 |
 * ```
 *
 * Decoders accept payloads that are longer than the fields and refuse shorter ones.
 *
 * @module
 */

import { ProtocolError, UsageError } from "../errors.ts";
import type { Shape } from "../slot_events.ts";
import {
  FRAME_HEADER_BYTES,
  FrameType,
  frameTypeName,
  newFrame,
  readU16,
  readU32,
  readU64,
  requirePayload,
  requireUint,
  writeHeader,
  writeU16,
  writeU32,
  writeU64,
} from "./wire.ts";

export type { EventBytes, Shape, SlotEvents } from "../slot_events.ts";
export { BatchDecoder, type ExpectedBatch } from "./batch_decoder.ts";
export { BatchEncoder } from "./batch_encoder.ts";
export {
  BATCH_TARGET_BYTES,
  FRAME_HEADER_BYTES,
  FrameType,
  frameTypeName,
  isFrameType,
  MAX_BATCH_EVENTS,
  MAX_PAYLOAD_BYTES,
  type ProtocolVersion,
  type RecordLengths,
} from "./wire.ts";

const SYNC_REQUEST_BYTES = 3;
const SHARD_INFO_BYTES = 12;
const CAUGHT_UP_BYTES = 9;
const ACK_BYTES = 13;
const EMPTY_STATE = 1;
const SLOT_HEAD_BYTES = 8;

/** Bytes of a whole Ack frame: what {@linkcode writeAck} fills. */
export const ACK_FRAME_BYTES = 18;
/** The largest slot that armdb has, in bytes. */
export const MAX_SLOT_BYTES = 65_535;
/** An Error message is cut to this many bytes of UTF-8, by the encoder and by the decoder. */
export const MAX_ERROR_BYTES = 1_024;

/** The first frame of a follower. */
export interface SyncRequest {
  /** The shard to follow, 0 to 255. */
  shard: number;
  /** The follower's protocol version: any u8, since a leader must answer the wrong ones. */
  version: number;
  /** The follower's shard has no OCCUPIED slot: the leader leaves DELETED ones out of the scan. */
  emptyState: boolean;
}

/** The leader's answer: what the data looks like. */
export interface ShardInfo extends Shape {
  /** Bytes of a slot: 8 + key + value, rounded up to a multiple of 8. */
  slotSize: number;
  /** Slots that the leader's file of this shard has allocated, used or not. It may grow later. */
  slotCount: number;
}

/** The end of a scan of all slots, or of the part that a leader got to before it was stopped. */
export interface CaughtUp {
  /** The shard. */
  shard: number;
  /** Events that the scan sent. */
  scanned: number;
}

/** The answer to a SlotBatch: flow control. No leader looks at its figures. */
export interface Ack {
  /** The shard. */
  shard: number;
  /** Events applied so far. */
  applied: number;
  /** The newest version seen, on the 30-bit ring. */
  maxVersion: number;
}

/** The Heartbeat frame, whole. Shared: do not write to it. */
export const HEARTBEAT_FRAME: Uint8Array = newFrame(FrameType.Heartbeat, 0);

/** A SyncRequest frame. Throws a UsageError if a field does not fit. */
export function encodeSyncRequest(request: SyncRequest): Uint8Array {
  requireUint("shard_id", request.shard, 0xff);
  requireUint("protocol_version", request.version, 0xff);
  const frame = newFrame(FrameType.SyncRequest, SYNC_REQUEST_BYTES);
  frame[5] = request.shard;
  frame[6] = request.version;
  frame[7] = request.emptyState ? EMPTY_STATE : 0;
  return frame;
}

/** The payload of a SyncRequest. Unknown flags are ignored. */
export function decodeSyncRequest(payload: Uint8Array): SyncRequest {
  requirePayload(FrameType.SyncRequest, payload, SYNC_REQUEST_BYTES);
  return { shard: payload[0], version: payload[1], emptyState: (payload[2] & EMPTY_STATE) !== 0 };
}

/** A ShardInfo frame. Throws a UsageError if a field does not fit or contradicts another. */
export function encodeShardInfo(info: ShardInfo): Uint8Array {
  requireUint("shard_count", info.shardCount, 0xff);
  requireUint("key_len", info.keyLength, 0xffff);
  requireUint("value_len", info.valueLength, 0xffff);
  requireUint("slot_count", info.slotCount, 0xffff_ffff);
  requireUint("shard_prefix_bits", info.prefixBits, 0xff);
  const problem = contradiction(info);
  if (problem) throw new UsageError(`Cannot encode ShardInfo: ${problem}`);
  const frame = newFrame(FrameType.ShardInfo, SHARD_INFO_BYTES);
  frame[5] = info.shardCount;
  writeU16(frame, 6, info.keyLength);
  writeU16(frame, 8, info.valueLength);
  writeU16(frame, 10, info.slotSize);
  writeU32(frame, 12, info.slotCount);
  frame[16] = info.prefixBits;
  return frame;
}

/** The payload of a ShardInfo. Throws a ProtocolError if it is one that no data can have. */
export function decodeShardInfo(payload: Uint8Array): ShardInfo {
  requirePayload(FrameType.ShardInfo, payload, SHARD_INFO_BYTES);
  const info: ShardInfo = {
    shardCount: payload[0],
    keyLength: readU16(payload, 1),
    valueLength: readU16(payload, 3),
    slotSize: readU16(payload, 5),
    slotCount: readU32(payload, 7),
    prefixBits: payload[11],
  };
  const problem = contradiction(info);
  if (problem) throw new ProtocolError(`Cannot decode ShardInfo: ${problem}`);
  return info;
}

/** A CaughtUp frame. Throws a UsageError if a field does not fit. */
export function encodeCaughtUp(caughtUp: CaughtUp): Uint8Array {
  requireUint("shard_id", caughtUp.shard, 0xff);
  requireUint("total_scanned", caughtUp.scanned, Number.MAX_SAFE_INTEGER);
  const frame = newFrame(FrameType.CaughtUp, CAUGHT_UP_BYTES);
  frame[5] = caughtUp.shard;
  writeU64(frame, 6, caughtUp.scanned);
  return frame;
}

/** The payload of a CaughtUp. */
export function decodeCaughtUp(payload: Uint8Array): CaughtUp {
  requirePayload(FrameType.CaughtUp, payload, CAUGHT_UP_BYTES);
  return { shard: payload[0], scanned: readCounter(payload, FrameType.CaughtUp, "total_scanned") };
}

/** An Ack frame. Throws a UsageError if a field does not fit. */
export function encodeAck(ack: Ack): Uint8Array {
  const frame = new Uint8Array(ACK_FRAME_BYTES);
  writeAck(frame, ack);
  return frame;
}

/**
 * Writes an Ack frame over a buffer of {@linkcode ACK_FRAME_BYTES}, so that acknowledging allocates nothing.
 *
 * Throws a UsageError, and writes nothing, if the buffer has another length or a field does not fit.
 */
export function writeAck(frame: Uint8Array, ack: Ack): void {
  if (frame.length !== ACK_FRAME_BYTES) {
    throw new UsageError(`Cannot write an Ack: frame length is ${frame.length}, expected ${ACK_FRAME_BYTES}`);
  }
  requireUint("shard_id", ack.shard, 0xff);
  requireUint("applied_count", ack.applied, Number.MAX_SAFE_INTEGER);
  requireUint("max_version_seen", ack.maxVersion, 0xffff_ffff);
  writeHeader(frame, FrameType.Ack, ACK_BYTES);
  frame[5] = ack.shard;
  writeU64(frame, 6, ack.applied);
  writeU32(frame, 14, ack.maxVersion);
}

/** The payload of an Ack. */
export function decodeAck(payload: Uint8Array): Ack {
  requirePayload(FrameType.Ack, payload, ACK_BYTES);
  return {
    shard: payload[0],
    applied: readCounter(payload, FrameType.Ack, "applied_count"),
    maxVersion: readU32(payload, 9),
  };
}

/** An Error frame. The message is cut to {@linkcode MAX_ERROR_BYTES}, never within a character. */
export function encodeError(message: string): Uint8Array {
  const text = new Uint8Array(MAX_ERROR_BYTES);
  const { written } = new TextEncoder().encodeInto(message, text);
  const frame = newFrame(FrameType.Error, written);
  frame.set(text.subarray(0, written), FRAME_HEADER_BYTES);
  return frame;
}

/**
 * The payload of an Error as a message for a log or a terminal. Never throws.
 *
 * Cut to {@linkcode MAX_ERROR_BYTES} (then it ends with "…"). What is not UTF-8, and every character that
 * controls a terminal, a line or the direction of text, becomes U+FFFD.
 */
export function decodeError(payload: Uint8Array): string {
  const text = new TextDecoder("utf-8", { ignoreBOM: true }).decode(payload.subarray(0, MAX_ERROR_BYTES));
  const harmless = text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, "\ufffd");
  return payload.length > MAX_ERROR_BYTES ? `${harmless}…` : harmless;
}

/** Why the fields of a ShardInfo cannot be true together, or undefined. */
function contradiction(info: ShardInfo): string | undefined {
  const { shardCount, keyLength, valueLength, slotSize } = info;
  if (shardCount === 0) return "shard_count is 0, allowed is 1 to 255";
  if (keyLength === 0) return "key_len is 0, the least is 1";
  const expected = Math.ceil((SLOT_HEAD_BYTES + keyLength + valueLength) / 8) * 8;
  const lengths = `key_len ${keyLength} and value_len ${valueLength}`;
  if (expected > MAX_SLOT_BYTES) {
    return `slot_size is ${slotSize}, but ${lengths} need ${expected}, over the limit of ${MAX_SLOT_BYTES}`;
  }
  if (slotSize !== expected) return `slot_size is ${slotSize}, but ${lengths} need ${expected}`;
  return undefined;
}

/**
 * The u64 at byte 1. One over 2^53 - 1 is refused, not clamped: nothing counts that far, so the bytes are not
 * what they seem, and a clamped figure would be shown as if it were true.
 */
function readCounter(payload: Uint8Array, type: FrameType, field: string): number {
  const value = readU64(payload, 1);
  if (value !== undefined) return value;
  const exact = (BigInt(readU32(payload, 5)) << 32n) | BigInt(readU32(payload, 1));
  throw new ProtocolError(
    `Cannot decode ${frameTypeName(type)}: ${field} is ${exact}, the most is ${Number.MAX_SAFE_INTEGER}`,
  );
}
