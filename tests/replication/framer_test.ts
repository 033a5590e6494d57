import { describe, expect, test } from "bun:test";
import { ProtocolError, UsageError } from "../../src/errors.ts";
import { Framer } from "../../src/replication/framer.ts";
import { FRAME_HEADER_BYTES, FrameType, MAX_PAYLOAD_BYTES } from "../../src/replication/protocol.ts";
import { thrownBy } from "../harness/failures.ts";
import { randomIntegers } from "../harness/random.ts";
import { concat, hex, pattern, rawFrame, sampleFrames, toHex } from "./wire_samples.ts";

const FRAMES = sampleFrames();
const STREAM = concat(FRAMES);
const EXPECTED = FRAMES.map(toHex);

/** Takes all frames that are there, as hex of the whole frame. */
function drain(framer: Framer): string[] {
  const frames: string[] = [];
  for (let frame = framer.next(); frame; frame = framer.next()) {
    expect(frame.bytes).toBe(FRAME_HEADER_BYTES + frame.payload.length);
    frames.push(toHex(rawFrame(frame.type, frame.payload)));
  }
  return frames;
}

/** Pushes a chunk that is overwritten as soon as the framer gave it back. */
function pushBorrowed(framer: Framer, chunk: Uint8Array): string[] {
  const borrowed = chunk.slice();
  framer.push(borrowed);
  const frames = drain(framer);
  borrowed.fill(0xee);
  return frames;
}

describe("any cut gives the same frames", () => {
  test("whole", () => {
    expect(pushBorrowed(new Framer(), STREAM)).toEqual(EXPECTED);
  });

  test.each([1, 2, 3, 5, 7, 64])("in chunks of %d bytes", (size) => {
    const framer = new Framer();
    const frames: string[] = [];
    for (let at = 0; at < STREAM.length; at += size) {
      frames.push(...pushBorrowed(framer, STREAM.subarray(at, at + size)));
    }
    expect(frames).toEqual(EXPECTED);
    expect(framer.buffered).toBe(0);
  });

  test("in two at every place", () => {
    for (let cut = 0; cut <= STREAM.length; cut++) {
      const framer = new Framer();
      const frames = pushBorrowed(framer, STREAM.subarray(0, cut));
      expect(framer.buffered).toBe(cut - frames.join("").length / 2);
      frames.push(...pushBorrowed(framer, STREAM.subarray(cut)));
      expect(frames).toEqual(EXPECTED);
      expect(framer.buffered).toBe(0);
    }
  });

  test("in three at every two places of two frames", () => {
    const stream = concat([FRAMES[0], FRAMES[1]]);
    for (let first = 0; first <= stream.length; first++) {
      for (let second = first; second <= stream.length; second++) {
        const framer = new Framer();
        const cuts = [stream.subarray(0, first), stream.subarray(first, second), stream.subarray(second)];
        expect(cuts.flatMap((chunk) => pushBorrowed(framer, chunk))).toEqual(EXPECTED.slice(0, 2));
      }
    }
  });

  test("at random, retained at random, over 4,000 frames", () => {
    const random = randomIntegers(99);
    const framer = new Framer();
    const sent: string[] = [];
    const seen: string[] = [];
    let rest: Uint8Array = new Uint8Array(0);
    // The payload that was handed out last, from the framer's own buffer: more that comes leaves it as it is.
    let own: Uint8Array | undefined;
    for (let round = 0; round < 800; round++) {
      const frames = Array.from(
        { length: 5 },
        () => rawFrame(1 + random(6), pattern(random(random(2_000) + 1), round)),
      );
      sent.push(...frames.map(toHex));
      const bytes = concat([rest, ...frames]);
      const chunk = bytes.slice(0, random(bytes.length + 1));
      rest = bytes.subarray(chunk.length);
      framer.push(chunk);
      for (let taken = random(8); taken > 0; taken--) {
        const frame = framer.next();
        if (frame) seen.push(toHex(rawFrame(frame.type, frame.payload)));
        own = frame && frame.payload.buffer !== chunk.buffer ? frame.payload : undefined;
      }
      framer.retain();
      chunk.fill(0xee);
      if (own !== undefined) expect(toHex(own)).toBe(seen.at(-1)!.slice(2 * FRAME_HEADER_BYTES));
    }
    framer.push(rest);
    seen.push(...drain(framer));
    expect(seen.length).toBe(4_000);
    expect(seen.findIndex((frame, i) => frame !== sent[i])).toBe(-1);
  });
});

