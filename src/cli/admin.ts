/** The admin of a follower, served while a command runs. Its libraries are loaded only here, and only if need be. */

import type { AdminServer, AuditEntry } from "../../admin/mod.ts";
import { formatAddress } from "../address.ts";
import { ConnectionError, PermissionError } from "../errors.ts";
import type { Follower } from "../replica/follower.ts";
import type { Runtime } from "../runtime/runtime.ts";
import type { AdminAddress, AdminValues } from "./admin_flags.ts";
import type { Log } from "./log.ts";
import { tokenOf } from "./token.ts";

/** What an admin is served with. */
export interface AdminStart {
  /** What the flags say. */
  values: AdminValues & {
    "allow-actions"?: boolean;
    "metrics-public"?: boolean;
    "max-staleness"?: number;
    "backup-dir"?: string;
  };
  /** Where it is served. */
  runtime: Runtime;
  /** Told of each action. */
  log: Log;
}

/** An admin that is being served. */
export interface RunningAdmin {
  /** Where the page is. */
  readonly url: string;
  /** Ends its streams, and then itself within half a second. */
  close(): Promise<void>;
}

/**
 * Serves a follower's admin; undefined where it is off, or where nobody asked for it and it may not listen: then a
 * warning says so. Rejects where it was asked for.
 */
export async function startAdmin(follower: Follower, start: AdminStart): Promise<RunningAdmin | undefined> {
  const { runtime: { network }, log, values: { admin } } = start;
  if (admin === undefined || admin === "off") return undefined;
  if (admin.isAsked) return await serve(follower, { ...start, address: admin });
  const flag = network.missingPermission(admin);
  if (flag !== undefined) {
    warn(`Cannot serve the admin at ${formatAddress(admin)}: Deno was not given ${flag}`, log);
    return undefined;
  }
  try {
    return await serve(follower, { ...start, address: admin });
  } catch (error) {
    if (!(error instanceof ConnectionError || error instanceof PermissionError)) throw error;
    warn(error.message, log);
    return undefined;
  }
}

function warn(message: string, log: Log): void {
  log("warning", `${message}; it goes on without an admin (--admin off says that none is wanted)`);
}

async function serve(
  follower: Follower,
  { values, runtime, log, address }: AdminStart & { address: AdminAddress },
): Promise<RunningAdmin> {
  const { createAdmin, serveAdmin } = await import("../../admin/mod.ts");
  const token = tokenOf(values);
  const warning = values["admin-token-file"]?.warning;
  if (warning !== undefined) log("warning", warning);
  const ending = new AbortController();
  const app = createAdmin(follower, {
    token,
    allowActions: values["allow-actions"],
    metricsPublic: values["metrics-public"],
    maxStalenessMs: values["max-staleness"],
    backupDir: values["backup-dir"],
    audit: (entry) => logAudit(entry, withoutToken(log, token)),
    signal: ending.signal,
  });
  const { host, port, isAsked } = address;
  const options = { address: { host, port }, isWanted: isAsked, hasToken: token !== undefined, runtime };
  const server = await serveAdmin(app, options);
  return { url: server.url, close: () => close(server, ending) };
}

async function close(server: AdminServer, ending: AbortController): Promise<void> {
  ending.abort(new Error("asked to stop"));
  await server.close();
}

/** A log for what clients sent: who knows the token may put it in the wrong place, and it is not written down. */
function withoutToken(log: Log, token: string | undefined): Log {
  if (token === undefined) return log;
  return (level, message, shard) => log(level, message.replaceAll(token, "[token]"), shard);
}

/** Who asked for what, and what came of it. */
function logAudit({ action, outcome, peer, origin, parameters, error }: AuditEntry, log: Log): void {
  const isBad = outcome === "failed" || outcome === "refused";
  const what = Object.keys(parameters).length === 0 ? action : `${action} ${JSON.stringify(parameters)}`;
  const who = (peer === undefined ? "" : `, asked by ${peer}`) +
    (origin === undefined ? "" : ` on ${origin}`);
  log(isBad ? "warning" : "info", `admin: ${what} ${outcome}${who}${error ? `: ${error}` : ""}`);
}
