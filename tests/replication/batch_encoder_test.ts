import { describe, expect, test } from "bun:test";
import { UsageError } from "../../src/errors.ts";
import {
  BATCH_TARGET_BYTES,
  BatchDecoder,
  BatchEncoder,
  FRAME_HEADER_BYTES,
  MAX_BATCH_EVENTS,
  MAX_PAYLOAD_BYTES,
} from "../../src/replication/protocol.ts";
import { thrownBy } from "../harness/failures.ts";
import { randomIntegers } from "../harness/random.ts";
import { LENGTHS, mixedBatch, pattern, plainEvents, reencode, toHex } from "./wire_samples.ts";

const EVENTS_AT = FRAME_HEADER_BYTES + 5;

/** Adds OCCUPIED slots until the batch is full. */
function fill(encoder: BatchEncoder, record: Uint8Array): void {
  encoder.reset(1);
  while (!encoder.full) encoder.addOccupied(encoder.count, 5, record, 0);
}

describe("a frame", () => {
  test("has the bytes of its events", () => {
    expect(toHex(mixedBatch())).toBe([
      "03" + "5d000000" + "03" + "04000000",
      "07000000" + "15000000" + toHex(pattern(30, 1).subarray(2, 26)),
      "08000000" + "1a000000" + toHex(pattern(8, 2)),
      "09000000" + "1c000000",
      "ffffffff" + "fdffffff" + toHex(pattern(24, 3)),
    ].join(""));
  });

  test("may be empty", () => {
    const encoder = new BatchEncoder(LENGTHS);
    encoder.reset(9);
    expect(toHex(encoder.finish())).toBe("03" + "05000000" + "09" + "00000000");
  });

  test("is a view of one buffer, which reset gives back", () => {
    const encoder = new BatchEncoder(LENGTHS);
    encoder.reset(1);
    encoder.addReset(1, 4);
    const first = encoder.finish();
    expect(toHex(first.subarray(5))).toBe("01" + "01000000" + "01000000" + "04000000");
    encoder.reset(2);
    expect(encoder.count).toBe(0);
    encoder.addReset(2, 8);
    const second = encoder.finish();
    expect(second.buffer).toBe(first.buffer);
    expect(toHex(second.subarray(5))).toBe("02" + "01000000" + "02000000" + "08000000");
  });

  test.each([47, 48, 49, 500])("copies records of %d bytes whole", (length) => {
    const encoder = new BatchEncoder({ keyLength: 1, valueLength: length - 1 });
    const bytes = pattern(length + 6);
    encoder.reset(1);
    encoder.addOccupied(1, 5, bytes, 3);
    encoder.addOccupied(2, 5, bytes, 6);
    const frame = encoder.finish();
    expect(frame.length).toBe(EVENTS_AT + 2 * (8 + length));
    expect(toHex(frame.subarray(EVENTS_AT + 8, EVENTS_AT + 8 + length))).toBe(
      toHex(bytes.subarray(3, 3 + length)),
    );
    expect(toHex(frame.subarray(frame.length - length))).toBe(toHex(bytes.subarray(6)));
  });
});

describe("full", () => {
  test("at 256 events", () => {
    const encoder = new BatchEncoder(LENGTHS);
    encoder.reset(1);
    for (let i = 0; i < MAX_BATCH_EVENTS; i++) {
      expect(encoder.full).toBe(false);
      encoder.addReset(i, 4);
    }
    expect([encoder.count, encoder.full]).toEqual([256, true]);
    encoder.reset(1);
    expect([encoder.count, encoder.full]).toEqual([0, false]);
  });

  test("once the payload has 64 KiB, and not a byte before", () => {
    // Two events end a byte before the target, two a byte behind it, nineteen on it.
    for (const [valueLength, count] of [[32_756, 3], [32_757, 2], [3_440, 19]]) {
      const encoder = new BatchEncoder({ keyLength: 1, valueLength });
      fill(encoder, pattern(1 + valueLength));
      expect(encoder.count).toBe(count);
    }
  });

  test("with the largest slots overshoots by one event and stays within a frame", () => {
    const lengths = { keyLength: 8, valueLength: 65_512 };
    const encoder = new BatchEncoder(lengths);
    fill(encoder, pattern(65_520));
    const payload = encoder.finish().subarray(FRAME_HEADER_BYTES);
    expect(payload.length).toBe(5 + 2 * (8 + 65_520));
    expect(payload.length).toBeGreaterThan(BATCH_TARGET_BYTES);
    expect(payload.length).toBeLessThan(MAX_PAYLOAD_BYTES);
    expect(new BatchDecoder(lengths).decode(payload, { shard: 1, version: 2 }).count).toBe(2);
  });

  test.each([[1, 0], [8, 16], [8, 240], [8, 241], [100, 400], [1, 65_519]])(
    "of keys of %d and values of %d bytes decodes",
    (keyLength, valueLength) => {
      const lengths = { keyLength, valueLength };
      const encoder = new BatchEncoder(lengths);
      const record = pattern(keyLength + valueLength);
      fill(encoder, record);
      const events = new BatchDecoder(lengths).decode(encoder.finish().subarray(5), { shard: 1, version: 1 });
      expect(events.count).toBe(encoder.count);
      expect(events.count).toBeGreaterThan(1);
      expect(plainEvents(events, lengths).at(-1)).toEqual({
        slot: events.count - 1,
        meta: 5,
        record: toHex(record),
      });
    },
  );
});

