/**
 * The meta word of a slot: `version << 2 | status`, a u32.
 *
 * The version is a 30-bit ring, so "newer" is a question of distance, not of size.
 * Source: armdb `fixed/slot.rs`.
 */

/** The slot holds no key. As an event (protocol 2) it is called a reset. */
export const FREE = 0;
/** The slot holds a key and its value, under a CRC. */
export const OCCUPIED = 1;
/** The slot held a key that was deleted; its old bytes are still there. */
export const DELETED = 2;

const VERSION_MASK = 0x3fff_ffff;
const HALF_RING = 0x2000_0000;

/** A version from which on the ring is about to wrap: armdb warns from here. */
export const VERSION_NEAR_WRAP = 0x3e00_0000;

/** Status bits of a meta: {@link FREE}, {@link OCCUPIED}, {@link DELETED}; 3 is invalid. */
export function statusOf(meta: number): number {
  return meta & 3;
}

/** Version of a meta, 0 to 2^30 - 1. */
export function versionOf(meta: number): number {
  return meta >>> 2;
}

/** A meta from its version (30 bits are kept) and its status. */
export function packMeta(version: number, status: number): number {
  return ((version << 2) | status) >>> 0;
}

/** Whether version `a` is newer than `b` on the ring. Exactly half a ring apart is not newer. */
export function isNewer(a: number, b: number): boolean {
  const distance = (a - b) & VERSION_MASK;
  return distance !== 0 && distance < HALF_RING;
}

/** The meta that the next write to a slot carries. */
export function bumpMeta(meta: number, status: number): number {
  return packMeta((versionOf(meta) + 1) & VERSION_MASK, status);
}
