/**
 * A file system in memory that writes down all that is done to it, in order: so that a power cut can be tried at any
 * moment of it, with any part of what was not synced lost. Bytes that were stored into a mapping are found by
 * comparison, before each call.
 */

import { errorWithCode } from "../../../src/error_code.ts";
import type { FileDescriptor, FileLock, Files } from "../../../src/runtime/runtime.ts";

/** What was done. `inode` is a file, whatever its name is. */
export type DiskOp =
  | { type: "write"; inode: number; position: number; bytes: Uint8Array }
  | { type: "size"; inode: number; size: number }
  | { type: "name"; path: string; inode: number }
  | { type: "rename"; from: string; to: string; inode: number }
  | { type: "remove"; path: string }
  | { type: "directory"; path: string }
  | { type: "synced"; inode: number; upTo: number }
  | { type: "directory-synced"; path: string; upTo: number };

/** A file system at rest. */
export interface DiskImage {
  /** Directories. */
  directories: Set<string>;
  /** Files by their paths. */
  names: Map<string, number>;
  /** Bytes of the files. */
  inodes: Map<number, Uint8Array>;
}

/** The one directory that is there from the start. */
export const ROOT = "/disk";
/** A file that is mapped can become so long. */
const MAPPED_BYTES = 1 << 20;
const NAMES_ONLY = "a name that this disk does not have";

interface Inode {
  bytes: Uint8Array<ArrayBuffer>;
  size: number;
  /** What was last seen of a mapped one. */
  seen?: Uint8Array;
}

/** See the head of this file. */
export class MemoryDisk {
  /** All that was done since the image. */
  readonly log: DiskOp[] = [];
  /** Told of each, once it is in the log. */
  onOp: ((op: DiskOp) => void) | undefined;
  readonly #directories: Set<string>;
  readonly #names: Map<string, number>;
  readonly #inodes = new Map<number, Inode>();
  readonly #open = new Map<FileDescriptor, number>();
  readonly #locked = new Set<string>();
  #next = 3;
  #nextInode = 1;

  /** An empty disk, or one with what an image holds, all of it durable. */
  constructor(readonly image: DiskImage = emptyImage()) {
    this.#directories = new Set(image.directories);
    this.#names = new Map(image.names);
    for (const [inode, bytes] of image.inodes) {
      this.#inodes.set(inode, { bytes: bytes.slice(), size: bytes.length });
      this.#nextInode = Math.max(this.#nextInode, inode + 1);
    }
  }

