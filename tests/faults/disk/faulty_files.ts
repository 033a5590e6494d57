/** Files that fail where they are told to, for as long as they are told to. */

import { errorWithCode } from "../../../src/error_code.ts";
import type { FileDescriptor, Files } from "../../../src/runtime/runtime.ts";

/** Calls that can fail. */
export type FaultyCall =
  | "open"
  | "read"
  | "write"
  | "truncate"
  | "allocate"
  | "sync"
  | "syncNow"
  | "syncDirectory"
  | "syncDirectoryAsync"
  | "rename"
  | "lock";

/** What fails, and how. */
export interface Fault {
  /** The calls. */
  calls: readonly FaultyCall[];
  /** Only files whose path holds this; default: all. */
  path?: string;
  /** Only reads and writes from this position on; default: all. */
  from?: number;
  /** The code of the error. */
  code: string;
  /** So many calls fail; default: all, until {@link FaultyFiles.heal}. */
  times?: number;
  /** A write that fails has written so many of its bytes; default: none. */
  short?: number;
}

/** Everything that changes a file system: what a read-only one refuses. Opening to read is not among it. */
export const CHANGES: readonly FaultyCall[] = ["open", "write", "truncate", "allocate", "rename", "lock"];
/** What asks a disk for room. */
export const ALLOCATIONS: readonly FaultyCall[] = ["write", "truncate", "allocate"];

/** See the head of this file. */
export class FaultyFiles {
  /** What to use. */
  readonly files: Files;
  /** Calls that failed, as "write fixed.data". */
  readonly failed: string[] = [];
  /** The memory that reads of data files last filled: what a resident store keeps its slots in. */
  readonly images = new Map<string, { bytes: Uint8Array; at: number; length: number; position: number }[]>();
  readonly #paths = new Map<FileDescriptor, string>();
  /** Syncs that {@link hold} held. */
  readonly heldSyncs = { begun: 0, ended: 0 };
  #faults: Fault[] = [];
  #held: string | undefined;
  #released = Promise.withResolvers<void>();

  constructor(real: Files) {
    const guard = (call: FaultyCall, path: string, position?: number) => this.#guard(call, path, position);
    const of = (file: FileDescriptor) => this.#paths.get(file) ?? "?";
    this.files = {
      ...real,
      open: (path, mode) => {
        if (mode !== "read") guard("open", path);
        const file = real.open(path, mode);
        this.#paths.set(file, path);
        return file;
      },
      close: (file) => {
        this.#paths.delete(file);
        real.close(file);
      },
      read: (file, bytes, at, length, position) => {
        guard("read", of(file), position);
        const read = real.read(file, bytes, at, length, position);
        if (of(file).endsWith("fixed.data")) this.#note(of(file), { bytes, at, length, position });
        return read;
      },
      write: (file, bytes, at, length, position) => {
        const fault = this.#take("write", of(file), position);
        if (fault === undefined) return real.write(file, bytes, at, length, position);
        if (fault.short) real.write(file, bytes, at, Math.min(fault.short, length), position);
        throw errorWithCode("write", fault.code);
      },
      truncate: (file, size) => {
        guard("truncate", of(file));
        real.truncate(file, size);
      },
      allocate: (file, position, length) => {
        guard("allocate", of(file));
        real.allocate(file, position, length);
      },
      sync: async (file) => {
        guard("sync", of(file));
        if (this.#held !== undefined && of(file).endsWith(this.#held)) await this.#wait();
        await real.sync(file);
      },
      syncNow: (file) => {
        guard("syncNow", of(file));
        real.syncNow(file);
      },
      syncDirectory: (path) => {
        guard("syncDirectory", path);
        real.syncDirectory(path);
      },
      syncDirectoryAsync: async (path) => {
        guard("syncDirectoryAsync", path);
        await real.syncDirectoryAsync(path);
      },
      rename: (from, to) => {
        guard("rename", to);
        real.rename(from, to);
      },
      lock: (path) => {
        guard("lock", path);
        return real.lock(path);
      },
    };
  }

  /** From now on this fails, beside what does already. */
  fail(fault: Fault): void {
    this.#faults.push({ ...fault });
  }

  /** From now on each sync of files whose path ends so hangs until {@link release}. */
  hold(path: string): void {
    this.#held = path;
  }

  /** Lets go the syncs that hang; the next ones hang again. */
  release(): void {
    this.#released.resolve();
    this.#released = Promise.withResolvers();
  }

  async #wait(): Promise<void> {
    this.heldSyncs.begun++;
    await this.#released.promise;
    this.heldSyncs.ended++;
  }

  /** The disk is good again. */
  heal(): void {
    this.#faults = [];
    this.#held = undefined;
    this.release();
  }

  #take(call: FaultyCall, path: string, position = 0): Fault | undefined {
    const fault = this.#faults.find(({ calls, path: part = "", from = 0, times = 1 }) =>
      calls.includes(call) && path.includes(part) && position >= from && times > 0
    );
    if (fault === undefined) return undefined;
    if (fault.times !== undefined) fault.times--;
    this.failed.push(`${call} ${path.split("/").at(-1)}`);
    return fault;
  }

  #guard(call: FaultyCall, path: string, position?: number): void {
    const fault = this.#take(call, path, position);
    if (fault !== undefined) throw errorWithCode(call, fault.code);
  }

  #note(path: string, image: { bytes: Uint8Array; at: number; length: number; position: number }): void {
    const images = this.images.get(path) ?? [];
    this.images.set(path, images);
    images.push(image);
  }
}
