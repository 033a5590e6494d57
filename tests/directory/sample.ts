/** Small directories on disk, and ways to damage them. */

import { statSync, utimesSync } from "node:fs";
import { crc32 } from "node:zlib";
import { openStore } from "../../src/open_store.ts";
import { detectRuntime } from "../../src/runtime/mod.ts";
import type { Shape } from "../../src/slot_events.ts";
import "../harness/load_maps.ts";

export const { files, process } = detectRuntime();

/** Two shards of 8+16 bytes: slots of 32. */
export const SHAPE: Shape = { shardCount: 2, keyLength: 8, valueLength: 16, prefixBits: 0 };
const SLOT_BYTES = 32;
const HEADER_BYTES = 4096;

/** Key `i`: a big-endian u64. */
export function keyOf(i: number): Uint8Array {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(i));
  return bytes;
}

/** The value that goes with it. */
export function valueOf(i: number, round = 0): Uint8Array {
  return new Uint8Array(16).fill(i + 7 * round);
}

/** A new directory in the temporary place, which the test removes. */
export function temporaryDirectory(): string {
  return files.makeTemporaryDirectory("slotcask-offline-");
}

/** Makes a store of keys 0 to `count` - 1 at `path`, closed cleanly; keys of `deleted` are deleted again. */
export async function makeStore(
  path: string,
  { count = 100, shape = SHAPE, deleted = [] }: { count?: number; shape?: Shape; deleted?: number[] } = {},
): Promise<void> {
  const store = await openStore(path, shape, { sync: "none" });
  for (let i = 0; i < count; i++) {
    store.put(keyOf(i).slice(8 - shape.keyLength), valueOf(i).slice(0, shape.valueLength));
  }
  for (const i of deleted) store.delete(keyOf(i));
  expectClean(await store.close());
}

function expectClean(dirty: number[]): void {
  if (dirty.length > 0) throw new Error(`Shards ${dirty} were not closed cleanly`);
}

/** Path of a file of a shard. */
export function shardFile(path: string, shard: number, name = "fixed.data"): string {
  return `${path}/shard_00${shard}/${name}`;
}

/** Position of a slot's byte in fixed.data. */
export function slotAt(slot: number, byte = 0): number {
  return HEADER_BYTES + slot * SLOT_BYTES + byte;
}

/** Where a byte of the key, or of the value, stands in a slot. */
export const KEY_AT = 8, VALUE_AT = 16, CRC_AT = 4;

/** Reads bytes of a file. */
export function readBytes(file: string, at: number, length: number): Uint8Array {
  return files.readFile(file)!.slice(at, at + length);
}

/** Writes bytes over a file's own. */
export function patch(file: string, at: number, bytes: ArrayLike<number>): void {
  const opened = files.open(file, "write");
  files.write(opened, Uint8Array.from(bytes), 0, bytes.length, at);
  files.close(opened);
}

/** Flips one bit. */
export function flip(file: string, at: number): void {
  patch(file, at, [readBytes(file, at, 1)[0] ^ 1]);
}

/** Cuts a file, or makes it longer. */
export function resize(file: string, bytes: number): void {
  const opened = files.open(file, "write");
  files.truncate(opened, bytes);
  files.close(opened);
}

/** As a crash leaves a shard: the clean flag is not set, and the old sidecar stands. */
export function markDirty(path: string, shard: number): void {
  patch(shardFile(path, shard), 17, [0]);
}

/** A slot made by hand: meta, CRC, key, value. */
export function slotBytes(meta: number, key: Uint8Array, value: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(8 + key.length + value.length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, meta, true);
  bytes.set(key, 8);
  bytes.set(value, 8 + key.length);
  view.setUint32(4, crc32(bytes.subarray(8), crc32(bytes.subarray(0, 4))), true);
  return bytes;
}

/** The shard and slot whose bytes are those of an OCCUPIED slot with this key; the shards are read whole. */
export function placeOf(path: string, key: Uint8Array, shardCount = 2): { shard: number; slot: number } {
  for (let shard = 0; shard < shardCount; shard++) {
    const bytes = files.readFile(shardFile(path, shard))!;
    for (let slot = 0; slotAt(slot) < bytes.length; slot++) {
      const held = bytes.subarray(slotAt(slot, KEY_AT), slotAt(slot, VALUE_AT));
      if ((bytes[slotAt(slot)] & 3) === 1 && held.every((byte, i) => byte === key[i])) return { shard, slot };
    }
  }
  throw new Error(`No slot holds ${key.toHex()}`);
}

/** Every file and folder below a path: its time of change and, of a file, its content as hex. */
export function contentsOf(path: string): Record<string, string> {
  const found: Record<string, string> = {};
  const visit = (at: string) => {
    const stat = statSync(at, { bigint: true });
    const isFolder = stat.isDirectory();
    found[at] = `${stat.mtimeNs} ${stat.ctimeNs} ${isFolder ? files.list(at) : files.readFile(at)!.toHex()}`;
    if (isFolder) { for (const name of files.list(at)!) visit(`${at}/${name}`); }
  };
  visit(path);
  return found;
}

/** Sets times of change into the past, so that a write in the same tick shows. */
export function age(path: string): void {
  for (const name of Object.keys(contentsOf(path))) utimesSync(name, 1_000_000, 1_000_000);
}
