/** mmap for Deno, by its foreign function interface, which needs --allow-ffi. */

import type { FileDescriptor } from "./runtime.ts";
import {
  type FileMaps,
  fileMaps,
  type LibC,
  MADV_RANDOM,
  MAP_SHARED,
  mapsRefused,
  PAGE_SIZE_NAME,
  PROT_READ,
  PROT_READ_WRITE,
} from "./mmap.ts";

/** An address as Deno shows it: an object without content. */
type Pointer = object;

/** The C library's functions, as declared below. */
interface Symbols {
  mmap(at: null, length: number, protection: number, flags: number, file: number, position: number): Pointer;
  munmap(at: Pointer, length: number): number;
  madvise(at: Pointer, length: number, advice: number): number;
  posix_fallocate(file: number, position: number, length: number): number;
  posix_fadvise(file: number, position: number, length: number, advice: number): number;
  sysconf(name: number): bigint;
  __errno_location(): Pointer;
}

/** The part of the global `Deno` that is used here. */
export interface DenoFfi {
  dlopen(
    library: string,
    symbols: Record<string, { parameters: string[]; result: string }>,
  ): { symbols: unknown };
  UnsafePointer: { value(pointer: Pointer): bigint };
  UnsafePointerView: {
    new (pointer: Pointer): { getInt32(): number };
    getArrayBuffer(pointer: Pointer, length: number): ArrayBuffer;
  };
}

/** What mmap answers where it fails: the address -1. */
const MAP_FAILED = 0xffff_ffff_ffff_ffffn;

const SYMBOLS = {
  mmap: { parameters: ["pointer", "usize", "i32", "i32", "i32", "i64"], result: "pointer" },
  munmap: { parameters: ["pointer", "usize"], result: "i32" },
  madvise: { parameters: ["pointer", "usize", "i32"], result: "i32" },
  posix_fallocate: { parameters: ["i32", "i64", "i64"], result: "i32" },
  posix_fadvise: { parameters: ["i32", "i64", "i64", "i32"], result: "i32" },
  sysconf: { parameters: ["i32"], result: "i64" },
  __errno_location: { parameters: [], result: "pointer" },
};

/** Maps through the global `Deno`. */
export function denoMaps(deno: Partial<DenoFfi>): FileMaps {
  return fileMaps((library) => openLibC(deno as DenoFfi, library));
}

function openLibC(deno: DenoFfi, library: string): LibC {
  const symbols = openLibrary(deno, library);
  // A view holds its buffer, so a buffer that was collected has none: nobody can touch the pages any more.
  const collected = new FinalizationRegistry<{ at: Pointer; length: number }>(({ at, length }) => {
    symbols.munmap(at, length);
  });
  return {
    map(file: FileDescriptor, { position, length, writable }) {
      const protection = writable ? PROT_READ_WRITE : PROT_READ;
      const at = symbols.mmap(null, length, protection, MAP_SHARED, file, position);
      if (deno.UnsafePointer.value(at) === MAP_FAILED) return undefined;
      symbols.madvise(at, length, MADV_RANDOM);
      const buffer = deno.UnsafePointerView.getArrayBuffer(at, length);
      collected.register(buffer, { at, length });
      return buffer;
    },
    allocate: (file, position, length) => symbols.posix_fallocate(file, position, length),
    advise: (file, position, length, advice) => symbols.posix_fadvise(file, position, length, advice),
    errno: () => new deno.UnsafePointerView(symbols.__errno_location()).getInt32(),
    pageBytes: Number(symbols.sysconf(PAGE_SIZE_NAME)),
  };
}

function openLibrary(deno: DenoFfi, library: string): Symbols {
  try {
    return deno.dlopen(library, SYMBOLS).symbols as Symbols;
  } catch (error) {
    const isDenied = error instanceof Error && error.name === "NotCapable";
    throw isDenied ? mapsRefused("Deno was not given --allow-ffi", error) : error;
  }
}
