import { formatAddress } from "../src/address.ts";
import { errorCode, errorWithCode } from "../src/error_code.ts";
import { ConnectionError, PermissionError, UsageError } from "../src/errors.ts";
import { detectRuntime } from "../src/runtime/mod.ts";
import type { Address, HttpServer, Runtime } from "../src/runtime/runtime.ts";

/** What answers have to end at a stop, in ms: a watch needs one turn to say that it stops. */
const GRACE_MS = 500;
/** Hosts that only this machine reaches, and under which the admin answers without a token. */
const LOOPBACK_HOSTS: readonly string[] = ["127.0.0.1", "localhost", "::1"];
/** Hosts that mean every address, and one that a browser on this machine can open instead. */
const REACHED_AS: Readonly<Record<string, string>> = { "0.0.0.0": "127.0.0.1", "::": "::1" };

/** How {@link serveAdmin} listens. */
export interface ServeAdminOptions {
  /** Where to listen; port 0 takes a free one. */
  address: Address;
  /** Whether somebody asked for this address: if not, and its port is taken, a free one on the same host will do. */
  isWanted: boolean;
  /** Whether the admin asks for a token; without one it may listen on loopback only. */
  hasToken: boolean;
}

/** The admin's server. */
export interface AdminServer extends AsyncDisposable {
  /** Where the page is, as http://host:port/. */
  readonly url: string;
  /** Where it listens. */
  readonly address: Address;
  /** Stops: what is being answered has 500 ms to end, then all connections are closed. */
  close(): Promise<void>;
}

/** What answers requests: what `createAdmin` makes, or a user's own app that mounts it. */
export interface Fetching {
  /** As hono has it. */
  fetch(request: Request, env: unknown): Response | Promise<Response>;
}

/**
 * Serves an admin by the runtime's own server.
 *
 * Rejects with UsageError for an address beyond loopback without a token, ConnectionError where it cannot listen (a
 * port that was asked for and is taken: remedy stop), PermissionError naming the flag that Deno was not given.
 */
export async function serveAdmin(admin: Fetching, options: ServeAdminOptions): Promise<AdminServer> {
  return await serveOn(detectRuntime(), admin, options);
}

/** {@link serveAdmin} on a runtime. */
export async function serveOn(
  runtime: Runtime,
  admin: Fetching,
  { address, isWanted, hasToken }: ServeAdminOptions,
): Promise<AdminServer> {
  if (!hasToken) requireLoopback(address);
  const serve = async (at: Address) =>
    adminServer(await runtime.http.serve(at, (request, env) => admin.fetch(request, env)));
  try {
    // Who did not ask for an admin is not asked at the terminal whether there may be one.
    if (!isWanted) requirePermission(address, runtime);
    return await serve(address);
  } catch (error) {
    if (isWanted || errorCode(error) !== "EADDRINUSE") throw explained(error, address, runtime);
  }
  const free = { host: address.host, port: 0 };
  requireFree(free, address, runtime);
  try {
    return await serve(free);
  } catch (error) {
    throw explained(error, free, runtime);
  }
}

function adminServer(server: HttpServer): AdminServer {
  const { host, port } = server.address;
  const close = () => server.close(GRACE_MS);
  return {
    address: server.address,
    url: `http://${formatAddress({ host: REACHED_AS[host] ?? host, port })}/`,
    close,
    [Symbol.asyncDispose]: close,
  };
}

function requireLoopback(address: Address): void {
  if (LOOPBACK_HOSTS.includes(address.host.toLowerCase())) return;
  throw new UsageError(
    `Cannot serve the admin on ${
      formatAddress(address)
    } without a token: set --admin-token-file, --admin-token ` +
      `or SLOTCASK_ADMIN_TOKEN, or listen on ${LOOPBACK_HOSTS.join(", ")}`,
  );
}

/** Throws as the server would, but never asks. */
function requirePermission(address: Address, { network }: Runtime): void {
  const flag = network.missingPermission(address);
  if (flag !== undefined) throw errorWithCode(`Deno was not given ${flag}`, "EACCES");
}

/** Throws where a port is taken and Deno was not given another one. */
function requireFree(free: Address, taken: Address, { network }: Runtime): void {
  const flag = network.missingPermission(free);
  if (flag === undefined) return;
  throw new PermissionError(
    `Cannot serve the admin on ${formatAddress(taken)}: the port is taken, and Deno was not given ${flag} ` +
      "for a free one",
  );
}

function explained(cause: unknown, address: Address, { network }: Runtime): Error {
  const at = formatAddress(address);
  const code = errorCode(cause);
  if (code === undefined) return cause as Error;
  const flag = code === "EACCES" ? network.missingPermission(address) : undefined;
  if (flag !== undefined) {
    return new PermissionError(`Cannot serve the admin on ${at}: Deno was not given ${flag}`, { cause });
  }
  if (code === "EADDRINUSE") {
    const message = `Cannot serve the admin on ${at}: the port is taken`;
    return new ConnectionError(message, { cause, remedy: "stop" });
  }
  return new ConnectionError(`Cannot serve the admin on ${at}: ${(cause as Error).message}`, { cause });
}
