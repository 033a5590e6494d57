/** Files and directories in memory: as much of a file system as a replica's directory needs, and quick to copy. */

import { errorWithCode } from "../../src/error_code.ts";
import type { FileDescriptor, FileLock, Files } from "../../src/runtime/runtime.ts";

/** A file. It may be longer than its bytes: what is behind them is zero, as in a sparse file. */
export interface MemoryFile {
  /** The bytes, which may have room for more. */
  bytes: Uint8Array;
  /** Length of the file. */
  size: number;
}

/** More than this is not kept in memory: a file so long is one that a test made so long. */
const MOST_BYTES = 64 << 20;

/** See the head of this file. */
export class MemoryTree {
  /** Files by path. */
  readonly nodes = new Map<string, MemoryFile>();
  /** Directories. */
  readonly folders = new Set<string>();
  /** Paths that are locked. */
  readonly locked = new Set<string>();
  readonly #open = new Map<FileDescriptor, MemoryFile>();
  #lastFile = 2;

  /** What to hand in: an object of its own functions, as the runtimes' are, since it gets spread. */
  readonly files: Files = {
    open: (path, mode) => this.#openFile(path, mode),
    close: (file) => this.#close(file),
    read: (file, bytes, at, length, position) => this.#read(file, { bytes, at, length, position }),
    write: (file, bytes, at, length, position) => this.#write(file, { bytes, at, length, position }),
    size: (file) => this.#sizeOf(file),
    truncate: (file, size) => this.#resize(this.#node(file), size),
    sync: () => Promise.resolve(),
    syncNow: () => {},
    syncDirectory: (path) => this.#requireFolder(path),
    syncDirectoryAsync: (path) => Promise.resolve(this.#requireFolder(path)),
    readFile: (path) => this.#readFile(path),
    exists: (path) => this.#exists(path),
    list: (path) => this.#list(path),
    makeDirectory: (path) => this.makeDirectory(path),
    rename: (from, to) => this.#rename(from, to),
    remove: (path) => this.remove(path),
    makeTemporaryDirectory: () => unsupported(),
    lock: (path) => this.#lock(path),
    isLocked: (path) => this.locked.has(path),
    loadMaps: () => {},
    map: () => unsupported(),
    allocate: () => {},
    readAhead: () => {},
  };

  /** How many files are open. */
  get openCount(): number {
    return this.#open.size;
  }

  /** The same files, as they are now, none of them open. */
  copy(): MemoryTree {
    const copy = new MemoryTree();
    for (const folder of this.folders) copy.folders.add(folder);
    for (const [path, { bytes, size }] of this.nodes) {
      copy.nodes.set(path, { bytes: bytes.slice(0, Math.min(size, bytes.length)), size });
    }
    return copy;
  }

  /** The bytes of a file, without those that a sparse file only claims. */
  bytesOf(path: string): Uint8Array {
    const { bytes, size } = this.nodes.get(path)!;
    return bytes.subarray(0, Math.min(size, bytes.length));
  }

  /** Makes or replaces a file. */
  put(path: string, bytes: Uint8Array): void {
    this.nodes.set(path, { bytes, size: bytes.length });
  }

  #openFile(path: string, mode: "read" | "write" | "create"): FileDescriptor {
    let node = this.nodes.get(path);
    if (node === undefined) {
      this.#requireParent(path);
      if (this.folders.has(path)) {
        if (mode !== "read") throw errorWithCode(`open ${path}`, "EISDIR");
        node = { bytes: new Uint8Array(0), size: -1 };
      } else if (mode === "create") this.nodes.set(path, node = { bytes: new Uint8Array(0), size: 0 });
      else throw errorWithCode(`open ${path}`, "ENOENT");
    }
    this.#open.set(++this.#lastFile, node);
    return this.#lastFile;
  }

  #close(file: FileDescriptor): void {
    if (!this.#open.delete(file)) throw errorWithCode("close", "EBADF");
  }

