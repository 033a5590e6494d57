/** What may become of frames on the way, and what a hostile peer may make of them. */

import { FRAME_HEADER_BYTES, FrameType, writeU32 } from "../../src/replication/wire.ts";
import type { Random } from "../harness/random.ts";

/** Changes a frame, of which it may do with the bytes what it likes; answers the bytes to send in its place. */
type Mutation = (frame: Uint8Array, random: Random, others: readonly Uint8Array[]) => Uint8Array;

const MUTATIONS: Mutation[] = [
  flipBits,
  flipBits,
  setBytes,
  setWord,
  setWord,
  cut,
  cutPayload,
  insert,
  insertInPayload,
  remove,
  setLength,
  setCount,
  setEvent,
  setEvent,
  setType,
  double,
  splice,
  takeAnother,
  garbage,
];

/** A frame, mutated once or more. The given one stays as it is. */
export function mutate(frame: Uint8Array, random: Random, others: readonly Uint8Array[]): Uint8Array {
  let mutated: Uint8Array = frame.slice();
  do {
    mutated = random.pick(MUTATIONS)(mutated, random, others);
  } while (random.oneIn(4));
  return mutated;
}

function flipBits(frame: Uint8Array, random: Random): Uint8Array {
  if (frame.length === 0) return frame;
  for (let left = random.between(1, 4); left > 0; left--) {
    frame[position(frame, random)] ^= 1 << random.below(8);
  }
  return frame;
}

function setBytes(frame: Uint8Array, random: Random): Uint8Array {
  if (frame.length === 0) return frame;
  const first = position(frame, random);
  frame.fill(random.pick([0, 1, 3, 127, 128, 255, random.below(256)]), first, first + random.between(1, 9));
  return frame;
}

/** A u32 anywhere; at the head of the payload more often. */
function setWord(frame: Uint8Array, random: Random): Uint8Array {
  if (frame.length < 4) return frame;
  writeU32(frame, Math.min(position(frame, random), frame.length - 4), random.edge());
  return frame;
}

/** The stream ends, or goes on in the middle of the next frame. */
function cut(frame: Uint8Array, random: Random): Uint8Array {
  return frame.subarray(0, random.below(frame.length + 1));
}

/** The payload is shorter, and its length says so. */
function cutPayload(frame: Uint8Array, random: Random): Uint8Array {
  if (frame.length < FRAME_HEADER_BYTES) return frame;
  return withLength(frame.subarray(0, random.between(FRAME_HEADER_BYTES, frame.length)));
}

function insert(frame: Uint8Array, random: Random): Uint8Array {
  const at = random.below(frame.length + 1);
  return joined(frame.subarray(0, at), random.bytes(random.between(1, 40)), frame.subarray(at));
}

/** The payload is longer, and its length says so. */
function insertInPayload(frame: Uint8Array, random: Random): Uint8Array {
  if (frame.length < FRAME_HEADER_BYTES) return frame;
  const at = random.between(FRAME_HEADER_BYTES, frame.length);
  return withLength(joined(frame.subarray(0, at), random.bytes(random.between(1, 40)), frame.subarray(at)));
}

function remove(frame: Uint8Array, random: Random): Uint8Array {
  const at = random.below(frame.length + 1);
  return joined(frame.subarray(0, at), frame.subarray(at + random.between(1, 12)));
}

function setLength(frame: Uint8Array, random: Random): Uint8Array {
  if (frame.length < FRAME_HEADER_BYTES) return frame;
  const near = frame.length - FRAME_HEADER_BYTES + random.between(-9, 9);
  writeU32(frame, 1, random.oneIn(3) ? near >>> 0 : random.edge());
  return frame;
}

/** Of a SlotBatch: how many events it has. */
function setCount(frame: Uint8Array, random: Random): Uint8Array {
  if (frame.length < FRAME_HEADER_BYTES + 5) return frame;
  writeU32(
    frame,
    FRAME_HEADER_BYTES + 1,
    random.oneIn(2) ? frame[6] + random.between(-2, 2) >>> 0 : random.edge(),
  );
  return frame;
}

/** Of a SlotBatch: slot id or meta of its first event. */
function setEvent(frame: Uint8Array, random: Random): Uint8Array {
  const at = FRAME_HEADER_BYTES + (random.oneIn(2) ? 5 : 9);
  if (frame.length < at + 4) return frame;
  writeU32(frame, at, random.edge());
  return frame;
}

function setType(frame: Uint8Array, random: Random): Uint8Array {
  if (frame.length === 0) return frame;
  frame[0] = random.oneIn(4) ? random.below(256) : random.pick(Object.values(FrameType));
  return frame;
}

function double(frame: Uint8Array): Uint8Array {
  return joined(frame, frame);
}

/** The head of this one and the tail of another. */
function splice(frame: Uint8Array, random: Random, others: readonly Uint8Array[]): Uint8Array {
  const other = random.pick(others);
  const spliced = joined(
    frame.subarray(0, random.below(frame.length + 1)),
    other.subarray(random.below(other.length + 1)),
  );
  return random.oneIn(2) && spliced.length >= FRAME_HEADER_BYTES ? withLength(spliced) : spliced;
}

/** A frame at the wrong moment. */
function takeAnother(_frame: Uint8Array, random: Random, others: readonly Uint8Array[]): Uint8Array {
  return random.pick(others).slice();
}

function garbage(_frame: Uint8Array, random: Random): Uint8Array {
  return random.bytes(random.below(64));
}

/** Half of all positions are in the header and the fixed fields. */
function position(frame: Uint8Array, random: Random): number {
  return random.below(random.oneIn(2) ? Math.min(frame.length, 24) : frame.length);
}

function withLength(frame: Uint8Array): Uint8Array {
  writeU32(frame, 1, frame.length - FRAME_HEADER_BYTES);
  return frame;
}

/** All of them behind one another. */
export function joined(...parts: Uint8Array[]): Uint8Array {
  let length = 0;
  for (const part of parts) length += part.length;
  const whole = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
