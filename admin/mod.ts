/**
 * Watch and run a follower over HTTP: state, health, metrics, reads, actions and a page.
 *
 * ```ts
 * import { follow } from "slotcask";
 * import { createAdmin } from "slotcask/admin";
 *
 * await using follower = await follow("leader:9100");
 * Deno.serve({ hostname: "127.0.0.1", port: 9464 }, createAdmin(follower).fetch);
 * ```
 *
 * @module
 */

export { type AdminApp, createAdmin } from "./app.ts";
export type { AdminFollower } from "./follower_port.ts";
export type { AdminLimits, AdminOptions, AuditEntry } from "./options.ts";
export { type AdminServer, type Fetching, serveAdmin, type ServeAdminOptions } from "./serve.ts";
