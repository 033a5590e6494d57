import { describe, expect, test } from "bun:test";
import { ProtocolError, UsageError } from "../../src/errors.ts";
import {
  ACK_FRAME_BYTES,
  BATCH_TARGET_BYTES,
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
  frameTypeName,
  HEARTBEAT_FRAME,
  isFrameType,
  MAX_BATCH_EVENTS,
  MAX_ERROR_BYTES,
  MAX_PAYLOAD_BYTES,
  writeAck,
} from "../../src/replication/protocol.ts";
import { concat, hex, INFO, toHex } from "./wire_samples.ts";
import { thrownBy } from "../harness/failures.ts";

const MOST = Number.MAX_SAFE_INTEGER;

/** The payload of a frame. */
function payloadOf(frame: Uint8Array): Uint8Array {
  return frame.subarray(FRAME_HEADER_BYTES);
}

/** Every frame of fixed fields: its value, its bytes and its codec. */
const FIXED = [
  {
    name: "SyncRequest",
    bytes: "01 03000000 03 02 01",
    value: { shard: 3, version: 2, emptyState: true },
    encode: () => encodeSyncRequest({ shard: 3, version: 2, emptyState: true }),
    decode: decodeSyncRequest,
  },
  {
    name: "SyncRequest of another version",
    bytes: "01 03000000 ff 63 00",
    value: { shard: 255, version: 99, emptyState: false },
    encode: () => encodeSyncRequest({ shard: 255, version: 99, emptyState: false }),
    decode: decodeSyncRequest,
  },
  {
    name: "ShardInfo",
    bytes: "02 0c000000 03 0800 1000 2000 ffffffff 0c",
    value: INFO,
    encode: () => encodeShardInfo(INFO),
    decode: decodeShardInfo,
  },
  {
    name: "CaughtUp",
    bytes: "04 09000000 03 ffffffffffff1f00",
    value: { shard: 3, scanned: MOST },
    encode: () => encodeCaughtUp({ shard: 3, scanned: MOST }),
    decode: decodeCaughtUp,
  },
  {
    name: "Ack",
    bytes: "05 0d000000 03 0807060504030200 fcffffff",
    value: { shard: 3, applied: 0x2_0304_0506_0708, maxVersion: 0xffff_fffc },
    encode: () => encodeAck({ shard: 3, applied: 0x2_0304_0506_0708, maxVersion: 0xffff_fffc }),
    decode: decodeAck,
  },
];

describe("constants", () => {
  test("are those of armdb", () => {
    expect({ FRAME_HEADER_BYTES, MAX_PAYLOAD_BYTES, MAX_BATCH_EVENTS, BATCH_TARGET_BYTES }).toEqual({
      FRAME_HEADER_BYTES: 5,
      MAX_PAYLOAD_BYTES: 262_144,
      MAX_BATCH_EVENTS: 256,
      BATCH_TARGET_BYTES: 65_536,
    });
  });

  test("seven of the 256 type bytes are known, and named", () => {
    const known = Array.from({ length: 256 }, (_, type) => type).filter(isFrameType);
    expect(known).toEqual([1, 2, 3, 4, 5, 6, 255]);
    expect(known.map(frameTypeName)).toEqual(Object.keys(FrameType));
  });

  test("HEARTBEAT_FRAME is a header", () => {
    expect(toHex(HEARTBEAT_FRAME)).toBe("0600000000");
  });
});

describe("frames of fixed fields", () => {
  test.each(FIXED)("$name encodes to its bytes", ({ bytes, encode }) => {
    expect(toHex(encode())).toBe(bytes.replaceAll(" ", ""));
  });

  test.each(FIXED)("$name decodes to its value", ({ bytes, value, decode }) => {
    expect(decode(payloadOf(hex(bytes)))).toEqual(value as never);
  });

  test.each(FIXED)("$name may be longer than its fields", ({ bytes, value, decode }) => {
    const longer = concat([payloadOf(hex(bytes)), Uint8Array.of(0xee, 0xff)]);
    expect(decode(longer)).toEqual(value as never);
  });

  test.each(FIXED)("$name is refused at every shorter length", ({ name, bytes, decode }) => {
    const payload = payloadOf(hex(bytes));
    for (let length = 0; length < payload.length; length++) {
      const error = thrownBy(() => decode(payload.subarray(0, length)));
      expect(error).toBeInstanceOf(ProtocolError);
      expect(error.message).toBe(
        `Cannot decode ${name.split(" ")[0]}: payload length is ${length}, the least is ${payload.length}`,
      );
    }
  });

  test.each(FIXED)("$name decodes from the middle of a buffer", ({ bytes, value, decode }) => {
    const around = concat([hex("a1a2a3"), hex(bytes), hex("b1b2b3")]);
    expect(decode(around.subarray(3 + FRAME_HEADER_BYTES, around.length - 3))).toEqual(value as never);
  });
});