describe("copying", () => {
  test("a frame that lies whole in a chunk is a view of it", () => {
    const framer = new Framer();
    framer.push(STREAM);
    let at = 0;
    for (let frame = framer.next(); frame; frame = framer.next()) {
      if (frame.payload.length > 0) {
        expect(frame.payload.buffer).toBe(STREAM.buffer);
        expect(frame.payload.byteOffset).toBe(STREAM.byteOffset + at + FRAME_HEADER_BYTES);
      }
      at += frame.bytes;
    }
    expect(at).toBe(STREAM.length);
  });

  test("a cut frame takes from the next chunk what it needs: the frame behind it is a view again", () => {
    const framer = new Framer();
    framer.push(FRAMES[1].slice(0, 9));
    expect(framer.next()).toBeUndefined();
    const chunk = concat([FRAMES[1].subarray(9), FRAMES[3]]);
    framer.push(chunk);
    expect(framer.next()!.payload.buffer).not.toBe(chunk.buffer);
    expect(framer.next()!.payload.buffer).toBe(chunk.buffer);
    expect(framer.next()).toBeUndefined();
  });

  test("next gives the same object each time, without a payload once there is none", () => {
    const framer = new Framer();
    framer.push(concat([FRAMES[0], FRAMES[1]]));
    const first = framer.next()!;
    expect([first.type, first.bytes]).toEqual([FrameType.SyncRequest, 8]);
    expect(framer.next()).toBe(first);
    expect([first.type, first.bytes]).toEqual([FrameType.ShardInfo, 17]);
    expect(framer.next()).toBeUndefined();
    expect(first.payload.length).toBe(0);
  });
});

describe("retain", () => {
  test("keeps what is left of a chunk that is then overwritten", () => {
    const framer = new Framer();
    const chunk = STREAM.slice();
    framer.push(chunk);
    const first = framer.next()!;
    expect(first.type).toBe(FrameType.SyncRequest);
    framer.retain();
    chunk.fill(0xee);
    expect(framer.buffered).toBe(STREAM.length - FRAMES[0].length);
    expect(drain(framer)).toEqual(EXPECTED.slice(1));
  });

  test("lets its owner free the chunk", () => {
    const framer = new Framer();
    const chunk = STREAM.slice();
    framer.push(chunk);
    framer.next();
    framer.retain();
    chunk.buffer.transfer(0);
    expect(framer.buffered).toBe(STREAM.length - FRAMES[0].length);
    expect(drain(framer)).toEqual(EXPECTED.slice(1));
  });

  test("goes on with more chunks behind what it kept, drained or not", () => {
    const framer = new Framer();
    for (const part of [STREAM.slice(0, 50), STREAM.slice(50, 51), STREAM.slice(51, 120)]) {
      framer.push(part);
      framer.retain();
      part.fill(0xee);
    }
    expect(framer.buffered).toBe(120);
    expect(pushBorrowed(framer, STREAM.subarray(120))).toEqual(EXPECTED);
  });

  test.each([2, 50, 98])(
    "leaves a payload of its own buffer, the %dth of 100, as it is while more comes",
    (nth) => {
      const framer = new Framer();
      framer.push(concat(Array(100).fill(FRAMES[1])));
      framer.retain();
      for (let i = 1; i < nth; i++) framer.next();
      const { payload } = framer.next()!;
      for (let more = 0; more < 300; more++) {
        framer.push(FRAMES[2].slice());
        framer.retain();
        expect(toHex(payload)).toBe(toHex(FRAMES[1].subarray(FRAME_HEADER_BYTES)));
      }
    },
  );

  test("allocates nothing while as much comes as is taken", () => {
    const framer = new Framer();
    const buffers = new Set<ArrayBufferLike>();
    for (let round = 0; round < 200; round++) {
      for (let more = 0; more < 3; more++) {
        framer.push(STREAM.slice());
        framer.retain();
      }
      // One frame stays: the buffer is never empty.
      const taken = 3 * FRAMES.length - (round === 0 ? 1 : 0);
      for (let i = 0; i < taken; i++) buffers.add(framer.next()!.payload.buffer);
    }
    expect(buffers.size).toBeLessThan(5);
  });

  test("twice, or with nothing left, does nothing", () => {
    const framer = new Framer();
    framer.retain();
    framer.push(FRAMES[0].slice());
    framer.retain();
    framer.retain();
    expect(framer.buffered).toBe(8);
    expect(drain(framer)).toEqual([EXPECTED[0]]);
    framer.retain();
    expect(framer.buffered).toBe(0);
  });
});