  #read(file: FileDescriptor, { bytes, at, length, position }: Transfer): number {
    const { bytes: from, size } = this.#node(file);
    if (size < 0) throw errorWithCode("read", "EISDIR");
    const end = Math.max(position, Math.min(position + length, size));
    const held = from.subarray(Math.min(position, from.length), Math.min(end, from.length));
    bytes.set(held, at);
    bytes.fill(0, at + held.length, at + end - position);
    return end - position;
  }

  #write(file: FileDescriptor, { bytes, at, length, position }: Transfer): void {
    const node = this.#node(file);
    this.#resize(node, Math.max(node.size, position + length));
    node.bytes.set(bytes.subarray(at, at + length), position);
  }

  #sizeOf(file: FileDescriptor): number {
    const { size } = this.#node(file);
    return size < 0 ? 4096 : size;
  }

  #requireFolder(path: string): void {
    if (!this.folders.has(path)) throw errorWithCode(`open ${path}`, "ENOENT");
  }

  #readFile(path: string): Uint8Array | undefined {
    const node = this.nodes.get(path);
    if (node !== undefined) {
      if (node.size > MOST_BYTES) throw errorWithCode(`read ${path}`, "ENOMEM");
      const whole = new Uint8Array(node.size);
      whole.set(node.bytes.subarray(0, node.size));
      return whole;
    }
    if (this.folders.has(path)) throw errorWithCode(`read ${path}`, "EISDIR");
    if (this.#isBelowFile(path)) throw errorWithCode(`open ${path}`, "ENOTDIR");
    return undefined;
  }

  #exists(path: string): boolean {
    if (this.nodes.has(path) || this.folders.has(path)) return true;
    if (this.#isBelowFile(path)) throw errorWithCode(`stat ${path}`, "ENOTDIR");
    return false;
  }

  #list(path: string): string[] | undefined {
    if (this.nodes.has(path)) throw errorWithCode(`scandir ${path}`, "ENOTDIR");
    if (!this.folders.has(path)) return undefined;
    const names = new Set<string>();
    for (const each of [...this.nodes.keys(), ...this.folders]) {
      if (each.startsWith(`${path}/`)) names.add(each.slice(path.length + 1).split("/")[0]);
    }
    return [...names];
  }

  /** Makes a directory and its parents. */
  makeDirectory(path: string): void {
    if (this.nodes.has(path)) throw errorWithCode(`mkdir ${path}`, "EEXIST");
    const parts = path.split("/");
    for (let i = 2; i <= parts.length; i++) this.folders.add(parts.slice(0, i).join("/"));
  }

  #rename(from: string, to: string): void {
    const node = this.nodes.get(from);
    if (node === undefined) throw errorWithCode(`rename ${from}`, "ENOENT");
    if (this.folders.has(to)) throw errorWithCode(`rename ${to}`, "EISDIR");
    this.#requireParent(to);
    this.nodes.delete(from);
    this.nodes.set(to, node);
  }

  /** Removes a file, or a directory with all in it. */
  remove(path: string): void {
    for (const each of [...this.nodes.keys()]) {
      if (each === path || each.startsWith(`${path}/`)) this.nodes.delete(each);
    }
    for (const each of [...this.folders]) {
      if (each === path || each.startsWith(`${path}/`)) this.folders.delete(each);
    }
  }

  #lock(path: string): FileLock | undefined {
    if (this.locked.has(path)) return undefined;
    const file = this.#openFile(path, "create");
    this.locked.add(path);
    const release = () => {
      if (this.locked.delete(path)) this.#close(file);
    };
    return { file, release };
  }

  #node(file: FileDescriptor): MemoryFile {
    const node = this.#open.get(file);
    if (node === undefined) throw errorWithCode("use of a closed file", "EBADF");
    return node;
  }

  #resize(node: MemoryFile, size: number): void {
    if (size > MOST_BYTES) throw errorWithCode("write", "EFBIG");
    if (size > node.bytes.length) {
      const larger = new Uint8Array(Math.max(size, node.bytes.length * 2));
      larger.set(node.bytes.subarray(0, node.size));
      node.bytes = larger;
    } else if (size < node.size) node.bytes.fill(0, size, node.size);
    node.size = size;
  }

  #requireParent(path: string): void {
    const parent = path.slice(0, path.lastIndexOf("/"));
    if (this.folders.has(parent)) return;
    const isFile = this.#isBelowFile(path);
    throw errorWithCode(`open ${path}`, isFile ? "ENOTDIR" : "ENOENT");
  }

  #isBelowFile(path: string): boolean {
    for (let end = path.lastIndexOf("/"); end > 0; end = path.lastIndexOf("/", end - 1)) {
      if (this.nodes.has(path.slice(0, end))) return true;
    }
    return false;
  }
}

/** Bytes on their way. */
interface Transfer {
  bytes: Uint8Array;
  at: number;
  length: number;
  position: number;
}

function unsupported(): never {
  throw new Error("Cannot do this in a MemoryTree");
}
