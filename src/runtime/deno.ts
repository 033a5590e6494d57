/** Deno. Written against the few names it needs, so that Bun's users can check these types too. */

import { asError, errorWithCode } from "../error_code.ts";
import { denoHttp, type DenoServe } from "./http_deno.ts";
import { closeFile, nodeFiles, once, openFile, unlessMissing } from "./files_node.ts";
import { type DenoFfi, denoMaps } from "./mmap_deno.ts";
import { nodeNetwork } from "./network_node.ts";
import { nodeProcess } from "./process_node.ts";
import type { Address, FileDescriptor, FileLock, Runtime } from "./runtime.ts";

/** A file as `Deno.openSync` gives it. */
interface DenoFile {
  tryLockSync(exclusive: boolean): boolean;
  unlockSync(): void;
  close(): void;
}

/** What a permission may be about. */
type DenoPermission = { name: "env"; variable: string } | { name: "net"; host: string };

/** The part of the global `Deno` that is used here. */
export interface DenoNamespace extends Partial<DenoFfi>, Partial<DenoServe> {
  version: { deno: string };
  env: { get(name: string): string | undefined };
  openSync(path: string, options: { read: boolean; write?: boolean; create?: boolean }): DenoFile;
  permissions: {
    querySync(permission: DenoPermission): { state: string };
    requestSync(permission: DenoPermission): { state: string };
  };
}

/** The runtime over the global `Deno`. */
export function denoRuntime(deno: DenoNamespace): Runtime {
  return {
    name: "deno",
    version: deno.version.deno,
    files: nodeFiles({
      lock: (path) => lock(deno, path),
      isLocked: (path) => isLocked(deno, path),
      ...denoMaps(deno),
    }),
    network: nodeNetwork({
      permit: (address, use) => permit(deno, address, use),
      missingPermission: (address) => missingPermission(deno, address),
    }),
    http: denoHttp(deno, (address) => permit(deno, address, "listen")),
    process: nodeProcess((name) => env(deno, name)),
  };
}

/** Asks whether it may read first, since to read at once would ask the person at the terminal. */
function env(deno: DenoNamespace, name: string): string | undefined {
  const { state } = deno.permissions.querySync({ name: "env", variable: name });
  return state === "granted" ? deno.env.get(name) : undefined;
}

/** Asked for here, because node:net throws a denied `listen` where nobody can catch it. */
function permit(deno: DenoNamespace, address: Address, use: "connect" | "listen"): void {
  const name = permissionName(address);
  let state: string;
  try {
    ({ state } = deno.permissions.requestSync({ name: "net", host: name }));
  } catch (error) {
    throw errorWithCode(`${use} ${name}: ${asError(error).message}`, "EINVAL");
  }
  if (state === "granted") return;
  throw errorWithCode(`${use} ${name}: Deno was not given --allow-net=${name}`, "EACCES");
}

/** To ask the person at the terminal is not for whoever calls this: it may be somebody else, far away. */
function missingPermission(deno: DenoNamespace, address: Address): string | undefined {
  const name = permissionName(address);
  const { state } = deno.permissions.querySync({ name: "net", host: name });
  return state === "granted" ? undefined : `--allow-net=${name}`;
}

function permissionName({ host, port }: Address): string {
  return `${host.includes(":") ? `[${host}]` : host}:${port}`;
}

/** Deno's lock is flock(2), and so belongs to its own opening of the file; the pid is written through another. */
function lock(deno: DenoNamespace, path: string): FileLock | undefined {
  const held = deno.openSync(path, { read: true, write: true, create: true });
  try {
    if (held.tryLockSync(true)) return heldLock(held, openFile(path, "write"));
  } catch (error) {
    held.close();
    throw error;
  }
  held.close();
  return undefined;
}

function heldLock(held: DenoFile, file: FileDescriptor): FileLock {
  return {
    file,
    release: once(() => {
      // Unlocked by name: a child process that inherited the file would otherwise go on holding it.
      held.unlockSync();
      held.close();
      closeFile(file);
    }),
  };
}

/** A shared lock, so that two who look do not see each other. */
function isLocked(deno: DenoNamespace, path: string): boolean {
  const file = unlessMissing(() => deno.openSync(path, { read: true }));
  if (file === undefined) return false;
  try {
    return !file.tryLockSync(false);
  } finally {
    file.close();
  }
}
