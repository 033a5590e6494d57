/**
 * What the operating system called an error.
 *
 * Both runtimes put it into `code`; for some of its own classes (a denied permission) Deno has none.
 */

/** The `code` of an error, such as "ENOSPC"; undefined where it has none. */
export function errorCode(error: unknown): string | undefined {
  if (typeof error !== "object" || error === null || !("code" in error)) return undefined;
  return typeof error.code === "string" ? error.code : undefined;
}

/** An error of our own with a `code` like that of the runtime's errors. */
export function errorWithCode(message: string, code: string): Error {
  return Object.assign(new Error(message), { code });
}

/** Turns any thrown value into an Error. */
export function asError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(String(thrown));
}

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

/** Why a call of the system failed. The runtimes word a code differently, so the text is ours where it is known. */
export function reasonOf(error: unknown): string {
  const code = errorCode(error);
  const message = asError(error).message;
  if (code === undefined) return message;
  return `${CODE_TEXTS[code] ?? message} (${code})`;
}