  /** What to use. */
  readonly files: Files = {
    open: (path, mode) => {
      let inode = this.#names.get(path);
      if (inode === undefined) {
        if (mode !== "create" || !this.#directories.has(parentOf(path))) throw missing(path);
        inode = this.#nextInode++;
        this.#inodes.set(inode, { bytes: new Uint8Array(64), size: 0 });
        this.#names.set(path, inode);
        this.#note({ type: "name", path, inode });
      }
      this.#open.set(this.#next, inode);
      return this.#next++;
    },
    close: (file) => {
      this.#noteStores();
      this.#open.delete(file);
    },
    read: (file, bytes, at, length, position) => {
      const inode = this.#of(file);
      const end = Math.min(position + length, inode.size);
      if (end <= position) return 0;
      bytes.set(inode.bytes.subarray(position, end), at);
      return end - position;
    },
    write: (file, bytes, at, length, position) => {
      const inode = this.#of(file);
      this.#noteStores();
      const part = bytes.slice(at, at + length);
      store(inode, position, part);
      this.#note({ type: "write", inode: this.#open.get(file)!, position, bytes: part });
    },
    size: (file) => this.#of(file).size,
    truncate: (file, size) => {
      this.#noteStores();
      resize(this.#of(file), size);
      this.#note({ type: "size", inode: this.#open.get(file)!, size });
    },
    sync: async (file) => {
      this.#noteStores();
      const inode = this.#open.get(file)!;
      const upTo = this.log.length;
      await new Promise((resolve) => setTimeout(resolve, 1));
      this.#note({ type: "synced", inode, upTo });
    },
    syncNow: (file) => {
      this.#noteStores();
      this.#note({ type: "synced", inode: this.#open.get(file)!, upTo: this.log.length });
    },
    syncDirectory: (path) => {
      this.#requireDirectory(path);
      this.#note({ type: "directory-synced", path, upTo: this.log.length });
    },
    syncDirectoryAsync: async (path) => {
      this.#requireDirectory(path);
      const upTo = this.log.length;
      await new Promise((resolve) => setTimeout(resolve, 1));
      this.#note({ type: "directory-synced", path, upTo });
    },
    readFile: (path) => {
      const inode = this.#names.get(path);
      if (inode === undefined) return undefined;
      const { bytes, size } = this.#inodes.get(inode)!;
      return bytes.slice(0, size);
    },
    exists: (path) => this.#names.has(path) || this.#directories.has(path),
    list: (path) => this.#directories.has(path) ? this.#childrenOf(path) : undefined,
    makeDirectory: (path) => {
      if (this.#directories.has(path)) return;
      this.files.makeDirectory(parentOf(path));
      this.#directories.add(path);
      this.#note({ type: "directory", path });
    },
    rename: (from, to) => {
      const inode = this.#names.get(from);
      if (inode === undefined) throw missing(from);
      this.#noteStores();
      this.#names.delete(from);
      this.#names.set(to, inode);
      this.#note({ type: "rename", from, to, inode });
    },
    remove: (path) => {
      for (const name of [...this.#names.keys()]) if (isWithin(name, path)) this.#names.delete(name);
      for (const name of [...this.#directories]) if (isWithin(name, path)) this.#directories.delete(name);
      this.#note({ type: "remove", path });
    },
    makeTemporaryDirectory: () => {
      throw new Error(NAMES_ONLY);
    },
    lock: (path): FileLock | undefined => {
      const file = this.files.open(path, "create");
      if (this.#locked.has(path)) {
        this.files.close(file);
        return undefined;
      }
      this.#locked.add(path);
      return {
        file,
        release: () => {
          this.#locked.delete(path);
          this.files.close(file);
        },
      };
    },
    isLocked: (path) => this.#locked.has(path),
    loadMaps: () => {},
    map: (file, { position }) => {
      const inode = this.#of(file);
      if (inode.seen === undefined) {
        const bytes = new Uint8Array(MAPPED_BYTES);
        bytes.set(inode.bytes.subarray(0, inode.size));
        inode.bytes = bytes;
        inode.seen = bytes.slice();
      }
      return new Uint8Array(inode.bytes.buffer, position);
    },
    allocate: (file, position, length) => {
      if (this.#of(file).size < position + length) this.files.truncate(file, position + length);
    },
    readAhead: () => {},
  };

  #of(file: FileDescriptor): Inode {
    const inode = this.#inodes.get(this.#open.get(file) ?? -1);
    if (inode === undefined) throw errorWithCode(`file ${file} is not open`, "EBADF");
    return inode;
  }

  #note(op: DiskOp): void {
    this.log.push(op);
    this.onOp?.(op);
  }

  /** Writes down what was stored into mappings since the last look. */
  #noteStores(): void {
    for (const [number, inode] of this.#inodes) {
      if (inode.seen !== undefined) this.#noteStoresOf(number, inode);
    }
  }

  #noteStoresOf(number: number, inode: Inode): void {
    const seen = new Uint32Array(inode.seen!.buffer);
    const now = new Uint32Array(inode.bytes.buffer);
    const words = inode.size >>> 2;
    for (let word = 0; word < words; word++) {
      if (now[word] === seen[word]) continue;
      const first = word;
      while (word < words && now[word] !== seen[word]) word++;
      const bytes = inode.bytes.slice(4 * first, 4 * word);
      inode.seen!.set(bytes, 4 * first);
      this.#note({ type: "write", inode: number, position: 4 * first, bytes });
    }
  }

  #requireDirectory(path: string): void {
    if (!this.#directories.has(path)) throw missing(path);
  }

  #childrenOf(path: string): string[] {
    const all = [...this.#names.keys(), ...this.#directories];
    return all.filter((name) => parentOf(name) === path).map((name) => name.slice(path.length + 1));
  }
}

/** Nothing but the root. */
export function emptyImage(): DiskImage {
  return { directories: new Set([ROOT]), names: new Map(), inodes: new Map() };
}

/** The directory that a path lies in. */
export function parentOf(path: string): string {
  return path.slice(0, path.lastIndexOf("/"));
}

/** Whether a path is another one, or lies in it. */
export function isWithin(path: string, directory: string): boolean {
  return path === directory || path.startsWith(`${directory}/`);
}

function missing(path: string): Error {
  return errorWithCode(`no such file: ${path}`, "ENOENT");
}

function store(inode: Inode, position: number, bytes: Uint8Array): void {
  reserve(inode, position + bytes.length);
  inode.bytes.set(bytes, position);
  inode.seen?.set(bytes, position);
  inode.size = Math.max(inode.size, position + bytes.length);
}

function resize(inode: Inode, size: number): void {
  reserve(inode, size);
  inode.bytes.fill(0, Math.min(size, inode.size), Math.max(size, inode.size));
  inode.seen?.fill(0, Math.min(size, inode.size), Math.max(size, inode.size));
  inode.size = size;
}

function reserve(inode: Inode, size: number): void {
  if (size <= inode.bytes.length) return;
  if (inode.seen !== undefined) {
    throw new Error(`Cannot grow a mapped file to ${size}: it has ${MAPPED_BYTES}`);
  }
  const larger = new Uint8Array(Math.max(size, inode.bytes.length * 2));
  larger.set(inode.bytes.subarray(0, inode.size));
  inode.bytes = larger;
}
