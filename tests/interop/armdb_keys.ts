/** The keys and values of the armdb peer's `fill`, `churn` and `burst`, as armdb/src/keys.rs computes them. */

import { splitmix64, u64 } from "./splitmix64.ts";

/** Lengths of key and value in bytes, as the peer's commands write them: `8x16`. */
export type PeerShape = `${number}x${number}`;

const WORD_BYTES = 8;

/** The bytes of `churn op`: see armdb/README.md. */
const OPERATION_SALT = 0x636875726e216f70n;

/** What operation `n` of `churn` and `burst` draws from: the key's number is the generator's output for it. */
export function operationBase(seed: number, n: number): bigint {
  return u64(splitmix64(u64(BigInt(seed) ^ OPERATION_SALT)) + 2n * BigInt(n));
}

function keyBase(seed: bigint, i: bigint): bigint {
  return splitmix64(u64(splitmix64(u64(seed)) + i));
}

function stream(base: bigint, length: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(Math.ceil(length / WORD_BYTES) * WORD_BYTES);
  const view = new DataView(bytes.buffer);
  for (let at = 0, j = 0n; at < length; at += WORD_BYTES, j++) {
    view.setBigUint64(at, splitmix64(u64(base + j)), true);
  }
  return bytes.slice(0, length);
}

function lengthsOf(shape: PeerShape): [key: number, value: number] {
  const [key, value] = shape.split("x").map(Number);
  return [key, value];
}

/**
 * Key `i` of a seed. From 8 bytes on the keys of different i differ; a shorter key is i itself in
 * little-endian, cut to its length, and the seed has no part in it.
 */
export function fillKey(
  shape: PeerShape,
  seed: number | bigint,
  i: number | bigint,
): Uint8Array<ArrayBuffer> {
  const [length] = lengthsOf(shape);
  if (length >= WORD_BYTES) return stream(keyBase(BigInt(seed), BigInt(i)), length);
  const bytes = new Uint8Array(WORD_BYTES);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(i), true);
  return bytes.slice(0, length);
}

/**
 * The value that key `i` has after a round of a seed.
 *
 * @param round 0 unless `fill` was given another; in a churn or burst the number of the operation plus 1.
 */
export function fillValue(
  shape: PeerShape,
  seed: number | bigint,
  i: number | bigint,
  round: number | bigint = 0,
): Uint8Array<ArrayBuffer> {
  const [, length] = lengthsOf(shape);
  const base = keyBase(BigInt(seed), BigInt(i)) + splitmix64(u64(BigInt(round) + 1n));
  return stream(splitmix64(u64(base)), length);
}