describe("misuse", () => {
  test("push over a chunk that was neither drained nor retained", () => {
    const framer = new Framer();
    framer.push(STREAM);
    framer.next();
    const error = thrownBy(() => framer.push(hex("0600")));
    expect(error).toBeInstanceOf(UsageError);
    expect(error.message).toBe(
      `Cannot push 2 bytes: ${STREAM.length - 8} of the last chunk are not drained or retained`,
    );
    expect(drain(framer)).toEqual(EXPECTED.slice(1));
  });

  test.each([-1, 1.5, 4_294_967_296])("a limit of %d", (maxPayloadBytes) => {
    expect(thrownBy(() => new Framer({ maxPayloadBytes }))).toBeInstanceOf(UsageError);
  });
});

/** Streams that are not allowed: the bad frame's bytes, and the message. */
const BAD: [string, string, string][] = [
  ["type 0", "00", "Cannot read a frame: type is 0, known are 1 to 6 and 255"],
  ["type 7", "07 00000000", "Cannot read a frame: type is 7, known are 1 to 6 and 255"],
  ["type 254", "fe 0000", "Cannot read a frame: type is 254, known are 1 to 6 and 255"],
  [
    "one byte too many",
    "03 01000400",
    "Cannot read SlotBatch: payload length is 262145, the limit is 262144",
  ],
  ["4 GiB", "ff ffffffff", "Cannot read Error: payload length is 4294967295, the limit is 262144"],
];

describe("a frame that is not allowed", () => {
  test.each(BAD)("%s: whole, behind good frames", (_name, bytes, message) => {
    const framer = new Framer();
    framer.push(concat([FRAMES[0], FRAMES[4], hex(bytes)]));
    expect([framer.next()!.type, framer.next()!.type]).toEqual([1, 6]);
    const error = thrownBy(() => framer.next());
    expect(error).toBeInstanceOf(ProtocolError);
    expect(error.message).toBe(message);
  });

  test.each(BAD)("%s: byte by byte, thrown at the byte that proves it", (_name, bytes, message) => {
    const framer = new Framer();
    const bad = hex(bytes);
    const proof = message.includes("type is") ? 0 : 4;
    for (const [i, byte] of bad.subarray(0, proof + 1).entries()) {
      framer.push(Uint8Array.of(byte));
      if (i < proof) expect(framer.next()).toBeUndefined();
    }
    expect(thrownBy(() => framer.next()).message).toBe(message);
  });

  test.each(BAD)("%s: the framer stays failed", (_name, bytes) => {
    const framer = new Framer();
    framer.push(concat([hex(bytes), STREAM]));
    const error = thrownBy(() => framer.next());
    expect(thrownBy(() => framer.next())).toBe(error);
    expect(thrownBy(() => framer.push(STREAM))).toBe(error);
    framer.retain();
    expect(thrownBy(() => framer.next())).toBe(error);
    expect(framer.buffered).toBe(0);
  });

  test("is found in what was retained, too", () => {
    const framer = new Framer();
    framer.push(concat([FRAMES[0], hex("63")]));
    framer.retain();
    expect(framer.next()!.type).toBe(FrameType.SyncRequest);
    expect(thrownBy(() => framer.next()).message).toContain("type is 99");
  });
});

