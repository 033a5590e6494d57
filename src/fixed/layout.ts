/**
 * The bytes of armdb's fixed directories: db.meta, the header of fixed.data, the slot and the sidecar.
 *
 * ```text
 * DIR/db.meta                    "ARMD" | version u8 | backend u8 | shards u8 | prefix bits u8 | flags u8 | 7 zero
 * DIR/shard_000/fixed.data       header (4,096 bytes), then the slots
 * DIR/shard_000/fixed.versions   meta u32 * slot count | slot count u32 | crc32 u32
 * header   "FIXD" | version u16 | slot size u16 | slot count u32 | key u16 | value u16 | shard u8 | clean u8 | zero
 * slot     meta u32 | crc32 u32 over meta, key, value | key | value | zero to a multiple of 8
 * ```
 *
 * Everything is little-endian. Source: armdb `fixed/{shard,slot,engine}.rs`, the same in 0.1.14 and 0.15.0.
 */

import { DamagedDirectoryError, ForeignDirectoryError, ShapeError } from "../errors.ts";
import type { Shape } from "../slot_events.ts";
import { crc32, crc32OfView, crc32OfWord } from "./crc32.ts";

/** Slots that a shard may have at the most: a count over it is damage, not data. */
export const MOST_SLOTS: number = 2 ** 28;
/** Bytes of the header of fixed.data: one page. */
export const HEADER_BYTES = 4096;
/** Bytes before the key in a slot: meta and CRC. */
export const SLOT_HEADER_BYTES = 8;
/** The largest slot that the u16 of the header can name. */
export const MAX_SLOT_BYTES = 65_535;
/** The most shards that db.meta can name. */
export const MAX_SHARDS = 255;
/** Offset of the slot count in the header. */
export const SLOT_COUNT_AT = 8;
/** Offset of the clean-shutdown flag in the header. */
export const CLEAN_FLAG_AT = 17;
/** Bytes of db.meta. */
export const DB_META_BYTES = 16;
/** Bytes after the metas in a sidecar: slot count and CRC. */
export const SIDECAR_TRAILER_BYTES = 8;

/** Names of the files in a directory and in a shard's folder. */
export const FileName = {
  dbMeta: "db.meta",
  data: "fixed.data",
  sidecar: "fixed.versions",
  cursor: "fixed_repl.cursor",
} as const;

const DB_META_VERSION = 2;
const FIXED_BACKEND = 1;
const DATA_VERSION = 2;

/** Name of a shard's folder: shard_000. */
export function shardFolder(shard: number): string {
  return `shard_${String(shard).padStart(3, "0")}`;
}

/** Bytes of a slot: header, key and value, rounded up to 8. */
export function slotSize(shape: Pick<Shape, "keyLength" | "valueLength">): number {
  return (SLOT_HEADER_BYTES + shape.keyLength + shape.valueLength + 7) & ~7;
}

/** Throws ShapeError unless armdb could hold the shape. */
export function checkShape(shape: Shape): void {
  requireRange("shard count", shape.shardCount, 1, MAX_SHARDS);
  requireRange("key length", shape.keyLength, 1, MAX_SLOT_BYTES);
  requireRange("value length", shape.valueLength, 0, MAX_SLOT_BYTES);
  requireRange("prefix bits", shape.prefixBits, 0, 255);
  requireRange("slot size", slotSize(shape), 16, MAX_SLOT_BYTES);
}

function requireRange(field: string, value: number, low: number, high: number): void {
  if (Number.isInteger(value) && value >= low && value <= high) return;
  throw new ShapeError(`Cannot use this shape: ${field} is ${value}, allowed are ${low} to ${high}`);
}

/** The shape in words: "2 shards of 8+16 bytes". */
export function describeShape(shape: Shape): string {
  const shards = shape.shardCount === 1 ? "1 shard" : `${shape.shardCount} shards`;
  const prefix = shape.prefixBits === 0 ? "" : `, routed by ${shape.prefixBits} prefix bits`;
  return `${shards} of ${shape.keyLength}+${shape.valueLength} bytes${prefix}`;
}

