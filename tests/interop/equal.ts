/**
 * When a replica equals its leader: the same sorted keys and values, and every OCCUPIED slot identical in all its
 * bytes. Other slots are compared by their meta, and not even so where the scan began with EMPTY_STATE: a DELETED
 * slot's old bytes never travel, and with EMPTY_STATE the slot itself does not.
 *
 * Reads the files by itself, so that no code under test is its own judge.
 */
import { Buffer } from "node:buffer";
import { readFileSync } from "node:fs";
import { join } from "node:path";

const HEADER_BYTES = 4096;
const SLOT_SIZE_AT = 6;
const SLOT_COUNT_AT = 8;
const OCCUPIED = 1;
const KEPT_DIFFERENCES = 5;

/** What besides OCCUPIED slots is compared. */
export interface EqualOptions {
  /** Whether metas of slots that are not OCCUPIED count; not after a scan with EMPTY_STATE. Default true. */
  otherMetas?: boolean;
}

/** A data file, as far as a comparison needs it. */
interface DataFile {
  bytes: Uint8Array;
  slotSize: number;
  slotCount: number;
}

/** All differences between the data files of two directories, a line each; empty where they are equal. */
export function slotDifferences(
  leaderDir: string,
  replicaDir: string,
  shards: number,
  options: EqualOptions = {},
): string[] {
  const found: string[] = [];
  for (let shard = 0; shard < shards; shard++) {
    const [leader, replica] = [readDataFile(leaderDir, shard), readDataFile(replicaDir, shard)];
    if (leader.slotSize !== replica.slotSize) {
      found.push(`shard ${shard}: slot_size is ${leader.slotSize} and ${replica.slotSize}`);
      continue;
    }
    const slots = Math.max(leader.slotCount, replica.slotCount);
    for (let slot = 0; slot < slots && found.length < KEPT_DIFFERENCES; slot++) {
      const difference = compareSlot(slotOf(leader, slot), slotOf(replica, slot), options.otherMetas ?? true);
      if (difference !== undefined) found.push(`shard ${shard} slot ${slot}: ${difference}`);
    }
  }
  return found;
}

/** Number of OCCUPIED slots in a shard's data file: a comparison of none would prove nothing. */
export function occupiedSlots(dir: string, shard: number): number {
  const file = readDataFile(dir, shard);
  let occupied = 0;
  for (let slot = 0; slot < file.slotCount; slot++) {
    if ((metaOf(slotOf(file, slot)) & 3) === OCCUPIED) occupied++;
  }
  return occupied;
}

/** Entries as armdb-peer's `dump` writes them: lines `hexkey hexvalue`, sorted by key. */
export function dumpText(entries: Iterable<[key: Uint8Array, value: Uint8Array]>): string {
  const lines: string[] = [];
  for (const [key, value] of entries) lines.push(`${toHex(key)} ${toHex(value)}\n`);
  return lines.sort().join("");
}

/** Lower-case hexadecimal. */
export function toHex(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("hex");
}

function readDataFile(dir: string, shard: number): DataFile {
  const folder = `shard_${String(shard).padStart(3, "0")}`;
  const bytes = readFileSync(join(dir, folder, "fixed.data"));
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  return {
    bytes,
    slotSize: view.getUint16(SLOT_SIZE_AT, true),
    slotCount: view.getUint32(SLOT_COUNT_AT, true),
  };
}

/** The bytes of a slot; none beyond the end, which counts as never written. */
function slotOf({ bytes, slotSize, slotCount }: DataFile, slot: number): Uint8Array {
  if (slot >= slotCount) return new Uint8Array(slotSize);
  const at = HEADER_BYTES + slot * slotSize;
  return bytes.subarray(at, at + slotSize);
}

function metaOf(slot: Uint8Array): number {
  return (slot[0] | slot[1] << 8 | slot[2] << 16 | slot[3] << 24) >>> 0;
}

function compareSlot(leader: Uint8Array, replica: Uint8Array, otherMetas: boolean): string | undefined {
  const metas = [metaOf(leader), metaOf(replica)];
  const isOccupied = metas.some((meta) => (meta & 3) === OCCUPIED);
  if (!isOccupied && !otherMetas) return undefined;
  if (metas[0] !== metas[1]) return `meta is ${describeMeta(metas[0])} and ${describeMeta(metas[1])}`;
  if (!isOccupied) return undefined;
  const at = leader.findIndex((byte, i) => byte !== replica[i]);
  return at < 0 ? undefined : `byte ${at} is ${leader[at]} and ${replica[at]}`;
}

function describeMeta(meta: number): string {
  return `${["FREE", "OCCUPIED", "DELETED", "invalid"][meta & 3]} of version ${meta >>> 2}`;
}
