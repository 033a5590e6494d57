/** mmap for Bun, by bun:ffi. */

import {
  type FileMaps,
  fileMaps,
  type LibC,
  MADV_RANDOM,
  MAP_SHARED,
  PAGE_SIZE_NAME,
  PROT_READ,
  PROT_READ_WRITE,
} from "./mmap.ts";

/** The C library's functions, as declared below. An address is a number; that of a failure is a bigint. */
interface Symbols {
  mmap(
    at: number,
    length: number,
    protection: number,
    flags: number,
    file: number,
    position: number,
  ): number | bigint;
  munmap: { ptr: number };
  madvise(at: number, length: number, advice: number): number;
  posix_fallocate(file: number, position: number, length: number): number;
  posix_fadvise(file: number, position: number, length: number, advice: number): number;
  sysconf(name: number): bigint;
  __errno_location(): number;
}

/** The part of bun:ffi that is used here. */
interface BunFfi {
  dlopen(
    library: string,
    symbols: Record<string, { args: string[]; returns: string }>,
  ): { symbols: unknown };
  read: { i32(pointer: number, offset: number): number };
  toArrayBuffer(
    at: number,
    offset: number,
    length: number,
    deallocatorContext: number,
    deallocator: number,
  ): ArrayBuffer;
}

const SYMBOLS = {
  mmap: { args: ["usize", "usize", "i32", "i32", "i32", "i64"], returns: "ptr" },
  munmap: { args: ["usize", "usize"], returns: "i32" },
  madvise: { args: ["usize", "usize", "i32"], returns: "i32" },
  posix_fallocate: { args: ["i32", "i64", "i64"], returns: "i32" },
  posix_fadvise: { args: ["i32", "i64", "i64", "i32"], returns: "i32" },
  sysconf: { args: ["i32"], returns: "i64" },
  __errno_location: { args: [], returns: "ptr" },
};

/** Maps through bun:ffi. */
export function bunMaps(): FileMaps {
  return fileMaps(openLibC);
}

function openLibC(library: string): LibC {
  // By Bun's own require: Deno must not even see the import.
  const ffi = (import.meta as unknown as { require(name: string): unknown }).require("bun:ffi") as BunFfi;
  const symbols = ffi.dlopen(library, SYMBOLS).symbols as Symbols;
  return {
    map(file, { position, length, writable }) {
      const protection = writable ? PROT_READ_WRITE : PROT_READ;
      const at = symbols.mmap(0, length, protection, MAP_SHARED, file, position);
      // The address -1: no integer that a number holds, and bigint in this version.
      if (typeof at !== "number" || !Number.isSafeInteger(at) || at < 0) return undefined;
      symbols.madvise(at, length, MADV_RANDOM);
      // Freed as deallocator(bytes, context) = munmap(bytes, length), once no view is left. A FinalizationRegistry
      // would unmap too early: a buffer's own object may be collected while views of it live.
      return ffi.toArrayBuffer(at, 0, length, length, symbols.munmap.ptr);
    },
    allocate: (file, position, length) => symbols.posix_fallocate(file, position, length),
    advise: (file, position, length, advice) => symbols.posix_fadvise(file, position, length, advice),
    errno: () => ffi.read.i32(symbols.__errno_location(), 0),
    pageBytes: Number(symbols.sysconf(PAGE_SIZE_NAME)),
  };
}