describe("SyncRequest", () => {
  test("knows bit 0 of the flags alone", () => {
    expect(decodeSyncRequest(hex("0001fe")).emptyState).toBe(false);
    expect(decodeSyncRequest(hex("0001ff")).emptyState).toBe(true);
  });

  test.each([
    ["shard_id", { shard: 256 }],
    ["shard_id", { shard: -1 }],
    ["shard_id", { shard: 0.5 }],
    ["protocol_version", { version: 256 }],
    ["protocol_version", { version: NaN }],
  ])("encoder refuses %s out of range: %j", (field, change) => {
    const error = thrownBy(() => encodeSyncRequest({ shard: 0, version: 1, emptyState: false, ...change }));
    expect(error).toBeInstanceOf(UsageError);
    expect(error.message).toContain(`Cannot use ${field}: current value is ${Object.values(change)[0]}`);
  });
});

/** Contradictions: what changes against INFO, and what the message must say. */
const NONSENSE: [string, Partial<typeof INFO>][] = [
  ["shard_count is 0, allowed is 1 to 255", { shardCount: 0 }],
  ["key_len is 0, the least is 1", { keyLength: 0, slotSize: 24 }],
  ["slot_size is 24, but key_len 8 and value_len 16 need 32", { slotSize: 24 }],
  ["slot_size is 40, but key_len 8 and value_len 16 need 32", { slotSize: 40 }],
  ["slot_size is 33, but key_len 9 and value_len 16 need 40", { keyLength: 9, slotSize: 33 }],
  ["slot_size is 0, but key_len 8 and value_len 16 need 32", { slotSize: 0 }],
  [
    "slot_size is 65535, but key_len 8 and value_len 65520 need 65536, over the limit of 65535",
    { valueLength: 65_520, slotSize: 65_535 },
  ],
  [
    "slot_size is 0, but key_len 65535 and value_len 65535 need 131080, over the limit of 65535",
    { keyLength: 65_535, valueLength: 65_535, slotSize: 0 },
  ],
];

/** The payload of a ShardInfo whose fields nobody checked. */
function uncheckedInfo(info: typeof INFO): Uint8Array {
  const bytes = new Uint8Array(12);
  const view = new DataView(bytes.buffer);
  view.setUint8(0, info.shardCount);
  view.setUint16(1, info.keyLength, true);
  view.setUint16(3, info.valueLength, true);
  view.setUint16(5, info.slotSize, true);
  view.setUint32(7, info.slotCount, true);
  view.setUint8(11, info.prefixBits);
  return bytes;
}

describe("ShardInfo", () => {
  test.each(NONSENSE)("decoder refuses: %s", (problem, change) => {
    const error = thrownBy(() => decodeShardInfo(uncheckedInfo({ ...INFO, ...change })));
    expect(error).toBeInstanceOf(ProtocolError);
    expect(error.message).toBe(`Cannot decode ShardInfo: ${problem}`);
  });

  test.each(NONSENSE)("encoder refuses: %s", (problem, change) => {
    const error = thrownBy(() => encodeShardInfo({ ...INFO, ...change }));
    expect(error).toBeInstanceOf(UsageError);
    expect(error.message).toBe(`Cannot encode ShardInfo: ${problem}`);
  });

  test.each([
    ["shard_count", { shardCount: 256 }],
    ["key_len", { keyLength: 65_536 }],
    ["value_len", { valueLength: -1 }],
    ["slot_count", { slotCount: 4_294_967_296 }],
    ["shard_prefix_bits", { prefixBits: 256 }],
  ])("encoder refuses %s out of range: %j", (field, change) => {
    const error = thrownBy(() => encodeShardInfo({ ...INFO, ...change }));
    expect(error).toBeInstanceOf(UsageError);
    expect(error.message).toContain(`${field}: current value is ${Object.values(change)[0]}`);
  });

  test.each([
    ["the smallest slot", { keyLength: 1, valueLength: 0, slotSize: 16 }],
    ["no padding", { keyLength: 8, valueLength: 0, slotSize: 16 }],
    ["one byte over", { keyLength: 8, valueLength: 1, slotSize: 24 }],
    ["the largest slot", { keyLength: 8, valueLength: 65_512, slotSize: 65_528 }],
    ["no slots yet", { slotCount: 0 }],
    ["255 shards", { shardCount: 255 }],
    ["prefix bits of any size", { prefixBits: 255 }],
  ])("%s goes there and back", (_name, change) => {
    const info = { ...INFO, ...change };
    expect(payloadOf(encodeShardInfo(info))).toEqual(uncheckedInfo(info));
    expect(decodeShardInfo(uncheckedInfo(info))).toEqual(info);
  });
});