describe("refuses", () => {
  const encoder = new BatchEncoder(LENGTHS);

  test("an event more than full", () => {
    fill(encoder, pattern(24));
    const error = thrownBy(() => encoder.addReset(1, 4));
    expect(error).toBeInstanceOf(UsageError);
    expect(error.message).toBe("Cannot add an event: the batch is full, count is 256");
    expect(encoder.count).toBe(256);
  });

  test.each([
    ["OCCUPIED", 1, () => encoder.addOccupied(1, 6, pattern(24), 0), 6, 2],
    ["DELETED", 2, () => encoder.addDeleted(1, 5, pattern(24), 0), 5, 1],
    ["FREE", 0, () => encoder.addReset(1, 7), 7, 3],
  ])("a meta that is not %s", (_name, expected, add, meta, status) => {
    encoder.reset(1);
    const error = thrownBy(add);
    expect(error).toBeInstanceOf(UsageError);
    expect(error.message).toBe(
      `Cannot add an event: status of meta ${meta} is ${status}, expected ${expected}`,
    );
    expect(encoder.count).toBe(0);
  });

  test("a record that the bytes do not hold", () => {
    encoder.reset(1);
    const bytes = pattern(30);
    for (const keyAt of [7, 30, -1, NaN]) {
      expect(thrownBy(() => encoder.addOccupied(1, 5, bytes, keyAt))).toBeInstanceOf(UsageError);
    }
    expect(thrownBy(() => encoder.addDeleted(1, 6, bytes, 23)).message).toBe(
      "Cannot add an event: its record ends at byte 31, the given bytes at byte 30",
    );
    expect(toHex(encoder.finish())).toBe("03" + "05000000" + "01" + "00000000");
    encoder.addOccupied(1, 5, bytes, 6);
    encoder.addDeleted(1, 6, bytes, 22);
    expect(encoder.count).toBe(2);
  });

  test.each([-1, 256, 1.5])("shard %d", (shard) => {
    expect(thrownBy(() => encoder.reset(shard)).message).toContain(
      `Cannot use shard_id: current value is ${shard}`,
    );
  });

  test("lengths that no event has", () => {
    expect(thrownBy(() => new BatchEncoder({ keyLength: 0, valueLength: 1 }))).toBeInstanceOf(UsageError);
    expect(thrownBy(() => new BatchEncoder({ keyLength: 1, valueLength: 1.5 }))).toBeInstanceOf(UsageError);
  });
});

test("random batches go there and back, byte for byte, and broken ones are refused or differ", () => {
  const random = randomIntegers(20_240_611);
  let events = 0;
  for (let round = 0; round < 300; round++) {
    const lengths = { keyLength: 1 + random(20), valueLength: random(120) };
    const encoder = new BatchEncoder(lengths);
    const decoder = new BatchDecoder(lengths);
    const shard = random(256);
    const bytes = pattern(400, round);
    const added = addRandom(encoder, { shard, lengths, bytes, random });
    const frame = encoder.finish().slice();
    const decoded = decoder.decode(frame.subarray(FRAME_HEADER_BYTES), { shard, version: 2 });
    expect(plainEvents(decoded, lengths)).toEqual(added);
    expect(toHex(reencode(decoded, new BatchEncoder(lengths), shard))).toBe(toHex(frame));
    for (let cut = 0; cut < 5; cut++) {
      const shorter = frame.subarray(
        FRAME_HEADER_BYTES,
        frame.length - 1 - random(frame.length - FRAME_HEADER_BYTES),
      );
      expect(thrownBy(() => decoder.decode(shorter, { shard, version: 2 })).name).toBe("ProtocolError");
    }
    events += added.length;
  }
  expect(events).toBeGreaterThan(5_000);
});

interface RandomBatch {
  shard: number;
  lengths: { keyLength: number; valueLength: number };
  bytes: Uint8Array;
  random: (limit: number) => number;
}

/** Adds random events and returns them as a decoder should see them. */
function addRandom(encoder: BatchEncoder, { shard, lengths, bytes, random }: RandomBatch) {
  const recordBytes = [0, lengths.keyLength + lengths.valueLength, lengths.keyLength];
  encoder.reset(shard);
  return Array.from({ length: 1 + random(60) }, () => {
    const status = random(3);
    const slot = random(0x1_0000_0000);
    const meta = random(0x4000_0000) * 4 + status;
    const keyAt = random(bytes.length - recordBytes[status] + 1);
    if (status === 1) encoder.addOccupied(slot, meta, bytes, keyAt);
    else if (status === 2) encoder.addDeleted(slot, meta, bytes, keyAt);
    else encoder.addReset(slot, meta);
    return { slot, meta, record: toHex(bytes.subarray(keyAt, keyAt + recordBytes[status])) };
  });
}

test("random bytes never decode past their end and never throw anything else", () => {
  const random = randomIntegers(7);
  const decoder = new BatchDecoder({ keyLength: 1, valueLength: 2 });
  let decodedBatches = 0;
  for (let round = 0; round < 20_000; round++) {
    const payload = Uint8Array.from({ length: random(40) }, () => random(256));
    if (payload.length >= 5) payload.set([3, 1 + random(2), 0, 0, 0]);
    try {
      const events = decoder.decode(payload, { shard: 3, version: 2 });
      const last = events.count - 1;
      expect(events.keyAt[last] + [0, 3, 1][events.metas[last] & 3]).toBe(payload.length);
      decodedBatches++;
    } catch (error) {
      expect((error as Error).name).toBe("ProtocolError");
    }
  }
  expect(decodedBatches).toBeGreaterThan(50);
});
