/** flock(2) for Bun, which has no lock of its own: the C library's, by bun:ffi. */

import process from "node:process";
import { errorWithCode } from "../error_code.ts";

/** What to do: LOCK_SH or LOCK_EX with LOCK_NB, or LOCK_UN. The numbers are the same on Linux and macOS. */
export const FlockMode = { shared: 1 | 4, exclusive: 2 | 4, unlock: 8 } as const;

/** The two functions that are used, and Bun's way to declare them. */
interface CLibrary {
  symbols: { flock(file: number, mode: number): number; errnoAt(): unknown };
}

/** The part of bun:ffi that is used here. */
interface BunFfi {
  dlopen(library: string, symbols: Record<string, { args: string[]; returns: string }>): {
    symbols: Record<string, (...args: number[]) => unknown>;
  };
  read: { i32(pointer: unknown, offset: number): number };
}

/** Per system: names of the C library, of the function that says where errno is, and of "taken" (EWOULDBLOCK). */
const SYSTEMS: Record<string, { libraries: string[]; errno: string; wouldBlock: number }> = {
  linux: {
    libraries: ["libc.so.6", `libc.musl-${process.arch === "arm64" ? "aarch64" : "x86_64"}.so.1`],
    errno: "__errno_location",
    wouldBlock: 11,
  },
  darwin: { libraries: ["libSystem.B.dylib"], errno: "__error", wouldBlock: 35 },
};

let opened: ((file: number, mode: number) => boolean) | undefined;

/** Locks or unlocks an open file without waiting. False if another holds it; throws if it cannot be locked. */
export function flock(file: number, mode: number): boolean {
  opened ??= openFlock();
  return opened(file, mode);
}

function openFlock(): (file: number, mode: number) => boolean {
  const system = SYSTEMS[process.platform];
  if (system === undefined) {
    throw errorWithCode(
      `flock: Bun on ${process.platform} is not supported, only on linux and darwin`,
      "ENOSYS",
    );
  }
  // Loaded at the first lock, and by Bun's own require: Deno must not even see the import.
  const ffi = (import.meta as unknown as { require(name: string): unknown }).require("bun:ffi") as BunFfi;
  const { flock, errnoAt } = openLibrary(ffi, system).symbols;
  return (file, mode) => {
    if (flock(file, mode) === 0) return true;
    const errno = ffi.read.i32(errnoAt(), 0);
    if (errno === system.wouldBlock) return false;
    throw errorWithCode(`flock failed with errno ${errno}`, ERRNO_NAMES[errno] ?? `errno ${errno}`);
  };
}

/** What flock can fail with beside "taken"; the same numbers on Linux and macOS but for ENOLCK and ENOTSUP. */
const ERRNO_NAMES: Record<number, string> = {
  4: "EINTR",
  9: "EBADF",
  22: "EINVAL",
  37: "ENOLCK",
  95: "ENOTSUP",
};

function openLibrary(ffi: BunFfi, { libraries, errno }: { libraries: string[]; errno: string }): CLibrary {
  const failures: unknown[] = [];
  for (const library of libraries) {
    try {
      const { symbols } = ffi.dlopen(library, {
        flock: { args: ["i32", "i32"], returns: "i32" },
        [errno]: { args: [], returns: "ptr" },
      });
      return { symbols: { flock: symbols.flock as CLibrary["symbols"]["flock"], errnoAt: symbols[errno] } };
    } catch (error) {
      failures.push(error);
    }
  }
  throw new AggregateError(failures, `flock: none of ${libraries.join(", ")} could be opened`);
}
