import { describe, expect, test } from "bun:test";
import { createXXHash3 } from "hash-wasm";
import { hashKey, shardOfHashedKey, shardOfKey } from "../../src/fixed/routing.ts";
import type { Shape } from "../../src/slot_events.ts";

const oracle = await createXXHash3();

const SHARD_COUNTS = [1, 2, 3, 4, 5, 7, 8, 10, 16, 31, 64, 100, 127, 128, 129, 200, 251, 254, 255];
/** Where a key stands in the buffer that holds it: at an offset, between other bytes. */
const AT = 3;

function u64Of(bytes: Uint8Array): bigint {
  return BigInt(`0x${oracle.init().update(bytes).digest("hex")}`);
}

/** The part of a key that decides its shard, bit by bit as armdb's words say it. */
function routedPart(key: Uint8Array, prefixBits: number): Uint8Array {
  if (prefixBits === 0 || prefixBits >= 8 * key.length) return key;
  const part = key.slice(0, Math.ceil(prefixBits / 8));
  for (let bit = prefixBits; bit < 8 * part.length; bit++) part[bit >> 3] &= ~(0x80 >> (bit & 7));
  return part;
}

function shapeOf(shardCount: number, keyLength: number, prefixBits = 0): Shape {
  return { shardCount, keyLength, valueLength: 8, prefixBits };
}

/** Deterministic keys, each in a buffer with other bytes around it. */
function keysOf(keyLength: number, count: number): Uint8Array[] {
  return Array.from(
    { length: count },
    (_, n) =>
      Uint8Array.from(
        { length: AT + keyLength + 5 },
        (_, i) => Math.imul(keyLength * 7919 + n * 104_729 + i + 1, 0x9e3779b1) >>> 24,
      ),
  );
}

/** Prefix bits worth trying with a key: all of them up to its length, and beyond it. */
function prefixesOf(keyLength: number): number[] {
  const upTo = Math.min(255, 8 * keyLength + 1);
  return [...Array(upTo + 1).keys(), 255];
}

describe("shardOfKey", () => {
  test("is the hash modulo the shard count, for every length of key and every prefix", () => {
    const differing = [];
    for (let keyLength = 1; keyLength <= 40; keyLength++) {
      for (const bytes of keysOf(keyLength, 3)) {
        const key = bytes.slice(AT, AT + keyLength);
        for (const prefixBits of prefixesOf(keyLength)) {
          const hash = u64Of(routedPart(key, prefixBits));
          for (const shardCount of SHARD_COUNTS) {
            const expected = Number(hash % BigInt(shardCount));
            if (shardOfKey(bytes, AT, shapeOf(shardCount, keyLength, prefixBits)) !== expected) {
              differing.push({ keyLength, prefixBits, shardCount });
            }
          }
        }
      }
    }
    expect(differing).toEqual([]);
  });

  test("is right for every shard count from 1 to 255", () => {
    const differing = [];
    for (const bytes of keysOf(8, 50)) {
      const hash = u64Of(bytes.subarray(AT, AT + 8));
      for (let shardCount = 1; shardCount <= 255; shardCount++) {
        if (shardOfKey(bytes, AT, shapeOf(shardCount, 8)) !== Number(hash % BigInt(shardCount))) {
          differing.push(shardCount);
        }
      }
    }
    expect(differing).toEqual([]);
  });

  test("keys that share a prefix share a shard, and others spread over all shards", () => {
    const shape = shapeOf(16, 8, 12);
    const key = Uint8Array.of(0xab, 0xc0, 0, 0, 0, 0, 0, 0);
    const home = shardOfKey(key, 0, shape);
    const sameFirstBits = Uint8Array.of(0xab, 0xcf, 1, 2, 3, 4, 5, 6);
    expect(shardOfKey(sameFirstBits, 0, shape)).toBe(home);
    const shards = new Set<number>();
    for (let i = 0; i < 256; i++) shards.add(shardOfKey(Uint8Array.of(i, 0xc0, 0, 0, 0, 0, 0, 0), 0, shape));
    expect([...shards].sort((a, b) => a - b)).toEqual([...Array(16).keys()]);
  });

  test("a prefix of one key leaves nothing behind for the next", () => {
    const long = new Uint8Array(32).fill(0xff);
    const short = Uint8Array.of(0x12, 0x34);
    const shape = shapeOf(255, 2, 9);
    const before = shardOfKey(short, 0, shape);
    shardOfKey(long, 0, shapeOf(255, 32, 251));
    expect(shardOfKey(short, 0, shape)).toBe(before);
    expect(before).toBe(Number(u64Of(Uint8Array.of(0x12, 0x00)) % 255n));
  });

  test("changes no key", () => {
    const bytes = new Uint8Array(16).fill(0xff);
    for (let prefixBits = 0; prefixBits <= 128; prefixBits++) {
      shardOfKey(bytes, 0, shapeOf(255, 16, prefixBits));
    }
    expect(bytes).toEqual(new Uint8Array(16).fill(0xff));
  });
});

describe("hashKey", () => {
  test("is the high word of the whole key's hash, unsigned", () => {
    for (let keyLength = 1; keyLength <= 40; keyLength++) {
      for (const bytes of keysOf(keyLength, 3)) {
        const expected = Number(u64Of(bytes.subarray(AT, AT + keyLength)) >> 32n);
        expect(hashKey(bytes, AT, keyLength)).toBe(expected);
      }
    }
  });
});

describe("shardOfHashedKey", () => {
  test.each([0, 1, 7, 8, 20, 63, 64, 255])(
    "agrees with shardOfKey after hashKey: %d prefix bits",
    (prefixBits) => {
      for (const bytes of keysOf(8, 20)) {
        for (const shardCount of SHARD_COUNTS) {
          const shape = shapeOf(shardCount, 8, prefixBits);
          const expected = shardOfKey(bytes, AT, shape);
          hashKey(bytes, AT, 8);
          expect(shardOfHashedKey(bytes, AT, shape)).toBe(expected);
        }
      }
    },
  );
});
