/** Bun. Written against the few names it needs, since Bun's own types are not there when Deno checks this. */

import process from "node:process";
import { bunHttp, type BunServe } from "./http_bun.ts";
import { flock, FlockMode } from "./flock_bun.ts";
import { closeFile, nodeFiles, once, openFile, unlessMissing } from "./files_node.ts";
import { bunMaps } from "./mmap_bun.ts";
import { nodeNetwork } from "./network_node.ts";
import { nodeProcess } from "./process_node.ts";
import type { FileLock, Runtime } from "./runtime.ts";

/** The part of the global `Bun` that is used here. */
export interface BunNamespace extends Partial<BunServe> {
  version: string;
}

/** The runtime over the global `Bun`. */
export function bunRuntime(bun: BunNamespace): Runtime {
  return {
    name: "bun",
    version: bun.version,
    files: nodeFiles({ lock, isLocked, ...bunMaps() }),
    network: nodeNetwork({ release: freeChunk }),
    http: bunHttp(bun),
    process: nodeProcess((name) => process.env[name]),
  };
}

/** A smaller chunk fills no page, and may lie in a buffer with others. */
const FREED_BYTES = 4096;

/**
 * Frees what a socket brought. Bun takes new memory for each read: until a collection that is a first copy's whole
 * stream, and each page of it a page fault, of 2 us on a virtual machine.
 */
function freeChunk(bytes: Uint8Array): void {
  const { buffer } = bytes;
  if (bytes.length >= FREED_BYTES && bytes.length === buffer.byteLength) (buffer as ArrayBuffer).transfer(0);
}

function lock(path: string): FileLock | undefined {
  const file = openFile(path, "create");
  try {
    if (flock(file, FlockMode.exclusive)) return { file, release: once(() => release(file)) };
  } catch (error) {
    closeFile(file);
    throw error;
  }
  closeFile(file);
  return undefined;
}

/** Unlocked by name: a child process that inherited the file would otherwise go on holding it. */
function release(file: number): void {
  flock(file, FlockMode.unlock);
  closeFile(file);
}

/** A shared lock, so that two who look do not see each other. */
function isLocked(path: string): boolean {
  const file = unlessMissing(() => openFile(path, "read"));
  if (file === undefined) return false;
  try {
    return !flock(file, FlockMode.shared);
  } finally {
    closeFile(file);
  }
}
