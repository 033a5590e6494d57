/**
 * Balances over HTTP, read in-process: a Deno service with the follower inside.
 *
 * From the root of a checkout, with `export SLOTCASK_ADMIN_TOKEN=...` for what is below /admin:
 *
 * ```sh
 * deno run --allow-env=SLOTCASK_ADMIN_TOKEN --allow-net=leader:9100,127.0.0.1:8000 \
 *   --allow-read=./balances --allow-write=./balances examples/deno_service.ts leader:9100 127.0.0.1:8000
 *
 * curl http://127.0.0.1:8000/balances/42
 * curl -H "Authorization: Bearer $SLOTCASK_ADMIN_TOKEN" http://127.0.0.1:8000/admin/status
 * ```
 *
 * The leader holds a balance per user: keys of 8 bytes, values of 16. In a project of your own, install `slotcask` and
 * `hono`, and copy this file.
 */
import { Hono } from "hono";
import { follow } from "slotcask";
import { createAdmin } from "slotcask/admin";
import { i64le, struct, u64be, u64le } from "slotcask/values";

/** Older than this a balance is not told: the leader may have spent it. */
const MOST_AGE_MS = 30_000;
/** What answers have to end when the service stops. */
const GRACE_MS = 500;

const [leader, listen] = Deno.args;
const [hostname, port] = listen.split(":");

const follower = await follow(leader, { dir: "./balances" });
const balances = follower.view({ key: u64be, value: struct({ cents: i64le, updatedMs: u64le }) });
const stop = new AbortController();
for (const signal of ["SIGINT", "SIGTERM"] as const) Deno.addSignalListener(signal, () => stop.abort());

const app = new Hono();
app.get("/balances/:user{[0-9]{1,19}}", (c) => {
  const { found, value, freshAtMs = 0 } = balances.lookup(BigInt(c.req.param("user")));
  const ageMs = Date.now() - freshAtMs;
  // Before the first catch-up a miss proves nothing.
  if (found === "unknown" || ageMs > MOST_AGE_MS) return c.json({ error: "the copy is not fresh" }, 503);
  if (value === undefined) return c.json({ error: "no such user" }, 404);
  return c.json({ cents: Number(value.cents), updatedMs: Number(value.updatedMs), ageMs });
});
// Without a token whoever reaches the port could read all: createAdmin refuses an empty one.
const token = Deno.env.get("SLOTCASK_ADMIN_TOKEN") ?? "";
app.route("/admin", createAdmin(follower, { token, signal: stop.signal }));

const onListen = (at: Deno.NetAddr) => console.log(`Listening on http://${at.hostname}:${at.port}/`);
const server = Deno.serve({ hostname, port: Number(port), onListen }, app.fetch);

await new Promise((resolve) => stop.signal.addEventListener("abort", resolve));
// Watches have been told to end. A reader that does not is not waited for: a server alone would, for ever.
await Promise.race([server.shutdown(), new Promise((resolve) => setTimeout(resolve, GRACE_MS))]);
await follower.close();
Deno.exit();
