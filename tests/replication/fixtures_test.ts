/** Replays the recorded sessions of real armdb leaders through framer and codec. */

import { describe, expect, test } from "bun:test";
import { readdirSync } from "node:fs";
import { ProtocolError } from "../../src/errors.ts";
import { type Frame, Framer } from "../../src/replication/framer.ts";
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
  encodeError,
  encodeShardInfo,
  encodeSyncRequest,
  FRAME_HEADER_BYTES,
  FrameType,
  HEARTBEAT_FRAME,
  type ProtocolVersion,
} from "../../src/replication/protocol.ts";
import {
  parseRecording,
  readRecording,
  type RecordedFrame,
  type Recording,
  RECORDING_NAMES,
  type RecordingName,
  streamsOf,
} from "../fixtures/recording.ts";
import { concat, plainEvents, reencode, toHex } from "./wire_samples.ts";
import { thrownBy } from "../harness/failures.ts";

/** Frames by type: what each recording holds. A parser that finds nothing cannot pass. */
const COUNTS: Record<RecordingName, Record<string, number>> = {
  "a-basic-v1": { "1": 1, "2": 1, "3": 9, "4": 1, "5": 9, "6": 6 },
  "a-basic-v2": { "1": 1, "2": 1, "3": 9, "4": 1, "5": 9, "6": 6 },
  "b-two-shards-v1": { "1": 2, "2": 2, "3": 4, "4": 2, "5": 4 },
  "b-two-shards-v2": { "1": 2, "2": 2, "3": 4, "4": 2, "5": 4 },
  "c-version-mismatch-v1": { "1": 4, "5": 1, "42": 1, "255": 3 },
  "c-version-mismatch-v2": { "1": 4, "5": 1, "42": 1, "255": 3 },
  "d-invalid-shard-v1": { "1": 2, "255": 2 },
  "d-invalid-shard-v2": { "1": 2, "255": 2 },
  "e-second-follower-v1": { "1": 2, "2": 2, "3": 3, "4": 2, "5": 3, "6": 35 },
  "e-second-follower-v2": { "1": 7, "2": 7, "3": 4, "4": 2, "5": 4, "6": 9, "255": 5 },
  "f-reconnect-v1": { "1": 2, "2": 2, "3": 3, "4": 2, "5": 3, "6": 32 },
  "f-reconnect-v2": { "1": 3, "2": 3, "3": 6, "4": 3, "5": 6 },
};

/** Events in the SlotBatches of each recording. */
const EVENTS: Record<RecordingName, number> = {
  "a-basic-v1": 15,
  "a-basic-v2": 15,
  "b-two-shards-v1": 600,
  "b-two-shards-v2": 600,
  "c-version-mismatch-v1": 0,
  "c-version-mismatch-v2": 0,
  "d-invalid-shard-v1": 0,
  "d-invalid-shard-v2": 0,
  "e-second-follower-v1": 11,
  "e-second-follower-v2": 13,
  "f-reconnect-v1": 11,
  "f-reconnect-v2": 21,
};

const RECORDINGS = RECORDING_NAMES.map(readRecording);

/** What a raw client sent on purpose, in c-version-mismatch: no SyncRequest, and no known type. */
const BROKEN_ON_PURPOSE = ["01020000000001", "2a00000000"];

function isBroken(frame: RecordedFrame): boolean {
  return BROKEN_ON_PURPOSE.includes(toHex(frame.bytes));
}

/** The shard that a connection asked for; 0 for the one that asked for none (it sent an Ack first). */
function shardOf(recording: Recording, connection: number): number {
  const request = recording.frames.find((frame) => frame.connection === connection && frame.bytes[0] === 1);
  return request ? decodeSyncRequest(request.bytes.subarray(FRAME_HEADER_BYTES)).shard : 0;
}

