/** Which runtime this is. */

import { SlotcaskError } from "../errors.ts";
import { type BunNamespace, bunRuntime } from "./bun.ts";
import { type DenoNamespace, denoRuntime } from "./deno.ts";
import type { Runtime } from "./runtime.ts";

export type {
  Address,
  Connection,
  ConnectionHandlers,
  FileDescriptor,
  FileLock,
  Files,
  Http,
  HttpHandler,
  HttpServer,
  Listener,
  Network,
  Process,
  Runtime,
  StopSignal,
} from "./runtime.ts";

/** The global names that tell the runtimes apart. */
export interface RuntimeGlobals {
  /** Deno's namespace. */
  Deno?: DenoNamespace;
  /** Bun's namespace. */
  Bun?: BunNamespace;
  /** Node's (and everybody else's) process. */
  process?: { versions?: { node?: string } };
}

let current: Runtime | undefined;

/** The runtime that this process runs on; throws an error with remedy "stop" where it is neither Deno 2 nor Bun. */
export function detectRuntime(): Runtime {
  return current ??= chooseRuntime(globalThis as unknown as RuntimeGlobals);
}

/** The runtime that these globals belong to. Deno and Bun have Node's globals too, so they are asked first. */
export function chooseRuntime({ Deno, Bun, process }: RuntimeGlobals): Runtime {
  if (Deno !== undefined && majorOf(Deno.version.deno) >= 2) return denoRuntime(Deno);
  if (Bun !== undefined && majorOf(Bun.version) >= 1) return bunRuntime(Bun);
  throw new SlotcaskError(
    `Slotcask runs on Deno 2 and Bun 1; this is ${nameOf({ Deno, Bun, process })}`,
    "stop",
  );
}

function majorOf(version: string): number {
  return Number.parseInt(version, 10);
}

function nameOf({ Deno, Bun, process }: RuntimeGlobals): string {
  if (Deno !== undefined) return `Deno ${Deno.version.deno}`;
  if (Bun !== undefined) return `Bun ${Bun.version}`;
  const node = process?.versions?.node;
  return node === undefined ? "neither" : `Node v${node}`;
}
