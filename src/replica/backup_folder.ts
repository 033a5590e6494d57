/** The folder of a backup: made under a name of its own, claimed, and taken away again where nothing came of it. */

import { PermissionError, type SlotcaskError, StorageError } from "../errors.ts";
import type { FileDescriptor, Files } from "../runtime/runtime.ts";
import { LOCK_FILE } from "../storage/dir_lock.ts";
import { wrapStorageError } from "../storage/storage_error.ts";
import { nextTurn } from "../time_slice.ts";

/** Backups that one folder may get in one second. */
const MOST_NAMES = 1000;
/** Freed in one turn of the event loop, in a ms: to remove a file of 2 GiB at once blocks all else for 600 ms. */
const FREED_BYTES = 4 << 20;

/** A folder that nobody else writes to. */
export interface ClaimedFolder {
  /** Where it is. */
  path: string;
  /** Lets others open it. */
  release(): void;
}

/** The name of a backup begun at a time (Unix ms): `backup-20261121T120000Z`. */
export function backupName(atMs: number): string {
  return `backup-${new Date(atMs).toISOString().replace(/[-:]|\.\d+/g, "")}`;
}

/**
 * Makes an empty folder in `parent` (which it makes too), called {@link backupName}, and with `-2` and so on where
 * that is taken. It is locked as a replica's is: several followers may back up to one place at the same second.
 * Throws PermissionError, StorageError.
 */
export function claimFolder(files: Files, parent: string, atMs: number): ClaimedFolder {
  const name = `${parent}/${backupName(atMs)}`;
  try {
    for (let n = 1; n <= MOST_NAMES; n++) {
      const path = n === 1 ? name : `${name}-${n}`;
      const release = files.exists(path) ? undefined : claim(files, path);
      if (release !== undefined) return { path, release };
    }
  } catch (error) {
    throw backupError(error, name, parent);
  }
  throw new StorageError(`Cannot back up to ${parent}: it has ${MOST_NAMES} backups of this second already`);
}

/** Makes a folder and locks it; undefined where somebody else did at the same moment. */
function claim(files: Files, path: string): (() => void) | undefined {
  files.makeDirectory(path);
  const lock = files.lock(`${path}/${LOCK_FILE}`);
  if (lock === undefined) return undefined;
  if (files.list(path)!.length === 1) return () => lock.release();
  lock.release();
  return undefined;
}

/** What kept a backup from being made, in words; an error that is explained already is returned as it is. */
export function backupError(error: unknown, path: string, parent: string): SlotcaskError {
  // Deno's class for what its flags do not allow; it has no code.
  if (error instanceof Error && error.name === "NotCapable") {
    return new PermissionError(
      `Cannot back up to ${path}: this process may not read and write there, ` +
        `start it with --allow-read=${parent} and --allow-write=${parent}`,
      { cause: error },
    );
  }
  return wrapStorageError(error, "back up to", path);
}

/** Removes a folder whose large files are still open, and closes them. What cannot be removed stays. */
export async function discardFolder(
  files: Files,
  folder: ClaimedFolder,
  open: readonly FileDescriptor[],
): Promise<void> {
  for (const file of open) {
    await freeBlocks(files, file).catch(() => {});
    attempt(() => files.close(file));
  }
  attempt(() => files.remove(folder.path));
  attempt(() => folder.release());
}

async function freeBlocks(files: Files, file: FileDescriptor): Promise<void> {
  for (let size = files.size(file); size > FREED_BYTES; size -= FREED_BYTES) {
    files.truncate(file, size - FREED_BYTES);
    await nextTurn();
  }
}

/** The error that led here is the one to tell. */
function attempt(work: () => void): void {
  try {
    work();
  } catch {
    // See above.
  }
}
