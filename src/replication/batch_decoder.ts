/**
 * SlotBatch payload -> columns of events.
 *
 * ```text
 * 0          1         5                  event: 0      4      8
 * +----------+---------+-------+-----            +------+------+---------+-----------+
 * | shard u8 | count   | event | ...             | slot | meta | key     | value     |
 * |          | u32     |       |                 | u32  | u32  |         |           |
 * +----------+---------+-------+-----            +------+------+---------+-----------+
 *                                                 OCCUPIED: all; DELETED: no value; FREE: neither
 * ```
 */

import { ProtocolError } from "../errors.ts";
import type { SlotEvents } from "../slot_events.ts";
import {
  BATCH_HEAD_BYTES,
  EVENT_HEAD_BYTES,
  FrameType,
  MAX_BATCH_EVENTS,
  type ProtocolVersion,
  readU32,
  type RecordLengths,
  requireLengths,
  requirePayload,
} from "./wire.ts";

const NO_BYTES = new Uint8Array(0);
const NO_VIEW = new DataView(NO_BYTES.buffer);
const STATUS_NAMES = ["FREE", "OCCUPIED", "DELETED"];

/** What a batch must be, to be decoded. */
export interface ExpectedBatch {
  /** The shard that the connection asked for. */
  shard: number;
  /** The protocol version of the connection: 1 knows no resets. */
  version: ProtocolVersion;
}

/**
 * Decodes the payloads of SlotBatch frames, one after the other, into the same columns.
 *
 * One per connection: its events are valid until its next `decode`, and they point into the payload.
 */
export class BatchDecoder {
  /** The events of the last batch; none after a batch that was refused. */
  readonly events: SlotEvents = {
    bytes: NO_BYTES,
    view: NO_VIEW,
    count: 0,
    slots: new Uint32Array(MAX_BATCH_EVENTS),
    metas: new Uint32Array(MAX_BATCH_EVENTS),
    keyAt: new Uint32Array(MAX_BATCH_EVENTS),
  };
  readonly #deletedBytes: number;
  readonly #occupiedBytes: number;

  /** Throws a UsageError if the lengths are none that an event can have. */
  constructor(lengths: RecordLengths) {
    requireLengths(lengths);
    this.#deletedBytes = EVENT_HEAD_BYTES + lengths.keyLength;
    this.#occupiedBytes = this.#deletedBytes + lengths.valueLength;
  }

  /**
   * Decodes a batch and checks all of it before returning.
   *
   * Throws a ProtocolError, which names the field and both values, and leaves no events, for: a short payload,
   * another shard's id, a count that the payload cannot hold or does not end with, status 3, a reset under
   * protocol 1. The bounds of slot ids are the caller's to check: they depend on how far a shard may grow.
   */
  decode(payload: Uint8Array, expected: ExpectedBatch): SlotEvents {
    const events = this.events;
    events.count = 0;
    events.bytes = NO_BYTES;
    events.view = NO_VIEW;
    const count = this.#readHead(payload, expected);
    this.#reserve(count);
    const view = new DataView(payload.buffer, payload.byteOffset, payload.length);
    const end = this.#readEvents(view, count, expected.version);
    if (end !== payload.length) {
      refuse(
        `count is ${count}, and its events end at byte ${end}, but the payload at byte ${payload.length}`,
      );
    }
    events.count = count;
    events.bytes = payload;
    events.view = view;
    return events;
  }

  /** Checks the fixed fields; returns a count that the payload's length allows. */
  #readHead(payload: Uint8Array, { shard, version }: ExpectedBatch): number {
    requirePayload(FrameType.SlotBatch, payload, BATCH_HEAD_BYTES);
    if (payload[0] !== shard) refuse(`shard_id is ${payload[0]}, expected ${shard}`);
    const count = readU32(payload, 1);
    const shortest = version === 1 ? this.#deletedBytes : EVENT_HEAD_BYTES;
    const room = payload.length - BATCH_HEAD_BYTES;
    const most = Math.floor(room / shortest);
    if (count > most) refuse(`count is ${count}, but the ${room} bytes after it hold at most ${most} events`);
    return count;
  }

  /** Makes room for more events than a real leader sends. `count` was checked against the payload's length. */
  #reserve(count: number): void {
    const events = this.events;
    if (count <= events.slots.length) return;
    events.slots = new Uint32Array(count);
    events.metas = new Uint32Array(count);
    events.keyAt = new Uint32Array(count);
  }

  /** Fills the columns; returns where the last event ends, which is at most the end of the payload. */
  #readEvents(payload: DataView, count: number, version: ProtocolVersion): number {
    const { slots, metas, keyAt } = this.events;
    const occupiedBytes = this.#occupiedBytes;
    const deletedBytes = this.#deletedBytes;
    const freeBytes = version === 1 ? 0 : EVENT_HEAD_BYTES;
    const end = payload.byteLength;
    let at = BATCH_HEAD_BYTES;
    for (let i = 0; i < count; i++) {
      if (at + EVENT_HEAD_BYTES > end) refuseHead(at, end, { index: i, count });
      const meta = payload.getUint32(at + 4, true);
      const status = meta & 3;
      const bytes = status === 1 ? occupiedBytes : status === 2 ? deletedBytes : status === 0 ? freeBytes : 0;
      if (bytes === 0) refuseStatus(meta, version, { index: i, count });
      if (at + bytes > end) refuseBody(STATUS_NAMES[status], { index: i, count, stops: at + bytes, end });
      slots[i] = payload.getUint32(at, true);
      metas[i] = meta;
      keyAt[i] = at + EVENT_HEAD_BYTES;
      at += bytes;
    }
    return at;
  }
}

/** Which event of how many, counted from 0. */
interface Position {
  index: number;
  count: number;
}

function refuse(problem: string): never {
  throw new ProtocolError(`Cannot decode SlotBatch: ${problem}`);
}

function refuseHead(at: number, end: number, { index, count }: Position): never {
  refuse(
    `count is ${count}, but the payload ends at byte ${end}, in the head of event ${index}, ` +
      `which ends at byte ${at + EVENT_HEAD_BYTES}`,
  );
}

function refuseStatus(meta: number, version: ProtocolVersion, { index, count }: Position): never {
  const allowed = version === 1 ? "1 (OCCUPIED), 2 (DELETED)" : "0 (FREE), 1 (OCCUPIED), 2 (DELETED)";
  refuse(
    `status of event ${index} of ${count} is ${meta & 3} (meta ${meta}), ` +
      `allowed under protocol ${version} are ${allowed}`,
  );
}

function refuseBody(
  status: string,
  { index, count, stops, end }: Position & { stops: number; end: number },
): never {
  refuse(`event ${index} of ${count} is ${status} and ends at byte ${stops}, but the payload at byte ${end}`);
}
