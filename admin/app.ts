import { Hono } from "hono";

import { guardHost, guardOrigin, guardPath, guardToken, pathOf, secureHeaders } from "./access.ts";
import { actionRoutes } from "./actions.ts";
import { answerError } from "./errors.ts";
import { fallbackRoutes } from "./fallback.ts";
import type { AdminFollower } from "./follower_port.ts";
import { healthRoutes } from "./health.ts";
import { keyRoutes } from "./keys.ts";
import { metricsRoutes } from "./metrics.ts";
import { openapiRoutes } from "./openapi.ts";
import { type AdminOptions, resolveAdminOptions } from "./options.ts";
import { pageRoutes } from "./page.ts";
import { slotRoutes } from "./slots.ts";
import { watchRoutes } from "./watch.ts";

/** A hono app: its class `Hono`, by way of the module, since hono documents its own types. */
export type AdminApp = InstanceType<typeof import("hono")["Hono"]>;

/**
 * The admin of a follower, as a hono app: its `fetch` goes to `Deno.serve` or `Bun.serve`, itself to `app.route` of
 * your own app.
 *
 * ```ts
 * import { createAdmin } from "slotcask/admin";
 *
 * Deno.serve({ hostname: "127.0.0.1", port: 9464 }, createAdmin(follower).fetch);
 * ```
 *
 * It answers every path below its mount, with 404 for those that it does not know: where that is `/`, add the routes of
 * your own before it. Without a token it answers only to names of this machine and acts on nothing. Throws UsageError
 * for options that cannot be used.
 */
export function createAdmin(follower: AdminFollower, options: AdminOptions = {}): AdminApp {
  const resolved = resolveAdminOptions(options);
  const app = new Hono({ getPath: pathOf });
  app.onError(answerError);
  app.use("*", secureHeaders, guardPath, guardHost(resolved), guardToken(resolved), guardOrigin);
  pageRoutes(app);
  healthRoutes(app, follower, resolved);
  metricsRoutes(app, follower, resolved);
  openapiRoutes(app);
  keyRoutes(app, follower, resolved);
  watchRoutes(app, follower, resolved);
  slotRoutes(app, follower, resolved);
  actionRoutes(app, follower, resolved);
  fallbackRoutes(app);
  return app;
}
