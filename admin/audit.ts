import type { Context } from "hono";

import { formatAddress } from "../src/address.ts";
import { toApiError } from "./errors.ts";
import type { AuditEntry, ResolvedAdminOptions } from "./options.ts";
import type { Parameters } from "./parameters.ts";

/** Tells the audit what became of one action. */
export type Auditor = (parameters: Parameters, outcome: AuditEntry["outcome"], error?: Error) => void;

/** What servers hand to a handler beside the request: Deno its information about it, Bun the server itself. */
interface ServerEnv {
  remoteAddr?: { hostname?: string; port?: number };
  requestIP?: (request: Request) => { address: string; port: number } | null;
}

/** The audit of one request. */
export function auditor(c: Context, action: string, { audit }: ResolvedAdminOptions): Auditor {
  const who = { peer: peerOf(c), origin: c.req.header("origin") };
  return (parameters, outcome, error) => {
    try {
      audit({ atMs: Date.now(), action, ...who, parameters, outcome, error: error?.message });
    } catch (thrown) {
      // The listener's own, and neither the action's nor the client's.
      reportError(thrown);
    }
  };
}

/** How an action that threw ended: a client can mend what was refused. */
export function outcomeOf(error: Error): "refused" | "failed" {
  return toApiError(error).status < 500 ? "refused" : "failed";
}

function peerOf({ env, req }: Context): string | undefined {
  const { remoteAddr, requestIP } = (env ?? {}) as ServerEnv;
  const { address: host, port } = typeof requestIP === "function"
    ? requestIP.call(env, req.raw) ?? {}
    : { address: remoteAddr?.hostname, port: remoteAddr?.port };
  return host === undefined || port === undefined ? undefined : formatAddress({ host, port });
}
