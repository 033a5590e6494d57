/**
 * What a key's hash decides: the shard it belongs to, and its place in that shard's index.
 *
 * The shard is `xxh3(key) mod shardCount`, the u64 taken unsigned; with prefix bits, the hash is of the key's
 * first bits alone. A prefix that covers the whole key is none. Source: armdb `const_tree.rs`, `shard_for`.
 */

import type { Shape } from "../slot_events.ts";
import { hash, HIGH, LOW, xxh3 } from "./xxh3.ts";

/** Room for the longest prefix, 255 bits: whole bytes and the masked one. */
const prefix = new Uint8Array(32);

/** The 32 bits of a whole key's hash by which a slot index finds it, as a u32. The range is not checked. */
// The high word: of the low one, all keys of a shard share some bits where shardCount is a power of two.
export function hashKey(bytes: Uint8Array, at: number, length: number): number {
  xxh3(bytes, at, length);
  return hash[HIGH];
}

/** Shard of the key of `shape.keyLength` bytes at `at`, 0 to `shape.shardCount - 1`. The range is not checked. */
export function shardOfKey(bytes: Uint8Array, at: number, shape: Shape): number {
  if (shape.shardCount === 1) return 0;
  if (!hasPrefix(shape)) xxh3(bytes, at, shape.keyLength);
  return shardOfHashedKey(bytes, at, shape);
}

/**
 * As {@link shardOfKey}, for the key whose {@link hashKey} was the last hash of all: that hash then serves
 * for both, unless a prefix decides the shard.
 */
export function shardOfHashedKey(bytes: Uint8Array, at: number, shape: Shape): number {
  if (shape.shardCount === 1) return 0;
  if (hasPrefix(shape)) hashPrefix(bytes, at, shape.prefixBits);
  return hashModulo(shape.shardCount);
}

function hasPrefix(shape: Shape): boolean {
  return shape.prefixBits !== 0 && shape.prefixBits < 8 * shape.keyLength;
}

function hashPrefix(bytes: Uint8Array, at: number, bits: number): void {
  const whole = bits >>> 3;
  const rest = bits & 7;
  if (rest === 0) return xxh3(bytes, at, whole);
  for (let i = 0; i < whole; i++) prefix[i] = bytes[at + i];
  prefix[whole] = bytes[at + whole] & (0xff << (8 - rest));
  xxh3(prefix, 0, whole + 1);
}

/**
 * hash mod divisor, 1 to 255.
 *
 * In three parts of 22, 21 and 21 bits, so that a part behind the remainder before it (8 bits) stays a small
 * integer: on u32 words, or on their exact sum, V8 takes 45 ns instead of 9.
 */
function hashModulo(divisor: number): number {
  const high = hash[HIGH];
  const low = hash[LOW];
  if ((divisor & (divisor - 1)) === 0) return low & (divisor - 1);
  const first = (high >>> 10) % divisor;
  const second = ((first << 21) | ((high & 0x3ff) << 11) | (low >>> 21)) % divisor;
  return ((second << 21) | (low & 0x1fffff)) % divisor;
}