describe("u64 fields", () => {
  const over: [string, string][] = [
    ["0000000000002000", "9007199254740992"],
    ["0100000000002000", "9007199254740993"],
    ["ffffffffffffffff", "18446744073709551615"],
  ];

  test.each(over)("CaughtUp refuses a total_scanned of %s", (bytes, value) => {
    const error = thrownBy(() => decodeCaughtUp(hex(`00 ${bytes}`)));
    expect(error).toBeInstanceOf(ProtocolError);
    expect(error.message).toBe(
      `Cannot decode CaughtUp: total_scanned is ${value}, the most is 9007199254740991`,
    );
  });

  test.each(over)("Ack refuses an applied_count of %s", (bytes, value) => {
    const error = thrownBy(() => decodeAck(hex(`00 ${bytes} 00000000`)));
    expect(error).toBeInstanceOf(ProtocolError);
    expect(error.message).toBe(`Cannot decode Ack: applied_count is ${value}, the most is 9007199254740991`);
  });

  test.each([0, 1, 0xffff_ffff, 0x1_0000_0000, 0x1_0000_0001, MOST - 1, MOST])(
    "%d goes there and back",
    (value) => {
      expect(decodeCaughtUp(payloadOf(encodeCaughtUp({ shard: 1, scanned: value })))).toEqual({
        shard: 1,
        scanned: value,
      });
      const ack = { shard: 1, applied: value, maxVersion: 9 };
      expect(decodeAck(payloadOf(encodeAck(ack)))).toEqual(ack);
    },
  );

  test.each([-1, 1.5, MOST + 1, Infinity, NaN])("encoders refuse %d", (value) => {
    expect(thrownBy(() => encodeCaughtUp({ shard: 1, scanned: value }))).toBeInstanceOf(UsageError);
    expect(thrownBy(() => encodeAck({ shard: 1, applied: value, maxVersion: 0 }))).toBeInstanceOf(UsageError);
  });
});

describe("writeAck", () => {
  test("overwrites all of a dirty buffer", () => {
    const frame = new Uint8Array(ACK_FRAME_BYTES).fill(0xee);
    const ack = { shard: 3, applied: 4, maxVersion: 7 };
    writeAck(frame, ack);
    expect(toHex(frame)).toBe("050d00000003040000000000000007000000");
    expect(frame).toEqual(encodeAck(ack));
  });

  test.each([0, 13, 17, 19])("refuses a buffer of %d bytes", (length) => {
    const error = thrownBy(() => writeAck(new Uint8Array(length), { shard: 0, applied: 0, maxVersion: 0 }));
    expect(error).toBeInstanceOf(UsageError);
    expect(error.message).toBe(`Cannot write an Ack: frame length is ${length}, expected 18`);
  });

  test("writes nothing if a field does not fit", () => {
    const frame = new Uint8Array(ACK_FRAME_BYTES).fill(0xee);
    const bad = [{ shard: 256 }, { applied: -1 }, { maxVersion: 4_294_967_296 }];
    for (const change of bad) {
      const error = thrownBy(() => writeAck(frame, { shard: 0, applied: 0, maxVersion: 0, ...change }));
      expect(error).toBeInstanceOf(UsageError);
      expect(error.message).toContain(`current value is ${Object.values(change)[0]}`);
    }
    expect(frame.every((byte) => byte === 0xee)).toBe(true);
  });
});

describe("Error", () => {
  test.each([
    "",
    "protocol version mismatch: leader 1, follower 2",
    "events dropped, rescan required",
    "Größe 漢字 🦀",
  ])("%j goes there and back", (message) => {
    const frame = encodeError(message);
    expect(frame[0]).toBe(FrameType.Error);
    expect(frame.length).toBe(FRAME_HEADER_BYTES + new TextEncoder().encode(message).length);
    expect(decodeError(payloadOf(frame))).toBe(message);
  });

  test.each([
    ["a terminal's escape", "a\x1b[2Jb", "a\ufffd[2Jb"],
    ["lines", "a\r\nb", "a\ufffd\ufffdb"],
    ["NUL, DEL and C1", "\0\x7f\x9b", "\ufffd\ufffd\ufffd"],
    ["direction of text", "\u202eabc\u2066", "\ufffdabc\ufffd"],
    ["line and paragraph separators", "\u2028\u2029", "\ufffd\ufffd"],
    ["byte order mark", "\ufeffa", "\ufffda"],
  ])("makes harmless: %s", (_name, message, harmless) => {
    expect(decodeError(payloadOf(encodeError(message)))).toBe(harmless);
  });

  test("shows what is not UTF-8 as U+FFFD", () => {
    expect(decodeError(hex("61 ff 62 c3"))).toBe("a\ufffdb\ufffd");
  });

  test("is cut to its limit by the decoder, which says so", () => {
    const long = new Uint8Array(MAX_PAYLOAD_BYTES).fill(0x61);
    expect(decodeError(long.subarray(0, MAX_ERROR_BYTES))).toBe("a".repeat(MAX_ERROR_BYTES));
    expect(decodeError(long)).toBe("a".repeat(MAX_ERROR_BYTES) + "…");
  });

  test("is cut to its limit by the encoder, never within a character", () => {
    const frame = encodeError("a" + "é".repeat(MAX_ERROR_BYTES));
    expect(frame.length).toBe(FRAME_HEADER_BYTES + MAX_ERROR_BYTES - 1);
    expect(decodeError(payloadOf(frame))).toBe("a" + "é".repeat((MAX_ERROR_BYTES - 2) / 2));
  });
});
