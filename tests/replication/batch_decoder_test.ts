import { describe, expect, test } from "bun:test";
import { ProtocolError, UsageError } from "../../src/errors.ts";
import { BatchDecoder, FRAME_HEADER_BYTES, type ProtocolVersion } from "../../src/replication/protocol.ts";
import { concat, hex, LENGTHS, mixedBatch, pattern, plainEvents, toHex } from "./wire_samples.ts";
import { thrownBy } from "../harness/failures.ts";

const MIXED = mixedBatch().subarray(FRAME_HEADER_BYTES);
const KEY = "a1a2a3a4a5a6a7a8";
const VALUE = "b0b1b2b3b4b5b6b7b8b9babbbcbdbebf";
const OCCUPIED = `07000000 15000000 ${KEY} ${VALUE}`;
const DELETED = `08000000 1a000000 ${KEY}`;
const FREE = "09000000 1c000000";
const STATUS_3 = "0a000000 1f000000";

function decode(payload: Uint8Array, version: ProtocolVersion = 2) {
  return new BatchDecoder(LENGTHS).decode(payload, { shard: 3, version });
}

describe("a batch", () => {
  test("is drawn from its bytes", () => {
    const payload = hex(`03 03000000 ${OCCUPIED} ${DELETED} ${FREE}`);
    const events = decode(payload);
    expect(events.bytes).toBe(payload);
    expect(plainEvents(events)).toEqual([
      { slot: 7, meta: (5 << 2) | 1, record: KEY + VALUE },
      { slot: 8, meta: (6 << 2) | 2, record: KEY },
      { slot: 9, meta: 7 << 2, record: "" },
    ]);
    expect(Array.from(events.keyAt.subarray(0, 2))).toEqual([13, 45]);
  });

  test("keeps u32 slots and metas unsigned", () => {
    const last = plainEvents(decode(MIXED))[3];
    expect(last).toEqual({ slot: 4_294_967_295, meta: 0xffff_fffd, record: toHex(pattern(24, 3)) });
  });

  test("that has not come yet has no events", () => {
    expect(plainEvents(new BatchDecoder(LENGTHS).events)).toEqual([]);
  });

  test("may be empty", () => {
    expect(decode(hex("03 00000000")).count).toBe(0);
  });

  test("without resets is the same under protocol 1", () => {
    const payload = hex(`03 02000000 ${OCCUPIED} ${DELETED}`);
    expect(plainEvents(decode(payload, 1))).toEqual(plainEvents(decode(payload, 2)));
    expect(decode(payload, 1).count).toBe(2);
  });

  test("is found in the middle of a buffer", () => {
    const around = concat([pattern(11), MIXED, pattern(5)]);
    const events = decode(around.subarray(11, 11 + MIXED.length));
    expect(plainEvents(events)).toEqual(plainEvents(decode(MIXED)));
    expect(events.count).toBe(4);
  });

  test.each([[1, 0], [1, 3], [3, 1], [8, 0], [300, 65_000]])(
    "of keys of %d and values of %d bytes",
    (keyLength, valueLength) => {
      const lengths = { keyLength, valueLength };
      const record = pattern(keyLength + valueLength);
      const payload = concat([
        hex("03 03000000 01000000 05000000"),
        record,
        hex("02000000 06000000"),
        record.subarray(0, keyLength),
        hex("03000000 04000000"),
      ]);
      const events = new BatchDecoder(lengths).decode(payload, { shard: 3, version: 2 });
      expect(plainEvents(events, lengths)).toEqual([
        { slot: 1, meta: 5, record: toHex(record) },
        { slot: 2, meta: 6, record: toHex(record.subarray(0, keyLength)) },
        { slot: 3, meta: 4, record: "" },
      ]);
    },
  );
});

/** Batches that are not allowed: payload, protocol version, message. */
const REFUSED: [string, string, ProtocolVersion, string][] = [
  ["another shard", `04 01000000 ${FREE}`, 2, "shard_id is 4, expected 3"],
  [
    "status 3",
    `03 01000000 ${STATUS_3}`,
    2,
    "status of event 0 of 1 is 3 (meta 31), allowed under protocol 2 are 0 (FREE), 1 (OCCUPIED), 2 (DELETED)",
  ],
  [
    "status 3 after good events",
    `03 03000000 ${OCCUPIED} ${DELETED} ${STATUS_3}`,
    2,
    "status of event 2 of 3 is 3 (meta 31), allowed under protocol 2 are 0 (FREE), 1 (OCCUPIED), 2 (DELETED)",
  ],
  [
    "status 3 under protocol 1",
    `03 01000000 ${STATUS_3} ${KEY}`,
    1,
    "status of event 0 of 1 is 3 (meta 31), allowed under protocol 1 are 1 (OCCUPIED), 2 (DELETED)",
  ],
  [
    "a reset under protocol 1",
    `03 02000000 ${OCCUPIED} ${FREE}`,
    1,
    "status of event 1 of 2 is 0 (meta 28), allowed under protocol 1 are 1 (OCCUPIED), 2 (DELETED)",
  ],
  [
    "a count of one too many",
    `03 03000000 ${OCCUPIED} ${DELETED}`,
    2,
    "count is 3, but the payload ends at byte 53, in the head of event 2, which ends at byte 61",
  ],
  [
    "a count of one too few",
    `03 01000000 ${OCCUPIED} ${DELETED}`,
    2,
    "count is 1, and its events end at byte 37, but the payload at byte 53",
  ],
  [
    "a count of 0 with an event",
    `03 00000000 ${FREE}`,
    2,
    "count is 0, and its events end at byte 5, but the payload at byte 13",
  ],
  [
    "a byte after the events",
    `03 01000000 ${FREE} 00`,
    2,
    "count is 1, and its events end at byte 13, but the payload at byte 14",
  ],
  [
    "a count that no payload holds",
    `03 ffffffff ${FREE}`,
    2,
    "count is 4294967295, but the 8 bytes after it hold at most 1 events",
  ],
  [
    "a count that is too large for protocol 1",
    `03 02000000 ${DELETED} ${FREE}`,
    1,
    "count is 2, but the 24 bytes after it hold at most 1 events",
  ],
  [
    "an OCCUPIED slot cut in its value",
    `03 01000000 07000000 15000000 ${KEY} b0`,
    2,
    "event 0 of 1 is OCCUPIED and ends at byte 37, but the payload at byte 22",
  ],
  [
    "a DELETED slot cut in its key",
    `03 02000000 ${FREE} 08000000 1a000000 a1`,
    2,
    "event 1 of 2 is DELETED and ends at byte 29, but the payload at byte 22",
  ],
];

