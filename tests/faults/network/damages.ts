/** Bytes that change on their way. The wire has no checksum: what of it can be seen, and what cannot. */
import { ShapeError, type SlotcaskError } from "../../../src/errors.ts";
import { FrameType } from "../../../src/replication/wire.ts";
import type { Spot } from "./fault_proxy.ts";
import type { Phase } from "./phases.ts";

/** A frame that is changed. */
export interface Damage {
  name: string;
  /** Where; a case each. */
  phases: readonly Phase[];
  /** Which frame, if not that of the phase. Of SyncRequests, one of a version that the leader speaks. */
  spot?: Spot;
  /** What becomes of it. */
  edit(frame: Uint8Array): Uint8Array;
  /** What the connection ends with, as `reason: class: message`; undefined where nothing can be seen. */
  seen: RegExp | undefined;
  /** Set if it ends the follower for good. */
  stops?: new (...parameters: never[]) => SlotcaskError;
}

const SCANS: readonly Phase[] = ["catch-up"];
const BATCHES: readonly Phase[] = ["catch-up", "live"];
const ALL_BATCHES: readonly Phase[] = ["first catch-up", ...BATCHES];
const LIVE: readonly Phase[] = ["live"];
const HANDSHAKES: readonly Phase[] = ["first handshake", "handshake"];
const CAUGHT_UP: readonly Phase[] = ["caught-up"];

/** Where fields of a frame begin; the first event of a batch is OCCUPIED. */
const AT = {
  type: 0,
  length: 1,
  /** Of SlotBatch, CaughtUp and SyncRequest. */
  shard: 5,
  batch: { count: 6, slot: 10, meta: 14, key: 18, value: 26 },
  info: { shardCount: 5, keyLength: 6, valueLength: 8, slotSize: 10, slotCount: 12, prefixBits: 16 },
  caughtUp: { total: 6 },
  request: { version: 6, flags: 7 },
};
const REQUEST: Spot = { way: "up", frame: FrameType.SyncRequest };
const ACK: Spot = { way: "up", frame: FrameType.Ack };

/** Something is amiss, and how it shows depends on the bytes behind. */
const AMISS = /^(silent: |error: ProtocolError: )/;

/** The leader's count is another than ours. */
const LOSSY = /^partial-scan: ConnectionError: The scan is not whole: /;

/** Flips a bit of a little-endian field. */
function flip(at: number, bit: number): (frame: Uint8Array) => Uint8Array {
  return (frame) => {
    const flipped = frame.slice();
    flipped[at + (bit >> 3)] ^= 1 << (bit & 7);
    return flipped;
  };
}

function twice(from: number, to = Infinity): (frame: Uint8Array) => Uint8Array {
  return (frame) => concat(frame.subarray(0, to), frame.subarray(from));
}

function concat(first: Uint8Array, second: Uint8Array): Uint8Array {
  const both = new Uint8Array(first.length + second.length);
  both.set(first);
  both.set(second, first.length);
  return both;
}

