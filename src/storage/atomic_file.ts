/** Small files that are replaced whole: after a crash there is the old one or the new one, never a part. */

import { dirname } from "node:path";
import type { FileDescriptor, Files } from "../runtime/runtime.ts";
import { isZero } from "../is_zero.ts";
import { nextTurn } from "../time_slice.ts";
import { wrapStorageError } from "./storage_error.ts";

/** Bytes that are written in one turn of the event loop. */
const STEP_BYTES = 512 << 10;

/** What the temporary file beside PATH is called: PATH and this. */
export const TEMPORARY_SUFFIX = ".tmp";

/** The bytes of a file; undefined where there is none. Throws StorageError. */
export function readWhole(files: Files, path: string): Uint8Array | undefined {
  try {
    return files.readFile(path);
  } catch (error) {
    throw wrapStorageError(error, "read", path);
  }
}

/**
 * Replaces a file: writes a temporary one beside it, syncs it, renames it over the file, syncs the directory.
 *
 * Blocks the thread for two syncs. Throws a StorageError that names the path; the temporary is then removed, and
 * the file is the old one (or the new one, perhaps not durable, if only the directory could not be synced).
 */
export function writeFileAtomic(files: Files, path: string, bytes: Uint8Array): void {
  const temporary = path + TEMPORARY_SUFFIX;
  try {
    const file = openEmpty(files, temporary);
    try {
      files.write(file, bytes, 0, bytes.length, 0);
      files.syncNow(file);
    } finally {
      files.close(file);
    }
    files.rename(temporary, path);
    files.syncDirectory(dirname(path));
  } catch (error) {
    throw abandon(files, { error, path });
  }
}

/**
 * The same without blocking the thread while the disk syncs. `bytes` must stay as they are until it resolves, and
 * two calls for one path must not overlap: they would share the temporary file. `requireWanted` is asked before
 * each step, and gives up by throwing.
 */
export async function writeFileAtomicAsync(
  files: Files,
  path: string,
  bytes: Uint8Array,
  requireWanted: () => void = () => {},
): Promise<void> {
  const temporary = path + TEMPORARY_SUFFIX;
  try {
    const file = openEmpty(files, temporary);
    try {
      await writeInSteps({ files, file, requireWanted }, bytes);
      await files.sync(file);
    } finally {
      files.close(file);
    }
    requireWanted();
    files.rename(temporary, path);
    await files.syncDirectoryAsync(dirname(path));
  } catch (error) {
    throw abandon(files, { error, path });
  }
}

/**
 * A large file is written a piece a turn, so that nothing waits for all of it. Pieces of zeros stay holes: a leader's
 * mere claim of 2^28 slots would else fill a gigabyte.
 */
async function writeInSteps(
  { files, file, requireWanted }: { files: Files; file: FileDescriptor; requireWanted: () => void },
  bytes: Uint8Array,
): Promise<void> {
  if (bytes.length > STEP_BYTES) files.truncate(file, bytes.length);
  for (let at = 0; at < bytes.length; at += STEP_BYTES) {
    if (at > 0) await nextTurn();
    requireWanted();
    const length = Math.min(STEP_BYTES, bytes.length - at);
    if (length < STEP_BYTES || !isHole(bytes, at, length)) files.write(file, bytes, at, length, at);
  }
}

/** Whether a piece is zeros, as far as it can be told by words. */
function isHole(bytes: Uint8Array, at: number, length: number): boolean {
  if ((bytes.byteOffset + at) % 4 !== 0) return false;
  return isZero(new Uint32Array(bytes.buffer, bytes.byteOffset + at, length / 4));
}

/** A crash may have left a temporary file that is longer than the new one. */
function openEmpty(files: Files, temporary: string): FileDescriptor {
  const file = files.open(temporary, "create");
  try {
    files.truncate(file, 0);
    return file;
  } catch (error) {
    files.close(file);
    throw error;
  }
}

function abandon(files: Files, { error, path }: { error: unknown; path: string }): Error {
  try {
    files.remove(path + TEMPORARY_SUFFIX);
  } catch {
    // The first error is the one to tell; the next write truncates what stays.
  }
  return wrapStorageError(error, "write", path);
}
