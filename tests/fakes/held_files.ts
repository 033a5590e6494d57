/** The runtime's files, of which some syncs hang until they are let go. */

import { detectRuntime } from "../../src/runtime/mod.ts";
import type { FileDescriptor, Files } from "../../src/runtime/runtime.ts";

const real = detectRuntime().files;

/** See the head of this file. */
export class HeldFiles {
  /** What was done to which file, by the end of its path: "sync fixed.data", "write fixed.data", ... */
  readonly calls: string[] = [];
  readonly #paths = new Map<FileDescriptor, string>();
  #held: string | undefined;
  #release = Promise.withResolvers<void>();

  /** The files to hand in. */
  readonly files: Files = {
    ...real,
    open: (path, mode) => {
      const file = real.open(path, mode);
      this.#paths.set(file, path);
      return file;
    },
    close: (file) => {
      this.#note("close", file);
      real.close(file);
    },
    write: (file, bytes, at, length, position) => {
      this.#note("write", file);
      real.write(file, bytes, at, length, position);
    },
    rename: (from, to) => {
      this.calls.push(`rename ${to.split("/").at(-1)}`);
      real.rename(from, to);
    },
    sync: async (file) => {
      this.#note("sync", file);
      if (this.#held !== undefined && this.#paths.get(file)!.includes(this.#held)) {
        await this.#release.promise;
      }
      await real.sync(file);
    },
  };

  /** From now on syncs of files with this in their path hang. */
  hold(part: string): void {
    this.#held = part;
  }

  /** Lets go those that hang, and holds no more. */
  release(): void {
    this.#held = undefined;
    this.#release.resolve();
    this.#release = Promise.withResolvers();
  }

  #note(what: string, file: FileDescriptor): void {
    this.calls.push(`${what} ${this.#paths.get(file)?.split("/").at(-1)}`);
  }
}
