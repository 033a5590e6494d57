import { describe, expect, test } from "bun:test";
import { UsageError } from "../../src/errors.ts";
import {
  encodeAck,
  encodeCaughtUp,
  encodeShardInfo,
  encodeSyncRequest,
} from "../../src/replication/protocol.ts";
import { INFO } from "./wire_samples.ts";
import { thrownBy } from "../harness/failures.ts";

const REQUEST = { shard: 0, version: 1, emptyState: false };
const CAUGHT_UP = { shard: 0, scanned: 0 };
const ACK = { shard: 0, applied: 0, maxVersion: 0 };

/** Each field, the most that fits it, and a frame with a value in it. */
const FIELDS: [field: string, most: number, encode: (value: number) => Uint8Array][] = [
  ["shard_id", 0xff, (shard) => encodeSyncRequest({ ...REQUEST, shard })],
  ["protocol_version", 0xff, (version) => encodeSyncRequest({ ...REQUEST, version })],
  ["shard_count", 0xff, (shardCount) => encodeShardInfo({ ...INFO, shardCount })],
  ["slot_count", 0xffff_ffff, (slotCount) => encodeShardInfo({ ...INFO, slotCount })],
  ["shard_prefix_bits", 0xff, (prefixBits) => encodeShardInfo({ ...INFO, prefixBits })],
  ["shard_id", 0xff, (shard) => encodeCaughtUp({ ...CAUGHT_UP, shard })],
  ["total_scanned", Number.MAX_SAFE_INTEGER, (scanned) => encodeCaughtUp({ ...CAUGHT_UP, scanned })],
  ["shard_id", 0xff, (shard) => encodeAck({ ...ACK, shard })],
  ["applied_count", Number.MAX_SAFE_INTEGER, (applied) => encodeAck({ ...ACK, applied })],
  ["max_version_seen", 0xffff_ffff, (maxVersion) => encodeAck({ ...ACK, maxVersion })],
];

/** Fields that no slot fills: the slot's own limit comes long before. */
const LENGTHS: typeof FIELDS = [
  ["key_len", 0xffff, (keyLength) => encodeShardInfo({ ...INFO, keyLength })],
  ["value_len", 0xffff, (valueLength) => encodeShardInfo({ ...INFO, valueLength })],
];

describe("the largest value of a field", () => {
  test.each(FIELDS)("%s: %d is written", (_field, most, encode) => {
    expect(() => encode(most)).not.toThrow();
  });

  test.each(LENGTHS)("%s: %d fits, and no slot holds so much", (_field, most, encode) => {
    expect(() => encode(most)).toThrow("over the limit of 65535");
  });

  test.each([...FIELDS, ...LENGTHS])("%s: one over %d is refused", (field, most, encode) => {
    const error = thrownBy(() => encode(most + 1));
    expect(error).toBeInstanceOf(UsageError);
    expect(error.message).toBe(
      `Cannot use ${field}: current value is ${most + 1}, allowed is an integer from 0 to ${most}`,
    );
  });
});
