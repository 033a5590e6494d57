/** Errors of the disk, in words. */

import { reasonOf } from "../error_code.ts";
import { SlotcaskError, StorageError } from "../errors.ts";

/**
 * The error of an operation (`doing`: "write", "open", ...) on a path, as
 * "Cannot write PATH: No space left on device (ENOSPC)", with the runtime's own as its cause.
 *
 * An error that is explained already is returned as it is.
 */
export function wrapStorageError(error: unknown, doing: string, path: string): SlotcaskError {
  if (error instanceof SlotcaskError) return error;
  return new StorageError(`Cannot ${doing} ${path}: ${reasonOf(error)}`, { cause: error });
}