/** Throws ShapeError, naming the first field that differs, both values and both sides. */
export function requireSameShape(ours: Shape, theirs: Shape, whose: { ours: string; theirs: string }): void {
  const fields = [
    ["shard count", "shardCount"],
    ["key length", "keyLength"],
    ["value length", "valueLength"],
    ["prefix bits", "prefixBits"],
  ] as const;
  for (const [label, field] of fields) {
    if (ours[field] === theirs[field]) continue;
    throw new ShapeError(
      `Cannot follow: ${label} is ${theirs[field]} at ${whose.theirs}, and ${ours[field]} in ${whose.ours}`,
    );
  }
}

/** The 16 bytes of db.meta. */
export function encodeDbMeta(shape: Pick<Shape, "shardCount" | "prefixBits">): Uint8Array {
  const bytes = new Uint8Array(DB_META_BYTES);
  bytes.set([0x41, 0x52, 0x4d, 0x44, DB_META_VERSION, FIXED_BACKEND, shape.shardCount, shape.prefixBits]);
  return bytes;
}

/** Shard count and prefix bits of a db.meta. `path` is for messages. Throws ForeignDirectoryError. */
export function decodeDbMeta(bytes: Uint8Array, path: string): Pick<Shape, "shardCount" | "prefixBits"> {
  const foreign = (what: string) => new ForeignDirectoryError(`Cannot open ${path}: ${what}`);
  if (bytes.length !== DB_META_BYTES) {
    throw foreign(`it has ${bytes.length} bytes, an armdb db.meta has ${DB_META_BYTES}`);
  }
  if (text(bytes, 0, 4) !== "ARMD") throw foreign(`it begins with "${text(bytes, 0, 4)}", not with "ARMD"`);
  if (bytes[4] !== DB_META_VERSION) {
    throw foreign(`format version is ${bytes[4]}, known is ${DB_META_VERSION}`);
  }
  if (bytes[5] !== FIXED_BACKEND) throw foreign(`backend is ${bytes[5]}, a fixed store has ${FIXED_BACKEND}`);
  if (bytes[6] === 0) throw foreign("shard count is 0, allowed are 1 to 255");
  if (bytes.subarray(8).some((byte) => byte !== 0)) throw foreign("flags or reserved bytes are not zero");
  return { shardCount: bytes[6], prefixBits: bytes[7] };
}

/** The header of a fixed.data file. */
export interface DataHeader {
  /** Bytes of a slot. */
  slotSize: number;
  /** Slots in the file. */
  slotCount: number;
  /** Bytes of a key. */
  keyLength: number;
  /** Bytes of a value. */
  valueLength: number;
  /** The shard that the file belongs to. */
  shard: number;
  /** Whether the last holder closed it, so that the sidecar counts. */
  clean: boolean;
}

/** The 4,096 bytes of a header. */
export function encodeHeader(header: DataHeader): Uint8Array {
  const bytes = new Uint8Array(HEADER_BYTES);
  const view = new DataView(bytes.buffer);
  bytes.set([0x46, 0x49, 0x58, 0x44]);
  view.setUint16(4, DATA_VERSION, true);
  view.setUint16(6, header.slotSize, true);
  view.setUint32(SLOT_COUNT_AT, header.slotCount, true);
  view.setUint16(12, header.keyLength, true);
  view.setUint16(14, header.valueLength, true);
  bytes[16] = header.shard;
  bytes[CLEAN_FLAG_AT] = header.clean ? 1 : 0;
  return bytes;
}

