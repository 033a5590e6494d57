/**
 * The cursor of a shard: how far it got, for people and metrics. It has no say in replication.
 *
 * ```text
 * shard u8 | 3 zero | applied u64 | newest version u32 | 4 zero | last ack, Unix ms u64 | 12 reserved
 * ```
 *
 * Source: armdb `fixed_replication/cursor.rs`.
 */

/** Bytes of a cursor. */
export const CURSOR_BYTES = 40;
/** No store counts that far; and one that goes on counting from there never comes to where an Ack has no room. */
const MOST_APPLIED = 2 ** 52;

/** See the head of this file. */
export interface Cursor {
  /** The shard. */
  shard: number;
  /** Events applied, over all sessions. */
  applied: number;
  /** The newest version seen. */
  maxVersion: number;
  /** When the last Ack was sent (Unix ms). */
  ackedAtMs: number;
}

/** The 40 bytes. */
export function encodeCursor(cursor: Cursor): Uint8Array {
  const bytes = new Uint8Array(CURSOR_BYTES);
  const view = new DataView(bytes.buffer);
  bytes[0] = cursor.shard;
  view.setBigUint64(4, BigInt(cursor.applied), true);
  view.setUint32(12, cursor.maxVersion, true);
  view.setBigUint64(20, BigInt(cursor.ackedAtMs), true);
  return bytes;
}

/** Reads a cursor; undefined where there are too few bytes, or a figure that no cursor has. */
export function decodeCursor(bytes: Uint8Array): Cursor | undefined {
  if (bytes.length < CURSOR_BYTES) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const applied = Number(view.getBigUint64(4, true));
  const ackedAtMs = Number(view.getBigUint64(20, true));
  if (applied > MOST_APPLIED || !Number.isSafeInteger(ackedAtMs)) return undefined;
  return { shard: bytes[0], applied, maxVersion: view.getUint32(12, true), ackedAtMs };
}
