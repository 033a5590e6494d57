/**
 * Files over a system that forgets: when a sync of a data file fails, the file is again as the last good sync left it.
 * That is the worst that a failed fdatasync may leave behind.
 */

import { errorWithCode } from "../../src/error_code.ts";
import type { FileDescriptor, Files } from "../../src/runtime/runtime.ts";

/** See the head of this file. */
export class ForgetfulFiles {
  /** So many of the next syncs of data files fail. */
  failures = 0;
  /** Syncs that failed. */
  failed = 0;
  /** What to use. */
  readonly files: Files;
  readonly #real: Files;
  readonly #open = new Map<FileDescriptor, { path: string; onDisk: Uint8Array }>();

  constructor(real: Files) {
    this.#real = real;
    this.files = {
      ...real,
      open: (path, mode) => {
        const file = real.open(path, mode);
        if (path.endsWith("fixed.data")) this.#open.set(file, { path, onDisk: real.readFile(path)! });
        return file;
      },
      close: (file) => {
        this.#open.delete(file);
        real.close(file);
      },
      sync: async (file) => {
        this.#syncs(file);
        await real.sync(file);
      },
      syncNow: (file) => {
        this.#syncs(file);
        real.syncNow(file);
      },
    };
  }

  #syncs(file: FileDescriptor): void {
    const opened = this.#open.get(file);
    if (opened === undefined) return;
    if (this.failures === 0) {
      opened.onDisk = this.#real.readFile(opened.path)!;
      return;
    }
    this.failures--;
    this.failed++;
    const again = this.#real.open(opened.path, "write");
    this.#real.write(again, opened.onDisk, 0, opened.onDisk.length, 0);
    this.#real.close(again);
    throw errorWithCode("fdatasync", "EIO");
  }
}