describe("a batch is refused for", () => {
  test.each(REFUSED)("%s", (_name, payload, version, problem) => {
    const error = thrownBy(() => decode(hex(payload), version));
    expect(error).toBeInstanceOf(ProtocolError);
    expect(error.message).toBe(`Cannot decode SlotBatch: ${problem}`);
  });

  test("its end, wherever it is cut", () => {
    for (let length = 0; length < MIXED.length; length++) {
      const error = thrownBy(() => decode(MIXED.subarray(0, length)));
      expect(error).toBeInstanceOf(ProtocolError);
      expect(error.message).toMatch(/^Cannot decode SlotBatch: (payload length|count|event \d of 4) is /);
    }
  });

  test("any single byte more", () => {
    expect(thrownBy(() => decode(concat([MIXED, Uint8Array.of(1)])))).toBeInstanceOf(ProtocolError);
  });
});

describe("the columns", () => {
  test("are reused", () => {
    const decoder = new BatchDecoder(LENGTHS);
    const first = decoder.decode(MIXED, { shard: 3, version: 2 });
    const { slots, metas, keyAt } = first;
    const second = decoder.decode(hex(`03 01000000 ${FREE}`), { shard: 3, version: 2 });
    expect(second).toBe(first);
    expect(second).toBe(decoder.events);
    expect([second.slots === slots, second.metas === metas, second.keyAt === keyAt]).toEqual([
      true,
      true,
      true,
    ]);
    expect(plainEvents(second)).toEqual([{ slot: 9, meta: 28, record: "" }]);
  });

  test("grow to a count that the payload holds, in all three", () => {
    const decoder = new BatchDecoder(LENGTHS);
    const events = Array.from({ length: 1_000 }, (_, i) => Uint8Array.of(i, i >> 8, 0, 0, 4, 0, 0, 0));
    const decoded = decoder.decode(concat([hex("03 e8030000"), ...events]), { shard: 3, version: 2 });
    expect(decoded.count).toBe(1_000);
    expect([decoded.slots.length, decoded.metas.length, decoded.keyAt.length]).toEqual([1_000, 1_000, 1_000]);
    expect([decoded.slots[999], decoded.metas[999], decoded.keyAt[999]]).toEqual([999, 4, 5 + 999 * 8 + 8]);
  });

  test("do not grow for a count that the payload cannot hold", () => {
    const decoder = new BatchDecoder(LENGTHS);
    const { slots } = decoder.events;
    expect(thrownBy(() => decoder.decode(hex(`03 00000040 ${FREE}`), { shard: 3, version: 2 })))
      .toBeInstanceOf(ProtocolError);
    expect(decoder.events.slots).toBe(slots);
  });

  test("hold nothing after a refusal, and the next good batch decodes", () => {
    const decoder = new BatchDecoder(LENGTHS);
    const expected = { shard: 3, version: 2 as const };
    for (const [, payload, version] of REFUSED) {
      decoder.decode(MIXED, expected);
      expect(decoder.events.count).toBe(4);
      expect(thrownBy(() => decoder.decode(hex(payload), { shard: 3, version }))).toBeInstanceOf(
        ProtocolError,
      );
      expect([decoder.events.count, decoder.events.bytes.length]).toEqual([0, 0]);
    }
  });
});

test.each([
  ["keyLength", { keyLength: 0, valueLength: 4 }, 0],
  ["keyLength", { keyLength: NaN, valueLength: 4 }, NaN],
  ["keyLength", { keyLength: 65_536, valueLength: 4 }, 65_536],
  ["valueLength", { keyLength: 4, valueLength: -1 }, -1],
])("lengths that no event has: %s of %j", (field, lengths, value) => {
  const error = thrownBy(() => new BatchDecoder(lengths));
  expect(error).toBeInstanceOf(UsageError);
  expect(error.message).toContain(`Cannot use ${field}: current value is ${value}`);
});
