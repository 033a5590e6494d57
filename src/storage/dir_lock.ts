/** The lock of a directory, shared with armdb 0.15: flock on DIR/db.lock, held while the directory is open. */

import { LockedError } from "../errors.ts";
import type { FileLock, Files } from "../runtime/runtime.ts";
import { wrapStorageError } from "./storage_error.ts";

/** The locked file in a directory. Its content is the holder's pid and a newline; it stays when nobody holds it. */
export const LOCK_FILE = "db.lock";

/** A directory that is held. */
export interface DirectoryLock {
  /** Lets others have it. The second time it does nothing. */
  release(): void;
}

/** How often to try, and how long to wait in between: {@link isLocked} of others holds the lock for microseconds. */
const TRIES = 4, RETRY_MS = 2;

/**
 * Takes the lock of a directory that exists, and writes this process's pid into it.
 *
 * Throws a LockedError that names the holder, or a StorageError if the lock file cannot be opened or written.
 */
export function lockDirectory(files: Files, directory: string, pid: number): DirectoryLock {
  const path = `${directory}/${LOCK_FILE}`;
  const lock = tryLock(files, path);
  if (lock === undefined) {
    throw new LockedError(`Cannot lock ${directory}: ${LOCK_FILE} is held by ${holderOf(files, path)}`);
  }
  try {
    writePid(files, lock, pid);
  } catch (error) {
    lock.release();
    throw wrapStorageError(error, "write", path);
  }
  return { release: () => lock.release() };
}

/** Whether a process holds the directory. Neither makes nor changes anything, so offline commands may ask. */
export function isLocked(files: Files, directory: string): boolean {
  const path = `${directory}/${LOCK_FILE}`;
  try {
    return files.isLocked(path);
  } catch (error) {
    throw wrapStorageError(error, "open", path);
  }
}

function tryLock(files: Files, path: string): FileLock | undefined {
  try {
    for (let tries = 1;; tries++) {
      const lock = files.lock(path);
      if (lock !== undefined || tries === TRIES) return lock;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, RETRY_MS);
    }
  } catch (error) {
    throw wrapStorageError(error, "lock", path);
  }
}

/** Writes before it truncates: so a file with an old pid needs no new block, which a full disk would not give. */
function writePid(files: Files, { file }: FileLock, pid: number): void {
  const content = new TextEncoder().encode(`${pid}\n`);
  files.write(file, content, 0, content.length, 0);
  files.truncate(file, content.length);
}

/** The first line of the file is the pid; it is empty for a moment after a first lock. */
function holderOf(files: Files, path: string): string {
  const content = new TextDecoder().decode(files.readFile(path) ?? new Uint8Array());
  const pid = /^\d+/.exec(content)?.[0];
  return pid === undefined ? "another process" : `process ${pid}`;
}
