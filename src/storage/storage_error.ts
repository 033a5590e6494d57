/** Errors of the disk, in words. */

import { SlotcaskError, StorageError } from "../errors.ts";
import { errorCode } from "../error_code.ts";

export { errorCode };

/** What the codes say that a disk or a directory answers with. */
const CODE_TEXTS: Record<string, string> = {
  EACCES: "Permission denied",
  EBADF: "Bad file descriptor",
  EBUSY: "Device or resource busy",
  EDQUOT: "Disk quota exceeded",
  EEXIST: "File exists",
  EFBIG: "File too large",
  EINVAL: "Invalid argument",
  EIO: "Input/output error",
  EISDIR: "Is a directory",
  ELOOP: "Too many levels of symbolic links",
  EMFILE: "Too many open files in this process",
  ENAMETOOLONG: "File name too long",
  ENFILE: "Too many open files in the system",
  ENODEV: "No such device",
  ENOENT: "No such file or directory",
  ENOLCK: "No locks available",
  ENOSPC: "No space left on device",
  ENOTDIR: "Not a directory",
  ENOTEMPTY: "Directory not empty",
  ENXIO: "No such device or address",
  EPERM: "Operation not permitted",
  EROFS: "Read-only file system",
  ESTALE: "Stale file handle",
  ETXTBSY: "Text file busy",
  EXDEV: "Invalid cross-device link",
};

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

/** The runtimes word the same code differently, so the text is ours where the code is known. */
function reasonOf(error: unknown): string {
  const code = errorCode(error);
  const message = error instanceof Error ? error.message : String(error);
  if (code === undefined) return message;
  return `${CODE_TEXTS[code] ?? message} (${code})`;
}