/** Decodes a frame and encodes it again: the bytes must be those that armdb sent. */
function encodeAgain(frame: Frame, recording: Recording, shard: number): Uint8Array {
  const { type, payload } = frame;
  switch (type) {
    case FrameType.SyncRequest:
      return encodeSyncRequest(decodeSyncRequest(payload));
    case FrameType.ShardInfo:
      return encodeShardInfo(decodeShardInfo(payload));
    case FrameType.SlotBatch: {
      const events = new BatchDecoder(recording).decode(payload, { shard, version: recording.protocol });
      return reencode(events, new BatchEncoder(recording), shard);
    }
    case FrameType.CaughtUp:
      return encodeCaughtUp(decodeCaughtUp(payload));
    case FrameType.Ack:
      return encodeAck(decodeAck(payload));
    case FrameType.Heartbeat:
      return HEARTBEAT_FRAME;
    case FrameType.Error:
      return encodeError(decodeError(payload));
  }
}

/** All frames of a stream, whatever the size of the chunks it comes in. */
function framesOf(stream: Uint8Array, chunkBytes: number): Frame[] {
  const framer = new Framer();
  const frames: Frame[] = [];
  for (let at = 0; at < stream.length; at += chunkBytes) {
    framer.push(stream.slice(at, at + chunkBytes));
    for (let frame = framer.next(); frame; frame = framer.next()) {
      frames.push({ ...frame, payload: frame.payload.slice() });
    }
  }
  expect(framer.buffered).toBe(0);
  return frames;
}

test("every recording in the folder is replayed", () => {
  const files = readdirSync(new URL("../fixtures/", import.meta.url)).filter((name) => name.endsWith(".txt"));
  expect(files.sort()).toEqual(RECORDING_NAMES.map((name) => `${name}.txt`));
});

describe.each(RECORDINGS.map((recording) => [recording.name, recording] as [string, Recording]))(
  "%s",
  (_name, recording) => {
    const streams = [...streamsOf(recording).values()].map((frames) =>
      frames.filter((frame) => !isBroken(frame))
    );

    test("holds the frames that it should", () => {
      const counts: Record<string, number> = {};
      for (const { bytes } of recording.frames) counts[bytes[0]] = (counts[bytes[0]] ?? 0) + 1;
      expect(counts).toEqual(COUNTS[recording.name as RecordingName]);
      expect(recording.protocol).toBe(Number(recording.name.at(-1)) as ProtocolVersion);
      expect([recording.keyLength, recording.valueLength]).toEqual([8, 16]);
    });

    test.each([1, 13, 1_000_000])(
      "every stream, in chunks of %d bytes, re-encodes to the same bytes",
      (chunkBytes) => {
        let replayed = 0;
        for (const stream of streams) {
          if (stream.length === 0) continue;
          const shard = shardOf(recording, stream[0].connection);
          const frames = framesOf(concat(stream.map((frame) => frame.bytes)), chunkBytes);
          expect(frames.map((frame) => toHex(encodeAgain(frame, recording, shard)))).toEqual(
            stream.map((frame) => toHex(frame.bytes)),
          );
          replayed += frames.length;
        }
        expect(replayed).toBe(recording.frames.filter((frame) => !isBroken(frame)).length);
      },
    );

    test("ShardInfo tells the shape, and the batches hold the events that it should", () => {
      let events = 0;
      const decoder = new BatchDecoder(recording);
      for (const { bytes, connection } of recording.frames) {
        const payload = bytes.subarray(FRAME_HEADER_BYTES);
        if (bytes[0] === FrameType.ShardInfo) {
          const { shardCount, keyLength, valueLength, slotSize, slotCount, prefixBits } = decodeShardInfo(
            payload,
          );
          expect([shardCount, keyLength, valueLength, slotSize, prefixBits]).toEqual([
            recording.shards,
            8,
            16,
            32,
            0,
          ]);
          expect(slotCount % 64).toBe(0);
        }
        if (bytes[0] === FrameType.SlotBatch) {
          const shard = shardOf(recording, connection);
          events += decoder.decode(payload, { shard, version: recording.protocol }).count;
        }
      }
      expect(events).toBe(EVENTS[recording.name as RecordingName]);
    });
  },
);

