/** What a leader really says, and what one could: the sessions that are mutated. */

import {
  BatchEncoder,
  decodeSyncRequest,
  encodeCaughtUp,
  encodeError,
  encodeShardInfo,
  FRAME_HEADER_BYTES,
  FrameType,
  HEARTBEAT_FRAME,
  type ProtocolVersion,
} from "../../src/replication/protocol.ts";
import { readRecording, type RecordedFrame, RECORDING_NAMES, streamsOf } from "../fixtures/recording.ts";
import type { Random } from "../harness/random.ts";

/** All that one side of one connection said. */
export interface Script {
  /** Where it comes from. */
  name: string;
  /** The protocol that the follower asked for. */
  version: ProtocolVersion;
  /** The shard that it asked for. */
  shard: number;
  /** Bytes of a key and of a value. */
  keyLength: number;
  valueLength: number;
  /** Whole frames, in order. */
  frames: Uint8Array[];
}

const KEY_LENGTHS = [1, 2, 4, 7, 8, 8, 8, 16, 33, 255];
const VALUE_LENGTHS = [0, 1, 3, 8, 8, 16, 16, 16, 24, 64, 100, 500];
const MESSAGES = [
  "events dropped, rescan required",
  "shard already streaming",
  "invalid shard_id",
  "protocol version mismatch: leader 1, follower 2",
  "protocol version mismatch: leader 99999999999999999999999, follower 2",
  "\u001b[2J\u0000\u202e out of memory",
  "",
];
const FREE = 0, OCCUPIED = 1;

/** The recorded streams of real leaders, or of armdb's own follower. */
export function recordedScripts(direction: "L>F" | "F>L"): Script[] {
  const scripts: Script[] = [];
  for (const name of RECORDING_NAMES) {
    const recording = readRecording(name);
    const { protocol: version, keyLength, valueLength } = recording;
    const streams = streamsOf(recording);
    for (const [key, frames] of streams) {
      if (!key.endsWith(direction)) continue;
      const shard = shardAsked(streams.get(key.replace("L>F", "F>L")) ?? []);
      const bytes = frames.map((frame) => frame.bytes);
      scripts.push({ name: `${name} ${key}`, version, shard, keyLength, valueLength, frames: bytes });
    }
  }
  return scripts;
}

function shardAsked(frames: RecordedFrame[]): number {
  const request = frames.find(({ bytes }) => bytes[0] === FrameType.SyncRequest && bytes.length >= 8);
  return request === undefined ? 0 : decodeSyncRequest(request.bytes.subarray(FRAME_HEADER_BYTES)).shard;
}

/** A session of a leader of any shape: ShardInfo, a scan, CaughtUp, a stream, and perhaps an Error. */
export function generatedScript(random: Random): Script {
  const keyLength = random.pick(KEY_LENGTHS);
  // Large ones are rare: they cost the time of a hundred others.
  const valueLength = random.oneIn(64) ? 32_000 : random.pick(VALUE_LENGTHS);
  const version: ProtocolVersion = random.oneIn(2) ? 1 : 2;
  const shardCount = random.pick([1, 1, 2, 3, 255]);
  const shard = random.below(shardCount);
  const slotCount = random.pick([0, 1, 12, 300, 4096, 100_000]);
  const slotSize = Math.ceil((8 + keyLength + valueLength) / 8) * 8;
  const prefixBits = random.pick([0, 0, 5, 8, 255]);
  const info = { shardCount, keyLength, valueLength, slotSize, slotCount, prefixBits };
  const batches = new Batches({ shard, version, keyLength, valueLength }, random);
  const frames = [encodeShardInfo(info), ...batches.scan(slotCount)];
  frames.push(encodeCaughtUp({ shard, scanned: batches.events }), ...batches.stream(slotCount));
  if (random.oneIn(4)) frames.push(encodeError(random.pick(MESSAGES)));
  return { name: "generated", version, shard, keyLength, valueLength, frames };
}

/** Makes the batches of a script. */
class Batches {
  /** Events so far. */
  events = 0;
  readonly #encoder: BatchEncoder;
  readonly #of: Omit<Script, "name" | "frames">;
  readonly #random: Random;
  readonly #record: Uint8Array;

  constructor(of: Omit<Script, "name" | "frames">, random: Random) {
    this.#of = of;
    this.#random = random;
    this.#encoder = new BatchEncoder(of);
    this.#record = random.bytes(of.keyLength + of.valueLength);
  }

  /** Batches of ascending slots. */
  scan(slotCount: number): Uint8Array[] {
    const frames: Uint8Array[] = [];
    const step = Math.max(1, Math.floor(slotCount / 24));
    let slot = 0;
    for (let left = this.#random.below(5); left > 0 && slot < slotCount; left--) {
      this.#encoder.reset(this.#of.shard);
      for (let count = this.#count(); count > 0 && slot < slotCount && !this.#encoder.full; count--) {
        this.#add(slot);
        slot += this.#random.between(1, step);
      }
      frames.push(this.#finish());
    }
    return frames;
  }

  /** Batches of any slots, and Heartbeats. */
  stream(slotCount: number): Uint8Array[] {
    const frames: Uint8Array[] = [];
    for (let left = this.#random.below(6); left > 0; left--) {
      if (this.#random.oneIn(4)) frames.push(HEARTBEAT_FRAME);
      this.#encoder.reset(this.#of.shard);
      for (let count = this.#count(); count > 0 && !this.#encoder.full; count--) {
        this.#add(this.#random.below(slotCount + 1000));
      }
      frames.push(this.#finish());
    }
    return frames;
  }

  #count(): number {
    return this.#random.oneIn(24) ? 256 : this.#random.between(0, 12);
  }

  #add(slot: number): void {
    const random = this.#random;
    const status = random.below(this.#of.version === 1 ? 2 : 3);
    const version = (random.oneIn(8) ? random.next() >>> 2 : random.between(1, 5)) * 4;
    if (status === OCCUPIED) this.#encoder.addOccupied(slot, version + 1, this.#record, 0);
    else if (status === FREE) this.#encoder.addDeleted(slot, version + 2, this.#record, 0);
    else this.#encoder.addReset(slot, version);
    this.events++;
  }

  #finish(): Uint8Array {
    return this.#encoder.finish().slice();
  }
}
