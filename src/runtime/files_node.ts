/** Files and directories through node:fs, which both runtimes have; locks and maps are each runtime's own. */

import * as fs from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { errorCode } from "../error_code.ts";
import { transferAll } from "./transfer.ts";
import type { FileDescriptor, Files } from "./runtime.ts";

/** What node:fs does not have. */
export type NativeFiles = Pick<Files, "lock" | "isLocked" | "loadMaps" | "map" | "allocate" | "readAhead">;

const { O_CREAT, O_RDONLY, O_RDWR } = fs.constants;
const OPEN_FLAGS = { read: O_RDONLY, write: O_RDWR, create: O_RDWR | O_CREAT };

/** Opens a file as {@link Files.open} says; the locks of both runtimes open theirs with it too. */
export function openFile(path: string, mode: "read" | "write" | "create"): FileDescriptor {
  return fs.openSync(path, OPEN_FLAGS[mode], 0o644);
}

/** Closes what {@link openFile} opened. */
export function closeFile(file: FileDescriptor): void {
  fs.closeSync(file);
}

/** Files over node:fs, with the locks and the maps of the runtime. */
export function nodeFiles(native: NativeFiles): Files {
  return { ...openFiles, ...paths, ...native };
}

const openFiles = {
  open: openFile,
  close: closeFile,
  read(file: FileDescriptor, bytes: Uint8Array, at: number, length: number, position: number): number {
    return transferAll(
      length,
      (done, most) => fs.readSync(file, bytes, at + done, most, position + done),
    );
  },
  write(file: FileDescriptor, bytes: Uint8Array, at: number, length: number, position: number): void {
    const written = transferAll(
      length,
      (done, most) => fs.writeSync(file, bytes, at + done, most, position + done),
    );
    if (written < length) throw new Error(`Cannot write: ${written} of ${length} bytes were taken`);
  },
  size: (file: FileDescriptor): number => fs.fstatSync(file).size,
  truncate: fs.ftruncateSync,
  sync: (file: FileDescriptor): Promise<void> => settled((done) => fs.fdatasync(file, done)),
  syncNow: fs.fdatasyncSync,
};

const paths = {
  // fsync, not fdatasync: for a directory the latter may leave out a name that changed no size.
  syncDirectory(path: string): void {
    const directory = openFile(path, "read");
    try {
      fs.fsyncSync(directory);
    } finally {
      fs.closeSync(directory);
    }
  },
  async syncDirectoryAsync(path: string): Promise<void> {
    const directory = openFile(path, "read");
    try {
      await settled((done) => fs.fsync(directory, done));
    } finally {
      fs.closeSync(directory);
    }
  },
  readFile(path: string): Uint8Array | undefined {
    const read = unlessMissing(() => fs.readFileSync(path));
    // Not a Buffer: its slice() shares the bytes, where a Uint8Array's copies them.
    return read && new Uint8Array(read.buffer, read.byteOffset, read.byteLength);
  },
  permissions: (path: string): number | undefined => {
    const stats = unlessMissing(() => fs.statSync(path));
    return stats && stats.mode & 0o777;
  },
  // Not existsSync: it says "no" to a path that may not be looked at, and a directory would be made afresh.
  exists: (path: string): boolean => unlessMissing(() => fs.statSync(path)) !== undefined,
  list: (path: string): string[] | undefined => unlessMissing(() => fs.readdirSync(path)),
  makeDirectory(path: string): void {
    fs.mkdirSync(path, { recursive: true });
  },
  rename: fs.renameSync,
  remove(path: string): void {
    fs.rmSync(path, { recursive: true, force: true });
  },
  makeTemporaryDirectory: (prefix: string): string => fs.mkdtempSync(join(tmpdir(), prefix)),
};

/** The answer of `look`, or undefined where the path, or a directory on the way to it, is missing. */
export function unlessMissing<T>(look: () => T): T | undefined {
  try {
    return look();
  } catch (error) {
    if (errorCode(error) === "ENOENT") return undefined;
    throw error;
  }
}

/** A way to release something that does nothing the second time. */
export function once(release: () => void): () => void {
  let released = false;
  return () => {
    if (released) return;
    released = true;
    release();
  };
}

function settled(start: (done: (error: Error | null) => void) => void): Promise<void> {
  return new Promise((resolve, reject) => start((error) => error ? reject(error) : resolve()));
}