describe("what the recordings tell", () => {
  test("b-two-shards: a batch has at most 256 events, ids ascend, the other shard's id is refused", () => {
    const { frames, protocol } = readRecording("b-two-shards-v2");
    const decoder = new BatchDecoder({ keyLength: 8, valueLength: 16 });
    const batches = frames.filter((frame) => frame.bytes[0] === FrameType.SlotBatch);
    const counts = batches.map(({ bytes, connection }) => {
      const payload = bytes.subarray(FRAME_HEADER_BYTES);
      const shard = connection - 1;
      expect(thrownBy(() => decoder.decode(payload, { shard: 1 - shard, version: protocol })).message).toBe(
        `Cannot decode SlotBatch: shard_id is ${shard}, expected ${1 - shard}`,
      );
      const slots = plainEvents(decoder.decode(payload, { shard, version: protocol })).map((event) =>
        event.slot
      );
      expect(slots).toEqual(slots.toSorted((a, b) => a - b));
      return slots.length;
    });
    expect(counts.toSorted((a, b) => a - b)).toEqual([36, 52, 256, 256]);
  });

  test("a-basic: the overwritten key and the deleted ones, as the leader was told", () => {
    const decoder = new BatchDecoder({ keyLength: 8, valueLength: 16 });
    const last = readRecording("a-basic-v1").frames.filter((frame) => frame.bytes[0] === FrameType.SlotBatch)
      .slice(-3);
    const events = last.flatMap(({ bytes }) =>
      plainEvents(decoder.decode(bytes.subarray(FRAME_HEADER_BYTES), { shard: 0, version: 1 }))
    );
    expect(events).toEqual([
      { slot: 0, meta: (4 << 2) | 1, record: "32b5cc7bd25ab2e7" + "20".repeat(16) },
      { slot: 1, meta: (4 << 2) | 2, record: "499c94e5088385c4" },
      { slot: 2, meta: (4 << 2) | 2, record: "7fa9c228451e39a8" },
    ]);
  });

  test.each([
    ["c-version-mismatch-v1", [
      "protocol version mismatch: leader 1, follower 2",
      "protocol version mismatch: leader 1, follower 99",
      "protocol version mismatch: leader 1, follower 0",
    ]],
    ["c-version-mismatch-v2", [
      "protocol version mismatch: leader 2, follower 1",
      "protocol version mismatch: leader 2, follower 99",
      "protocol version mismatch: leader 2, follower 0",
    ]],
    ["d-invalid-shard-v1", ["invalid shard_id", "invalid shard_id"]],
    ["d-invalid-shard-v2", ["invalid shard_id", "invalid shard_id"]],
    ["e-second-follower-v2", Array(5).fill("shard already streaming")],
  ] as [RecordingName, string[]][])("%s: the errors in a leader's own words", (name, messages) => {
    const errors = readRecording(name).frames.filter((frame) => frame.bytes[0] === FrameType.Error);
    expect(errors.map((frame) => decodeError(frame.bytes.subarray(FRAME_HEADER_BYTES)))).toEqual(messages);
  });

  test.each(["c-version-mismatch-v1", "c-version-mismatch-v2"] as const)(
    "%s: what is broken is refused",
    (name) => {
      const [short, unknown] = readRecording(name).frames.filter(isBroken);
      expect(thrownBy(() => decodeSyncRequest(short.bytes.subarray(FRAME_HEADER_BYTES))).message).toBe(
        "Cannot decode SyncRequest: payload length is 2, the least is 3",
      );
      const framer = new Framer();
      framer.push(unknown.bytes);
      expect(thrownBy(() => framer.next())).toBeInstanceOf(ProtocolError);
    },
  );
});

describe("the parser", () => {
  const HEAD =
    "# x: armdb 0.1.14, wire protocol version 1\n# shards=1 shape=8x16 prefix_bits=0 grow_step=64\n";

  test("reads a frame line and keeps the notes", () => {
    const { frames, notes } = parseRecording("x", `${HEAD}2 L>F 0600000000 @17\n# conn 2 closed\n`);
    expect(frames).toEqual([{ connection: 2, direction: "L>F", bytes: HEARTBEAT_FRAME, atMs: 17 }]);
    expect(notes.at(-1)).toBe("conn 2 closed");
  });

  test.each(["2 L>F 060 @17", "2 L<F 06 @17", "L>F 06 @17", "2 L>F 06"])("refuses the line %j", (line) => {
    expect(thrownBy(() => parseRecording("x", `${HEAD}${line}\n`)).message).toContain(JSON.stringify(line));
  });

  test("refuses a file without a head", () => {
    expect(thrownBy(() => parseRecording("x", "1 F>L 0600000000 @1\n")).message).toContain("no line matches");
  });
});