/** See the head of this file; those of a group run side by side. */
export const DAMAGES: readonly { group: string; damages: readonly Damage[] }[] = [
  {
    group: "the head of a batch's frame",
    damages: [
      {
        name: "type, unknown",
        phases: BATCHES,
        edit: flip(AT.type, 7),
        seen: /ProtocolError: Cannot read a frame: type is 131/,
      },
      {
        name: "type, ShardInfo",
        phases: BATCHES,
        edit: flip(AT.type, 0),
        seen: /ProtocolError: Cannot accept ShardInfo in phase/,
      },
      {
        name: "type, SyncRequest",
        phases: BATCHES,
        edit: flip(AT.type, 1),
        seen: /ProtocolError: Cannot accept SyncRequest/,
      },
      {
        name: "length, over the limit",
        phases: BATCHES,
        edit: flip(AT.length, 31),
        seen: /ProtocolError: Cannot read SlotBatch: payload length is/,
      },
      { name: "length, by 1", phases: BATCHES, edit: flip(AT.length, 0), seen: AMISS },
      { name: "length, by 65,536", phases: BATCHES, edit: flip(AT.length, 16), seen: AMISS },
    ],
  },
  {
    group: "what can be seen of a batch",
    damages: [
      { name: "shard id", phases: BATCHES, edit: flip(AT.shard, 0), seen: /ProtocolError: .*shard_id is/ },
      {
        name: "count, by 1",
        phases: BATCHES,
        edit: flip(AT.batch.count, 0),
        seen: /ProtocolError: .*count is/,
      },
      {
        name: "count, huge",
        phases: BATCHES,
        edit: flip(AT.batch.count, 31),
        seen: /ProtocolError: .*count is/,
      },
      {
        name: "slot id, huge",
        phases: BATCHES,
        edit: flip(AT.batch.slot, 31),
        seen: /ProtocolError: .*slots are known/,
      },
      {
        name: "slot id, by 1, in a scan",
        phases: SCANS,
        edit: flip(AT.batch.slot, 0),
        seen: /ProtocolError: .*the scan is at/,
      },
      {
        name: "slot id, by 32,768, in a scan",
        phases: SCANS,
        edit: flip(AT.batch.slot, 15),
        seen: /ProtocolError: .*the scan is at/,
      },
      {
        name: "status, invalid",
        phases: BATCHES,
        edit: flip(AT.batch.meta, 1),
        seen: /ProtocolError: .*status of event 0/,
      },
      { name: "status, FREE", phases: BATCHES, edit: flip(AT.batch.meta, 0), seen: /ProtocolError: / },
    ],
  },
  {
    group: "what cannot be seen of a batch",
    damages: [
      { name: "slot id, by 1, live", phases: LIVE, edit: flip(AT.batch.slot, 0), seen: undefined },
      { name: "slot id, by 32,768, live", phases: LIVE, edit: flip(AT.batch.slot, 15), seen: undefined },
      { name: "version, by 1", phases: ALL_BATCHES, edit: flip(AT.batch.meta, 2), seen: undefined },
      {
        name: "version, by half the ring",
        phases: ALL_BATCHES,
        edit: flip(AT.batch.meta, 31),
        seen: undefined,
      },
      { name: "key", phases: ALL_BATCHES, edit: flip(AT.batch.key, 3), seen: undefined },
      { name: "value", phases: ALL_BATCHES, edit: flip(AT.batch.value, 5), seen: undefined },
    ],
  },
  {
    group: "ShardInfo",
    damages: [
      {
        name: "shard count, more",
        phases: HANDSHAKES,
        edit: flip(AT.info.shardCount, 0),
        seen: /ShapeError: /,
        stops: ShapeError,
      },
      {
        name: "shard count, 0",
        phases: HANDSHAKES,
        edit: flip(AT.info.shardCount, 1),
        seen: /ProtocolError: .*shard_count/,
      },
      {
        name: "key length",
        phases: HANDSHAKES,
        edit: flip(AT.info.keyLength, 0),
        seen: /ProtocolError: .*slot_size/,
      },
      {
        name: "value length",
        phases: HANDSHAKES,
        edit: flip(AT.info.valueLength, 5),
        seen: /ProtocolError: .*slot_size/,
      },
      {
        name: "slot size",
        phases: HANDSHAKES,
        edit: flip(AT.info.slotSize, 3),
        seen: /ProtocolError: .*slot_size/,
      },
      {
        name: "slot count, huge",
        phases: HANDSHAKES,
        edit: flip(AT.info.slotCount, 31),
        seen: /ProtocolError: .*slot_count is/,
      },
      { name: "slot count", phases: HANDSHAKES, edit: flip(AT.info.slotCount, 14), seen: undefined },
      {
        name: "prefix bits",
        phases: HANDSHAKES,
        edit: flip(AT.info.prefixBits, 0),
        seen: /ShapeError: .*prefix/,
        stops: ShapeError,
      },
    ],
  },
  {
    group: "CaughtUp",
    damages: [
      { name: "shard id", phases: CAUGHT_UP, edit: flip(AT.shard, 2), seen: /ProtocolError: .*shard_id is/ },
      { name: "total", phases: CAUGHT_UP, edit: flip(AT.caughtUp.total, 1), seen: LOSSY },
      {
        name: "type, Ack",
        phases: CAUGHT_UP,
        edit: flip(AT.type, 0),
        seen: /ProtocolError: Cannot accept Ack/,
      },
      { name: "type, Heartbeat", phases: CAUGHT_UP, edit: flip(AT.type, 1), seen: AMISS },
    ],
  },
  {
    group: "what the follower sends",
    damages: [
      {
        name: "shard, one of the others",
        phases: HANDSHAKES,
        spot: { ...REQUEST, shard: 0 },
        edit: flip(AT.shard, 0),
        seen: /(ProtocolError: .*shard_id is|already-streaming: )/,
      },
      {
        name: "shard, none that there is",
        phases: HANDSHAKES,
        spot: REQUEST,
        edit: flip(AT.shard, 6),
        seen: /ShapeError: /,
        stops: ShapeError,
      },
      {
        name: "version",
        phases: HANDSHAKES,
        spot: REQUEST,
        edit: flip(AT.request.version, 5),
        seen: /^error: LeaderError: The leader says: protocol version mismatch: leader (\d), follower 3\d/,
      },
      {
        name: "EMPTY_STATE",
        phases: HANDSHAKES,
        spot: REQUEST,
        edit: flip(AT.request.flags, 0),
        seen: undefined,
      },
      { name: "an Ack's type", phases: SCANS, spot: ACK, edit: flip(AT.type, 6), seen: /^closed: / },
      {
        name: "an Ack's length",
        phases: SCANS,
        spot: ACK,
        edit: flip(AT.length, 1),
        seen: /^(closed|silent): /,
      },
    ],
  },
  {
    group: "bytes that come twice",
    damages: [
      { name: "a batch of a scan", phases: SCANS, edit: twice(0), seen: /ProtocolError: .*the scan is at/ },
      { name: "a batch of a stream", phases: LIVE, edit: twice(0), seen: undefined },
      { name: "a batch's first byte", phases: BATCHES, edit: twice(0, 1), seen: AMISS },
      {
        name: "a byte of a value",
        phases: BATCHES,
        edit: twice(AT.batch.value, AT.batch.value + 1),
        seen: AMISS,
      },
      { name: "ShardInfo", phases: HANDSHAKES, edit: twice(0), seen: /ProtocolError: .*it comes once/ },
      { name: "CaughtUp", phases: CAUGHT_UP, edit: twice(0), seen: /ProtocolError: .*it comes once/ },
    ],
  },
  {
    group: "bytes that do not come",
    damages: [
      { name: "a batch of a scan", phases: ["catch-up"], edit: () => new Uint8Array(0), seen: LOSSY },
      { name: "a batch of a stream", phases: LIVE, edit: () => new Uint8Array(0), seen: undefined },
      {
        name: "a byte of a value",
        phases: BATCHES,
        edit: twice(AT.batch.value + 1, AT.batch.value),
        seen: AMISS,
      },
      {
        name: "CaughtUp",
        phases: CAUGHT_UP,
        edit: () => new Uint8Array(0),
        seen: /^(silent: |error: ProtocolError: )/,
      },
    ],
  },
];
