import type { Context, Hono } from "hono";

import { parsePrefix, quoted } from "./bytes.ts";
import { EventStream } from "./event_stream.ts";
import { ApiError } from "./errors.ts";
import type { AdminFollower } from "./follower_port.ts";
import type { ResolvedAdminOptions } from "./options.ts";

/** What Bun's server has where nobody asked for another. */
const USUAL_IDLE_SECONDS = 10;

/**
 * GET /v1/watch: changes as server-sent events, until the reader leaves, is too slow, or the follower ends. See
 * {@link EventStream}.
 */
export function watchRoutes(app: Hono, follower: AdminFollower, options: ResolvedAdminOptions): void {
  const open = new Set<EventStream>();
  const { limits, signal } = options;
  app.get("/v1/watch", (c) => {
    const prefix = parsePrefix(c.req.query("prefix"), follower);
    const initial = parseInitial(c.req.query("initial"));
    requireRoom(open.size, options);
    c.header("content-type", "text/event-stream");
    // Neither kept nor packed into larger pieces on its way.
    c.header("cache-control", "no-store, no-transform");
    c.header("x-accel-buffering", "no");
    // The answer to a HEAD would be left unread, and with it the watch.
    if (c.req.method === "HEAD") return c.body(null);
    const stream = new EventStream(follower, {
      ...{ prefix, initial, signal },
      queue: limits.watchQueue,
      heartbeatMs: limits.heartbeatMs,
      onEnd: () => {
        open.delete(stream);
        setIdleTimeout(c, USUAL_IDLE_SECONDS);
      },
    });
    open.add(stream);
    setIdleTimeout(c, 0);
    return c.body(stream.body);
  });
}

function parseInitial(text: string | undefined): boolean {
  if (text === undefined || text === "false") return false;
  if (text === "true") return true;
  throw new ApiError(400, "bad-initial", {
    message: `Cannot watch: initial is ${quoted(text)}, allowed are true and false`,
  });
}

function requireRoom(watches: number, { limits, signal }: ResolvedAdminOptions): void {
  if (signal.aborted) throw new ApiError(503, "stopping", { message: "Cannot watch: the admin is stopping" });
  if (watches < limits.watches) return;
  throw new ApiError(503, "too-many-watches", {
    message: `Cannot watch: ${watches} watches are open, allowed are ${limits.watches}`,
  });
}

/**
 * Bun ends a connection on which nothing moved for a while: a watch may be silent, but one that is over may not keep a
 * reader that reads nothing. hono has Bun's server as its environment; Deno has no such limit.
 */
function setIdleTimeout({ env, req }: Context, seconds: number): void {
  if (typeof env?.timeout === "function") env.timeout(req.raw, seconds);
}
