/** Shards over a disk in memory, and batches of events for them. */

import { applyEvents } from "../../src/fixed/apply.ts";
import { HEADER_BYTES, SLOT_HEADER_BYTES, slotSize } from "../../src/fixed/layout.ts";
import { DELETED, FREE, OCCUPIED, packMeta, statusOf, versionOf } from "../../src/fixed/meta.ts";
import { Shard } from "../../src/fixed/shard.ts";
import type { WholeScan } from "../../src/fixed/whole_scan.ts";
import { eventBytes, type Shape, type SlotEvents } from "../../src/slot_events.ts";
import { openSlotFile } from "../../src/storage/open_slot_file.ts";
import type { StorageKind } from "../../src/storage/slot_file.ts";
import { crc32 } from "node:zlib";
import { MemoryFiles } from "./memory_files.ts";

/** Keys of 4 bytes and values of 3: one byte of padding. */
export const SHAPE: Shape = { shardCount: 1, keyLength: 4, valueLength: 3, prefixBits: 0 };

/** An event: a put, a delete or a reset. Keys and values are given as text. */
export interface TestEvent {
  slot: number;
  version: number;
  key?: string;
  value?: string;
}

/** Status of an event: both key and value are a put, a key alone a delete, neither a reset. */
function statusOfEvent({ key, value }: TestEvent): number {
  if (value !== undefined) return OCCUPIED;
  return key === undefined ? FREE : DELETED;
}

/** The bytes of a text, cut or padded with dots. */
export function bytesOf(text: string, length: number): Uint8Array {
  return new TextEncoder().encode(text.padEnd(length, ".")).slice(0, length);
}

/** A key of {@link SHAPE}. */
export function keyOf(text: string): Uint8Array {
  return bytesOf(text, SHAPE.keyLength);
}

/** A value of {@link SHAPE}. */
export function valueOf(text: string): Uint8Array {
  return bytesOf(text, SHAPE.valueLength);
}

/** The text of bytes that {@link bytesOf} made. */
export function textOf(bytes: Uint8Array | undefined): string | undefined {
  return bytes && new TextDecoder().decode(bytes).replace(/\.+$/, "");
}

/** A batch as the decoder hands it over: keys at an offset in one buffer, arrays longer than the count. */
export function batchOf(...list: TestEvent[]): SlotEvents {
  const record = SHAPE.keyLength + SHAPE.valueLength;
  const events: SlotEvents = {
    ...eventBytes(new Uint8Array(5 + list.length * record).fill(0xee)),
    count: list.length,
    slots: new Uint32Array(list.length + 2).fill(0xffff_ffff),
    metas: new Uint32Array(list.length + 2),
    keyAt: new Uint32Array(list.length + 2),
  };
  for (const [i, event] of list.entries()) {
    events.slots[i] = event.slot;
    events.metas[i] = packMeta(event.version, statusOfEvent(event));
    events.keyAt[i] = 5 + i * record;
    if (event.key !== undefined) events.bytes.set(keyOf(event.key), events.keyAt[i]);
    if (event.value !== undefined) {
      events.bytes.set(valueOf(event.value), events.keyAt[i] + SHAPE.keyLength);
    }
  }
  return events;
}

/** A shard and the disk under it. */
export interface TestShard {
  shard: Shard;
  disk: MemoryFiles;
}

/** A shard over the bytes of a disk; metas and index are empty as before a recovery. */
export function openShard(disk: MemoryFiles, slotCount: number, options: ShardOptions = {}): Shard {
  const shape = options.shape ?? SHAPE;
  const file = openSlotFile(options.kind ?? "resident", {
    files: disk.files,
    path: "fixed.data",
    headerBytes: HEADER_BYTES,
    recordBytes: slotSize(shape),
    recordCount: slotCount,
  });
  return new Shard(options.id ?? 0, shape, file);
}

/** How a test's shard is made. */
export interface ShardOptions {
  kind?: StorageKind;
  shape?: Shape;
  id?: number;
}

/** An empty shard of so many slots. */
export function makeShard(slotCount: number, options: ShardOptions = {}): TestShard {
  const disk = new MemoryFiles();
  disk.bytes = new Uint8Array(HEADER_BYTES + slotCount * slotSize(options.shape ?? SHAPE));
  const shard = openShard(disk, slotCount, options);
  shard.metas.grow(slotCount);
  return { shard, disk };
}

/** Applies events, as a stream or as part of a scan, and flushes. Returns how many applied. */
export function apply(shard: Shard, events: TestEvent[], scan?: WholeScan): number {
  const applied = applyEvents(shard, batchOf(...events), scan);
  shard.file.flush();
  return applied;
}

/** The value that a key has in a shard, as text. */
export function valueIn(shard: Shard, key: string, hash: (key: Uint8Array) => number): string | undefined {
  const bytes = keyOf(key);
  const slot = shard.find(hash(bytes), bytes);
  if (slot < 0) return undefined;
  const start = shard.file.at(slot) + SLOT_HEADER_BYTES + shard.keyLength;
  return textOf(shard.file.window.slice(start, start + shard.valueLength));
}

/** A slot's meta in words: "occupied 7". */
export function slotWords(shard: Shard, slot: number): string {
  const meta = shard.metas.get(slot);
  const status = ["free", "occupied", "deleted", "invalid"][statusOf(meta)];
  return meta === 0 ? "never" : `${status} ${versionOf(meta)}`;
}

/** The bytes of a slot as they are on disk. */
export function slotOnDisk(disk: MemoryFiles, slot: number, shape: Shape = SHAPE): Uint8Array {
  const start = HEADER_BYTES + slot * slotSize(shape);
  return disk.bytes.slice(start, start + slotSize(shape));
}

/** The bytes of an OCCUPIED slot, put together without src's writer. */
export function occupiedBytes(meta: number, key: Uint8Array, value: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(Math.ceil((8 + key.length + value.length) / 8) * 8);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, meta, true);
  bytes.set(key, 8);
  bytes.set(value, 8 + key.length);
  const summed = Uint8Array.of(...bytes.subarray(0, 4), ...key, ...value);
  view.setUint32(4, crc32(summed), true);
  return bytes;
}

/** Overwrites bytes of a slot on disk, behind the shard's back. */
export function damage(
  disk: MemoryFiles,
  slot: number,
  at: number,
  byte: number,
  shape: Shape = SHAPE,
): void {
  disk.bytes[HEADER_BYTES + slot * slotSize(shape) + at] ^= byte;
}
