/** A directory's slots as they lie in its files, read without any code under test: a judge of its own. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { crc32 } from "node:zlib";

import { toHex } from "../../interop/equal.ts";

const HEADER_BYTES = 4096;
const CLEAN_FLAG_AT = 17;
const SLOT_HEADER_BYTES = 8;
const OCCUPIED = 1;
const VERSIONS = 2 ** 30;

/** One shard's slots. */
export interface RawShard {
  /** The meta of each slot. */
  metas: Uint32Array;
  /** OCCUPIED slots whose CRC does not match. */
  torn: number;
  /** Whether the clean flag is set. */
  isClean: boolean;
}

/** All shards' slots. */
export interface RawSlots {
  /** By shard; a data file without a header has no slots. */
  shards: RawShard[];
  /** What a reader may serve: by key, the values of all OCCUPIED slots whose CRC matches. All as hex. */
  values: Map<string, Set<string>>;
}

/** Reads a directory that no process holds. */
export function readRawSlots(dir: string): RawSlots {
  const folders = readdirSync(dir).filter((name) => /^shard_\d{3}$/.test(name)).sort();
  const values = new Map<string, Set<string>>();
  return { shards: folders.map((folder) => readShard(join(dir, folder, "fixed.data"), values)), values };
}

function readShard(path: string, values: RawSlots["values"]): RawShard {
  const bytes = readFileSync(path);
  if (bytes.length < HEADER_BYTES) return { metas: new Uint32Array(0), torn: 0, isClean: false };
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  const [slotSize, slots] = [view.getUint16(6, true), view.getUint32(8, true)];
  const [keyLength, valueLength] = [view.getUint16(12, true), view.getUint16(14, true)];
  const shard = { metas: new Uint32Array(slots), torn: 0, isClean: bytes[CLEAN_FLAG_AT] === 1 };
  for (let slot = 0, at = HEADER_BYTES; slot < slots; slot++, at += slotSize) {
    const meta = shard.metas[slot] = view.getUint32(at, true);
    if ((meta & 3) !== OCCUPIED) continue;
    const body = bytes.subarray(at + SLOT_HEADER_BYTES, at + SLOT_HEADER_BYTES + keyLength + valueLength);
    if (crc32(body, crc32(bytes.subarray(at, at + 4))) !== view.getUint32(at + 4, true)) shard.torn++;
    else addValue(values, toHex(body.subarray(0, keyLength)), toHex(body.subarray(keyLength)));
  }
  return shard;
}

function addValue(values: RawSlots["values"], key: string, value: string): void {
  const known = values.get(key);
  if (known === undefined) values.set(key, new Set([value]));
  else known.add(value);
}

/** The first slot whose version went back from one reading of a directory to a later one, in words. */
export function wentBack(before: RawSlots, after: RawSlots): string | undefined {
  for (const [shard, { metas }] of before.shards.entries()) {
    const later = after.shards[shard]?.metas ?? new Uint32Array(0);
    for (const [slot, meta] of metas.entries()) {
      const ahead = ((later[slot] ?? 0) >>> 2) - (meta >>> 2);
      const distance = (ahead % VERSIONS + VERSIONS) % VERSIONS;
      if (meta === 0 || (slot < later.length && distance < VERSIONS / 2)) continue;
      return `shard ${shard} slot ${slot}: meta was ${meta}, is ${later[slot]}`;
    }
  }
  return undefined;
}
