/** Stores in a directory of their own, for the tests of `openStore`. */
import { mock } from "bun:test";
import { openStore, OwnStore, type StoreOptions } from "../src/open_store.ts";
import { detectRuntime } from "../src/runtime/mod.ts";

export const { files } = detectRuntime();
export const SHAPE = { shardCount: 1, keyLength: 8, valueLength: 16, prefixBits: 0 };

export function filled(length: number, byte: number): Uint8Array {
  return new Uint8Array(length).fill(byte);
}

export function key(n: number): Uint8Array {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setUint32(0, n);
  return bytes;
}

export function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** The directory of the test that runs. */
export let directory: string;
let stores: OwnStore[];

/** Before each test. */
export function begin(): void {
  directory = files.makeTemporaryDirectory("slotcask-store-");
  stores = [];
}

/** After each test. */
export async function end(): Promise<void> {
  mock.restore();
  for (const store of stores) await store.close();
  files.remove(directory);
}

export async function open(shape?: typeof SHAPE, options?: StoreOptions, dir = directory): Promise<OwnStore> {
  const store = await openStore(dir, shape, options);
  stores.push(store);
  return store;
}

export function data(shard = "shard_000"): Uint8Array {
  return files.readFile(`${directory}/${shard}/fixed.data`)!;
}

/** Writes over bytes of a file. */
export function overwrite(path: string, bytes: Uint8Array, position = 0): void {
  const file = files.open(path, "create");
  files.write(file, bytes, 0, bytes.length, position);
  files.close(file);
}

/** The slot count in the header. */
export function slotCount(): number {
  const bytes = data();
  return new DataView(bytes.buffer, bytes.byteOffset).getUint32(8, true);
}
