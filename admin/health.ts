import type { Hono } from "hono";

import type { FollowerStatus } from "../src/replica/status.ts";
import type { AdminFollower } from "./follower_port.ts";
import type { ResolvedAdminOptions } from "./options.ts";
import { maxStalenessOf, readiness } from "./readiness.ts";

/** What /status answers. */
export interface AdminStatus extends FollowerStatus {
  /** What the admin adds. */
  admin: {
    /** How old each shard may be before /readyz calls it stale, in ms. */
    maxStalenessMs: number[];
  };
}

/** GET /healthz (the process is up), /readyz (its copy may be read) and /status (all that is known). */
export function healthRoutes(app: Hono, follower: AdminFollower, options: ResolvedAdminOptions): void {
  app.get("/healthz", (c) => c.json({ status: "up" }));
  app.get("/readyz", (c) => {
    const reasons = readiness(follower.status(), options, Date.now());
    return reasons.length === 0 ? c.json({ status: "ready" }) : c.json({ status: "not-ready", reasons }, 503);
  });
  app.get("/status", (c) => {
    const status = follower.status();
    return c.json<AdminStatus>({ ...status, admin: { maxStalenessMs: limitsOf(status, options) } });
  });
}

function limitsOf(status: FollowerStatus, options: ResolvedAdminOptions): number[] {
  return status.shards.map((shard) => maxStalenessOf(shard, status, options));
}
