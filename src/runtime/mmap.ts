/** Files in memory by the C library's mmap: what Deno's way to call it and Bun's have in common. */

import process from "node:process";
import { errorWithCode } from "../error_code.ts";
import { UsageError } from "../errors.ts";
import type { FileDescriptor, Files, MapRange } from "./runtime.ts";

/** The part of {@link Files} that this makes. */
export type FileMaps = Pick<Files, "loadMaps" | "map" | "allocate" | "readAhead">;

/** A C library, as a runtime calls it. */
export interface LibC {
  /** mmap of a shared range, of MADV_RANDOM, at a multiple of `pageBytes`; undefined where it failed. */
  map(file: FileDescriptor, range: MapRange): ArrayBuffer | undefined;
  /** posix_fallocate: 0, or the error's number. */
  allocate(file: FileDescriptor, position: number, length: number): number;
  /** posix_fadvise: 0, or the error's number. */
  advise(file: FileDescriptor, position: number, length: number, advice: number): number;
  /** The number of the last error. */
  errno(): number;
  /** Bytes of a page. */
  readonly pageBytes: number;
}

/** PROT_READ, and with PROT_WRITE; MAP_SHARED; _SC_PAGESIZE; MADV_RANDOM: the numbers of Linux. */
export const PROT_READ = 1, PROT_READ_WRITE = 3, MAP_SHARED = 1, PAGE_SIZE_NAME = 30, MADV_RANDOM = 1;

const EINTR = 4, POSIX_FADV_WILLNEED = 3;

/** What mmap and fallocate can fail with, by Linux's numbers. */
const ERRNO_NAMES: Record<number, string> = {
  1: "EPERM",
  5: "EIO",
  9: "EBADF",
  11: "EAGAIN",
  12: "ENOMEM",
  13: "EACCES",
  19: "ENODEV",
  22: "EINVAL",
  27: "EFBIG",
  28: "ENOSPC",
  95: "EOPNOTSUPP",
  122: "EDQUOT",
};

/** Maps over a C library that `open` loads at the first use. It throws UsageError, or what the runtime throws. */
export function fileMaps(open: (library: string) => LibC): FileMaps {
  let opened: LibC | undefined;
  const libc = () => opened ??= openLibC(open);
  return {
    loadMaps: () => void libc(),
    map: (file, range) => mapRange(libc(), file, range),
    allocate: (file, position, length) => allocate(libc(), file, { position, length }),
    // Only advice: where it cannot be taken, reads are slower.
    readAhead: (file, position, length) => void libc().advise(file, position, length, POSIX_FADV_WILLNEED),
  };
}

/** The error of storage that this process cannot use. */
export function mapsRefused(reason: string, cause?: unknown): UsageError {
  return new UsageError(
    `Cannot use mapped storage: ${reason}; resident and positional storage need nothing of it`,
    { cause },
  );
}

function openLibC(open: (library: string) => LibC): LibC {
  if (process.platform !== "linux") throw mapsRefused(`it needs Linux, this is ${process.platform}`);
  const musl = `libc.musl-${process.arch === "arm64" ? "aarch64" : "x86_64"}.so.1`;
  const failures: unknown[] = [];
  for (const library of ["libc.so.6", musl]) {
    try {
      return open(library);
    } catch (error) {
      if (error instanceof UsageError) throw error;
      failures.push(error);
    }
  }
  throw mapsRefused(`neither libc.so.6 nor ${musl} could be loaded`, new AggregateError(failures));
}

/** Maps whole pages, and answers the bytes that were asked for. */
function mapRange(libc: LibC, file: FileDescriptor, { position, length, writable }: MapRange) {
  const before = position % libc.pageBytes;
  const buffer = libc.map(file, { position: position - before, length: length + before, writable });
  if (buffer === undefined) throw failure(`mmap of ${length} bytes at ${position}`, libc.errno());
  return new Uint8Array(buffer, before, length);
}

function allocate(libc: LibC, file: FileDescriptor, { position, length }: Omit<MapRange, "writable">): void {
  let errno: number;
  do errno = libc.allocate(file, position, length); while (errno === EINTR);
  if (errno !== 0) throw failure(`fallocate of ${length} bytes at ${position}`, errno);
}

function failure(what: string, errno: number): Error {
  const name = ERRNO_NAMES[errno] ?? `errno ${errno}`;
  return errorWithCode(`${what} failed: ${name}`, name);
}
