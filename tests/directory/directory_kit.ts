/** Where a test of directories works: an empty place of its own, and what it opened there. */

import { afterEach, beforeEach } from "bun:test";
import { Directory, type DirectoryOptions } from "../../src/directory/directory.ts";
import { errorWithCode } from "../../src/error_code.ts";
import { applyEvent } from "../../src/fixed/apply.ts";
import type { Files } from "../../src/runtime/runtime.ts";
import { eventBytes } from "../../src/slot_events.ts";
import { files, keyOf, process, readBytes, SHAPE, shardFile, temporaryDirectory, valueOf } from "./sample.ts";

const CLEAN_FLAG_AT = 17;
const SLOT_COUNT_AT = 8;
/** A close takes no longer. */
export const SOON_MS = 10_000;
/** For tests of hundreds of syncs, on a busy disk. */
export const SLOW_MS = 20_000;

/** A directory that is there, and is removed behind the test. */
export let root: string;
/** A path in it at which nothing is yet. */
export let path: string;
/** Directories to close behind the test. */
export const opened: Directory[] = [];

/** Gives each test of a file its own place. */
export function useFreshPath(): void {
  beforeEach(() => {
    root = temporaryDirectory();
    path = `${root}/replica`;
  });
  afterEach(async () => {
    for (const directory of opened.splice(0)) await directory.close(SOON_MS).catch(() => {});
    files.remove(root);
  });
}

/** Options with what every directory needs. */
export function optionsOf(more: Partial<DirectoryOptions> = {}): DirectoryOptions {
  return { storage: "resident", pid: process.pid, ...more };
}

/** Opens the store at the path. */
export async function open(more?: Partial<DirectoryOptions>, through = files): Promise<Directory> {
  const directory = (await Directory.open(through, path, optionsOf(more)))!;
  opened.push(directory);
  return directory;
}

/** Makes a store at the path. */
export async function create(shape = SHAPE, through = files): Promise<Directory> {
  files.makeDirectory(path);
  const directory = await Directory.create(through, path, shape, optionsOf());
  opened.push(directory);
  return directory;
}

/** Closes a directory; answers its dirty shards. */
export function close(directory: Directory): Promise<number[]> {
  opened.splice(opened.indexOf(directory), 1);
  return directory.close(SOON_MS);
}

/** Writes a key and its value to a slot, at version 1. */
export function put(directory: Directory, { shard, slot }: { shard: number; slot: number }, i: number): void {
  const record = new Uint8Array(24);
  record.set(keyOf(i));
  record.set(valueOf(i), 8);
  applyEvent(directory.store.shards[shard], slot, 5, eventBytes(record), 0);
}

/** The value of a key as hex, wherever the store is incomplete too. */
export function get(directory: Directory, i: number): string | undefined {
  return directory.store.get(keyOf(i), { partial: true })?.toHex();
}

/** The clean flag in a shard's file. */
export function flagOf(shard: number): number {
  return readBytes(shardFile(path, shard), CLEAN_FLAG_AT, 1)[0];
}

/** The slot count in a shard's header. */
export function slotCountInFile(shard: number): number {
  return new DataView(readBytes(shardFile(path, shard), SLOT_COUNT_AT, 4).buffer).getUint32(0, true);
}

/** Files of which one changing call fails, and every one after it: the process is gone. */
export function crashingFiles(crashes: () => boolean): Files {
  let isGone = false;
  const failing = (name: keyof Files) => (...args: unknown[]) => {
    isGone ||= crashes();
    if (isGone) throw errorWithCode(`${name} after the crash`, "EIO");
    return (files[name] as (...args: unknown[]) => unknown)(...args);
  };
  const changing = [
    "write",
    "truncate",
    "sync",
    "syncNow",
    "rename",
    "remove",
    "makeDirectory",
    "syncDirectory",
  ];
  const more = ["syncDirectoryAsync", "lock"];
  const names = [...changing, ...more] as (keyof Files)[];
  return { ...files, ...Object.fromEntries(names.map((name) => [name, failing(name)])) };
}
