/** Every decoder on any payload: it refuses by a ProtocolError, or what it gives encodes to those bytes again. */

import { ProtocolError } from "../../src/errors.ts";
import { equalBytes } from "../../src/fixed/shard.ts";
import {
  BatchDecoder,
  BatchEncoder,
  decodeAck,
  decodeCaughtUp,
  decodeError,
  decodeShardInfo,
  decodeSyncRequest,
  encodeAck,
  encodeCaughtUp,
  encodeShardInfo,
  encodeSyncRequest,
  FRAME_HEADER_BYTES,
  MAX_BATCH_EVENTS,
  MAX_ERROR_BYTES,
  MAX_PAYLOAD_BYTES,
  type ProtocolVersion,
  type RecordLengths,
  type SlotEvents,
} from "../../src/replication/protocol.ts";
import type { Random } from "../harness/random.ts";
import { must, type Refusals } from "./refusal.ts";

const FREE = 0, OCCUPIED = 1, INVALID = 3;
/** As many as the largest payload holds: of resets, which are a head alone. */
const MOST_EVENTS = MAX_PAYLOAD_BYTES / 8;
const PROTOCOL_ERROR = [ProtocolError];
// deno-lint-ignore no-control-regex
const HARMFUL = /[\u0000-\u001f\u007f-\u009f\u202a-\u202e\u2028\u2029]/;

/** A decoder of fixed fields and its encoder; of the byte at `loose` only one bit means something. */
interface FixedCodec {
  again: (payload: Uint8Array) => Uint8Array;
  loose?: number;
}

const FIXED: FixedCodec[] = [
  { again: (payload) => encodeShardInfo(decodeShardInfo(payload)) },
  { again: (payload) => encodeCaughtUp(decodeCaughtUp(payload)) },
  { again: (payload) => encodeAck(decodeAck(payload)) },
  { again: (payload) => encodeSyncRequest(decodeSyncRequest(payload)), loose: 2 },
];

/** See the head of this file. */
export class CodecCheck {
  readonly #refusals: Refusals;
  readonly #batches = new Map<number, { decoder: BatchDecoder; encoder: BatchEncoder }>();

  /** Refusals are counted there. */
  constructor(refusals: Refusals) {
    this.#refusals = refusals;
  }

  /** Decodes a payload as a batch, as an Error and as one of the types of fixed length. */
  check(
    payload: Uint8Array,
    batch: RecordLengths & { shard: number; version: ProtocolVersion },
    random: Random,
  ): void {
    this.#again(payload, random.pick(FIXED));
    const message = decodeError(payload);
    must(message.length <= MAX_ERROR_BYTES + 1, () => `an error of ${message.length} characters`);
    must(!HARMFUL.test(message), () => `a message that controls a terminal: ${JSON.stringify(message)}`);
    this.#checkBatch(payload, batch);
  }

  /** The bytes that were read must come out again. */
  #again(payload: Uint8Array, { again, loose }: FixedCodec): void {
    let frame: Uint8Array;
    try {
      frame = again(payload);
    } catch (error) {
      return this.#refusals.take(error, PROTOCOL_ERROR);
    }
    for (let i = FRAME_HEADER_BYTES; i < frame.length; i++) {
      const at = i - FRAME_HEADER_BYTES;
      must(frame[i] === payload[at] || at === loose, () => `byte ${at} of ${payload.toHex()} was read wrong`);
    }
  }

  #checkBatch(
    payload: Uint8Array,
    expected: RecordLengths & { shard: number; version: ProtocolVersion },
  ): void {
    const { decoder, encoder } = this.#codecOf(expected);
    let events: SlotEvents;
    try {
      events = decoder.decode(payload, expected);
    } catch (error) {
      must(decoder.events.count === 0, () => "a refused batch left events");
      return this.#refusals.take(error, PROTOCOL_ERROR);
    }
    checkEvents(events, expected);
    if (events.count > MAX_BATCH_EVENTS) return;
    encoder.reset(expected.shard);
    for (let i = 0; i < events.count && !encoder.full; i++) addEvent(encoder, events, i);
    if (encoder.count < events.count) return;
    const again = encoder.finish();
    const isSame = again.length - FRAME_HEADER_BYTES === payload.length &&
      equalBytes(again, FRAME_HEADER_BYTES, payload, 0, payload.length);
    must(isSame, () => `a batch that encodes to other bytes: ${payload.toHex()}`);
  }

  #codecOf({ keyLength, valueLength }: RecordLengths): { decoder: BatchDecoder; encoder: BatchEncoder } {
    const id = keyLength * 0x1_0000 + valueLength;
    let codec = this.#batches.get(id);
    if (codec === undefined) {
      const lengths = { keyLength, valueLength };
      codec = { decoder: new BatchDecoder(lengths), encoder: new BatchEncoder(lengths) };
      this.#batches.set(id, codec);
    }
    return codec;
  }
}

function addEvent(encoder: BatchEncoder, { slots, metas, keyAt, bytes }: SlotEvents, i: number): void {
  const status = metas[i] & 3;
  if (status === FREE) encoder.addReset(slots[i], metas[i]);
  else if (status === OCCUPIED) encoder.addOccupied(slots[i], metas[i], bytes, keyAt[i]);
  else encoder.addDeleted(slots[i], metas[i], bytes, keyAt[i]);
}

/** Events that a decoder let through: their records lie within the payload, and no status is there that is not. */
export function checkEvents(
  { count, slots, metas, keyAt, bytes, view }: SlotEvents,
  { keyLength, valueLength, version }: RecordLengths & { version: ProtocolVersion },
): void {
  must(count <= slots.length && slots.length <= MOST_EVENTS, () => `${slots.length} columns`);
  must(view.byteLength === bytes.length, () => "view and bytes differ");
  for (let i = 0; i < count; i++) {
    const status = metas[i] & 3;
    const record = status === OCCUPIED ? keyLength + valueLength : status === FREE ? 0 : keyLength;
    const isRight = status !== INVALID && (status !== FREE || version === 2) &&
      keyAt[i] + record <= bytes.length;
    if (!isRight) must(false, () => `event ${i} of ${count}: meta ${metas[i]}, record at ${keyAt[i]}`);
  }
}
