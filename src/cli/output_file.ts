/** A file that a command writes: outside every armdb directory, and whole or not at all. */

import { posix } from "node:path";
import { UsageError } from "../errors.ts";
import type { FileDescriptor, Files } from "../runtime/runtime.ts";
import { wrapStorageError } from "../storage/storage_error.ts";

/** Directories above the file that are looked at. */
const MOST_PARENTS = 32;

/** Written beside its place, and renamed: a link at that place is replaced, not followed. */
export class OutputFile {
  readonly #files: Files;
  readonly #path: string;
  readonly #file: FileDescriptor;
  #length = 0;
  #isAbandoned = false;

  /** Begins a file. Throws UsageError for a path that must not be written, and StorageError. */
  constructor(files: Files, path: string) {
    this.#files = files;
    this.#path = path;
    requireOutside(files, path);
    this.#file = this.#do("create", () => files.open(this.#temporary, "create"));
  }

  /** Appends bytes. Throws StorageError. */
  write(bytes: Uint8Array): void {
    this.#do("write", () => this.#files.write(this.#file, bytes, 0, bytes.length, this.#length));
    this.#length += bytes.length;
  }

  /** Puts the file in its place. Throws StorageError. */
  finish(): void {
    this.#do("write", () => {
      this.#files.truncate(this.#file, this.#length);
      this.#files.syncNow(this.#file);
      this.#files.rename(this.#temporary, this.#path);
    });
    this.#files.close(this.#file);
  }

  /** Gives it up. The second time it does nothing. */
  abandon(): void {
    if (this.#isAbandoned) return;
    this.#isAbandoned = true;
    this.#files.close(this.#file);
    this.#files.remove(this.#temporary);
  }

  get #temporary(): string {
    return `${this.#path}.tmp`;
  }

  #do<T>(doing: string, act: () => T): T {
    try {
      return act();
    } catch (error) {
      throw wrapStorageError(error, doing, this.#path);
    }
  }
}

/** By the system's own "..", so that links are seen through. */
function requireOutside(files: Files, path: string): void {
  if (/^\/(?:dev|proc)\//.test(posix.normalize(path))) {
    throw new UsageError(
      `Cannot use --out=${path}: it is no regular file; leave --out away for standard output`,
    );
  }
  let parent = posix.dirname(path);
  for (let i = 0; i < MOST_PARENTS; i++, parent += "/..") {
    if (!existsHere(files, `${parent}/db.meta`)) continue;
    throw new UsageError(
      `Cannot use --out=${path}: it is inside an armdb directory, allowed is a path outside`,
    );
  }
}

/** A place that may not be looked at is none that was given to this command as a directory. */
function existsHere(files: Files, path: string): boolean {
  try {
    return files.exists(path);
  } catch {
    return false;
  }
}
