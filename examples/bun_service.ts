/**
 * Rate limits over HTTP, read in-process: a Bun service with the follower inside.
 *
 * From the root of a checkout, with `export SLOTCASK_ADMIN_TOKEN=...` for what is below /admin:
 *
 * ```sh
 * bun examples/bun_service.ts leader:9100 127.0.0.1:8000
 *
 * curl http://127.0.0.1:8000/limits/42
 * curl -H "Authorization: Bearer $SLOTCASK_ADMIN_TOKEN" http://127.0.0.1:8000/admin/status
 * ```
 *
 * The leader counts requests per client: keys of 8 bytes, values of 16. In a project of your own, install `slotcask`
 * and `hono`, and copy this file.
 */
import { Hono } from "hono";
import process from "node:process";
import { follow } from "slotcask";
import { createAdmin } from "slotcask/admin";
import { struct, u32le, u64be, u64le } from "slotcask/values";

/** What is used of Bun's types: Deno checks this file, too. Yours has them by `@types/bun`, without these lines. */
declare const Bun: {
  serve(options: { hostname: string; port: number; fetch: Hono["fetch"] }): {
    url: URL;
    stop(closeConnections?: boolean): Promise<void>;
  };
  sleep(ms: number): Promise<void>;
};

/** What answers have to end when the service stops. */
const GRACE_MS = 500;

const [leader, listen] = process.argv.slice(2);
const [hostname, port] = listen.split(":");

const follower = await follow(leader, { dir: "./limits" });
const limits = follower.view({ key: u64be, value: struct({ used: u32le, limit: u32le, resetsAtMs: u64le }) });
const stop = new AbortController();
for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => stop.abort());

const app = new Hono();
app.get("/limits/:client{[0-9]{1,19}}", (c) => {
  // Served at any age: a count of a minute ago is better than none, so a lost leader changes nothing here.
  const { found, value } = limits.lookup(BigInt(c.req.param("client")));
  if (found === "unknown") return c.json({ error: "not caught up yet" }, 503);
  if (value === undefined) return c.json({ left: null });
  const { used, limit, resetsAtMs } = value;
  const left = resetsAtMs > Date.now() ? Math.max(limit - used, 0) : limit;
  return c.json({ left }, left > 0 ? 200 : 429);
});
// Without a token whoever reaches the port could read all: createAdmin refuses an empty one.
const token = process.env.SLOTCASK_ADMIN_TOKEN ?? "";
app.route("/admin", createAdmin(follower, { token, signal: stop.signal }));

const server = Bun.serve({ hostname, port: Number(port), fetch: app.fetch });
console.log(`Listening on ${server.url}`);

await new Promise((resolve) => stop.signal.addEventListener("abort", resolve));
// Watches have been told to end. A reader that does not is not waited for: a server alone would, for ever.
await Promise.race([server.stop(), Bun.sleep(GRACE_MS)]);
await server.stop(true);
await follower.close();