/** Reads a header. `path` is for messages. Throws ForeignDirectoryError, or DamagedDirectoryError if it is short. */
export function decodeHeader(bytes: Uint8Array, path: string): DataHeader {
  if (bytes.length < HEADER_BYTES) {
    throw new DamagedDirectoryError(
      `Cannot open ${path}: it has ${bytes.length} bytes, its header alone has ${HEADER_BYTES}`,
    );
  }
  if (text(bytes, 0, 4) !== "FIXD") {
    throw new ForeignDirectoryError(
      `Cannot open ${path}: it begins with "${text(bytes, 0, 4)}", not with "FIXD"`,
    );
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, HEADER_BYTES);
  const version = view.getUint16(4, true);
  if (version !== DATA_VERSION) {
    throw new ForeignDirectoryError(
      `Cannot open ${path}: format version is ${version}, known is ${DATA_VERSION}`,
    );
  }
  return {
    slotSize: view.getUint16(6, true),
    slotCount: view.getUint32(SLOT_COUNT_AT, true),
    keyLength: view.getUint16(12, true),
    valueLength: view.getUint16(14, true),
    shard: bytes[16],
    clean: bytes[CLEAN_FLAG_AT] === 1,
  };
}

/** Throws DamagedDirectoryError where header, shard, own lengths and file length contradict each other. */
export function checkHeader(header: DataHeader, shard: number, fileBytes: number, path: string): void {
  const damaged = (what: string) => new DamagedDirectoryError(`Cannot open ${path}: ${what}`);
  if (header.shard !== shard) {
    throw damaged(`shard id is ${header.shard} in the header, and ${shard} by its folder`);
  }
  if (header.keyLength === 0) throw damaged("key length is 0, the least is 1");
  const expected = slotSize(header);
  if (header.slotSize !== expected) {
    throw damaged(`slot size is ${header.slotSize} in the header, and ${expected} by key and value length`);
  }
  const least = HEADER_BYTES + header.slotCount * header.slotSize;
  if (fileBytes < least) {
    throw damaged(`it has ${fileBytes} bytes, its ${header.slotCount} slots need ${least}: it was truncated`);
  }
}

/** CRC that the slot at an offset should have, as an i32: over its meta and its body, key and value. */
export function slotCrc(view: DataView, offset: number, bodyBytes: number): number {
  return crc32OfView(view, offset + SLOT_HEADER_BYTES, bodyBytes, crc32OfWord(view.getInt32(offset, true)));
}

/** Writes slot count and CRC behind the metas; `crcOfMetas` is the CRC of the metas alone. */
export function sealSidecar(bytes: Uint8Array, slotCount: number, crcOfMetas: number): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  view.setUint32(slotCount * 4, slotCount, true);
  view.setUint32(slotCount * 4 + 4, crc32(bytes, slotCount * 4, 4, crcOfMetas), true);
}

/**
 * What is wrong with a sidecar (length, count or CRC), in words, or undefined if it is good. `crcOfMetas`, the CRC of
 * the metas alone, may have been computed in steps.
 */
export function sidecarDefect(
  bytes: Uint8Array,
  slotCount: number,
  crcOfMetas?: number,
): string | undefined {
  const length = slotCount * 4 + SIDECAR_TRAILER_BYTES;
  if (bytes.length !== length) return `it has ${bytes.length} bytes, ${slotCount} slots need ${length}`;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const count = view.getUint32(length - 8, true);
  if (count !== slotCount) return `slot count is ${count}, and ${slotCount} in the header`;
  const stored = view.getUint32(length - 4, true);
  const actual = crc32(bytes, length - 8, 4, crcOfMetas ?? crc32(bytes, 0, length - 8));
  return stored === actual ? undefined : `CRC is ${hex(stored)}, its bytes give ${hex(actual)}`;
}

function text(bytes: Uint8Array, from: number, to: number): string {
  return String.fromCharCode(...bytes.subarray(from, to)).replace(/[^ -~]/g, ".");
}

function hex(value: number): string {
  return "0x" + value.toString(16).padStart(8, "0");
}