describe("limits", () => {
  test("a payload of exactly the limit passes, whole and cut", () => {
    const frame = rawFrame(FrameType.SlotBatch, pattern(MAX_PAYLOAD_BYTES));
    for (const cut of [0, 1, 5, 6, 1_000, 200_000, frame.length - 1]) {
      const framer = new Framer();
      framer.push(frame.subarray(0, cut));
      if (cut > 0) expect(framer.next()).toBeUndefined();
      framer.push(frame.subarray(cut));
      const { payload } = framer.next()!;
      expect(payload.length).toBe(MAX_PAYLOAD_BYTES);
      expect(payload.every((byte, i) => byte === frame[FRAME_HEADER_BYTES + i])).toBe(true);
      expect(framer.next()).toBeUndefined();
    }
  });

  test("are an option", () => {
    const small = new Framer({ maxPayloadBytes: 3 });
    small.push(concat([FRAMES[0], FRAMES[1]]));
    expect(small.next()!.type).toBe(FrameType.SyncRequest);
    expect(thrownBy(() => small.next()).message).toBe(
      "Cannot read ShardInfo: payload length is 12, the limit is 3",
    );
    const large = new Framer({ maxPayloadBytes: 300_000 });
    large.push(rawFrame(FrameType.SlotBatch, pattern(300_000)));
    expect(large.next()!.bytes).toBe(300_005);
  });

  test("a header that announces much does not allocate it", () => {
    const framer = new Framer({ maxPayloadBytes: 0xffff_ffff });
    framer.push(hex("03 ffffffff 00"));
    expect(framer.next()).toBeUndefined();
    framer.push(hex("01"));
    expect(framer.next()).toBeUndefined();
    expect(framer.buffered).toBe(7);
  });

  test("buffered and highWater count bytes that were not handed out", () => {
    const framer = new Framer();
    expect([framer.buffered, framer.highWater]).toEqual([0, 0]);
    framer.push(STREAM.slice(0, 10));
    expect([framer.buffered, framer.highWater]).toEqual([10, 10]);
    framer.next();
    expect(framer.next()).toBeUndefined();
    expect([framer.buffered, framer.highWater]).toEqual([2, 10]);
    framer.push(STREAM.slice(10, 24));
    expect([framer.buffered, framer.highWater]).toEqual([16, 16]);
    framer.retain();
    expect([framer.buffered, framer.highWater]).toEqual([16, 16]);
    expect(drain(framer)).toEqual([]);
    expect(pushBorrowed(framer, STREAM.slice(24, 25))).toEqual([EXPECTED[1]]);
    expect(pushBorrowed(framer, STREAM.slice(25, 27))).toEqual([]);
    expect([framer.buffered, framer.highWater]).toEqual([2, 17]);
  });

  test("what was retained beyond them is not kept once it was drained", () => {
    const framer = new Framer({ maxPayloadBytes: 2_000 });
    framer.push(concat(Array(1_000).fill(FRAMES[1])));
    framer.retain();
    expect(framer.next()!.payload.buffer.byteLength).toBeGreaterThanOrEqual(1_000 * FRAMES[1].length);
    expect(drain(framer).length).toBe(999);
    for (const byte of rawFrame(FrameType.Error, pattern(2_000))) {
      framer.push(Uint8Array.of(byte));
      const frame = framer.next();
      if (frame) expect(frame.payload.buffer.byteLength).toBe(2_005);
    }
    expect(framer.buffered).toBe(0);
  });
});

test("empty chunks change nothing", () => {
  const framer = new Framer();
  framer.push(new Uint8Array(0));
  expect(framer.next()).toBeUndefined();
  framer.push(FRAMES[0].slice(0, 3));
  expect(framer.next()).toBeUndefined();
  framer.push(new Uint8Array(0));
  expect(framer.next()).toBeUndefined();
  framer.push(FRAMES[0].slice(3));
  expect(drain(framer)).toEqual([EXPECTED[0]]);
});
