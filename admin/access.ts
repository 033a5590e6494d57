import type { Context, MiddlewareHandler } from "hono";
import { routePath } from "hono/route";
import { timingSafeEqual } from "hono/utils/buffer";
import { getPath } from "hono/utils/url";

import { ApiError } from "./errors.ts";
import type { ResolvedAdminOptions } from "./options.ts";

/** What anybody may read: whether it is up and ready, and the page's shell, which holds no data. */
const OPEN: readonly string[] = ["/", "/healthz", "/readyz"];

/** The names under which only this machine can mean itself: any other may be DNS rebinding. */
const LOOPBACK_HOST = /^(localhost|127\.0\.0\.1|\[::1\])(:\d{1,5})?$/i;

/** On every answer, unless the route set its own. */
const HEADERS: Readonly<Record<string, string>> = {
  "x-content-type-options": "nosniff",
  "cache-control": "no-store",
  "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
  "x-frame-options": "DENY",
  "referrer-policy": "no-referrer",
  "cross-origin-resource-policy": "same-origin",
};

/** Headers that keep answers out of caches, frames and other sites. */
export const secureHeaders: MiddlewareHandler = async (c, next) => {
  await next();
  for (const [name, value] of Object.entries(HEADERS)) {
    // Not `c.header`: behind the answer it makes a new Response for each.
    if (!c.res.headers.has(name)) c.res.headers.set(name, value);
  }
};

/**
 * The path of a request, for hono's router. `Bun.serve` (1.4.5) gives a URL without origin where the Host is missing,
 * empty or malformed, and hono would cut `/readyz` to `/`.
 */
export function pathOf(request: Request): string {
  return getPath(hasOrigin(request) ? request : { url: `http://-${request.url}` } as Request);
}

/** Refuses a request whose path an app that mounts this one has cut, for want of {@link pathOf}. */
export const guardPath: MiddlewareHandler = async (c, next) => {
  if (!hasOrigin(c.req.raw) && c.req.path !== pathOf(c.req.raw)) {
    const message = `Cannot tell the path of ${c.req.url}: its Host is ${c.req.header("host") || "missing"}`;
    throw new ApiError(421, "no-host", { message });
  }
  await next();
};

/** Where there is no token, answers only to names of this machine. */
export function guardHost({ token }: ResolvedAdminOptions): MiddlewareHandler {
  return async (c, next) => {
    const host = hostOf(c);
    if (token === undefined && !LOOPBACK_HOST.test(host)) {
      const message = `Cannot answer for host ${JSON.stringify(host)}: without a token it must be ` +
        "localhost, 127.0.0.1 or [::1]";
      throw new ApiError(421, "foreign-host", { message });
    }
    await next();
  };
}

/** Asks for the token, where there is one, for all that is not open. */
export function guardToken({ token, metricsPublic }: ResolvedAdminOptions): MiddlewareHandler {
  const open = new Set(metricsPublic ? [...OPEN, "/metrics"] : OPEN);
  return async (c, next) => {
    if (token !== undefined && !open.has(relativePath(c))) await requireToken(c, token);
    await next();
  };
}

/** Refuses what a page of another site sent: a browser says where a POST comes from. */
export const guardOrigin: MiddlewareHandler = async (c, next) => {
  if (c.req.method !== "GET" && c.req.method !== "HEAD") requireSameOrigin(c);
  await next();
};

/** Throws unless this admin may act: see {@link ResolvedAdminOptions.actions}. */
export function requireActions({ actions }: ResolvedAdminOptions): void {
  if (actions) return;
  const message =
    "Cannot act without a token: current value is none. Start with --admin-token-file, --admin-token " +
    "or SLOTCASK_ADMIN_TOKEN, or on loopback with --allow-actions";
  throw new ApiError(403, "actions-not-allowed", { message });
}

/** The path below the one at which the app was mounted; `/` for the mount itself. */
export function relativePath(c: Context): string {
  // The middleware's own route is the mount and a star; segments are counted, since a mount may have parameters.
  const mount = routePath(c).split("/").length - 2;
  return "/" + c.req.path.split("/").slice(mount + 1).join("/");
}

async function requireToken(c: Context, token: string): Promise<void> {
  const [, given] = /^Bearer +(\S+) *$/i.exec(c.req.header("authorization") ?? "") ?? [];
  if (given === undefined) {
    const headers = { "www-authenticate": 'Bearer realm="slotcask"' };
    const message = "Cannot answer without the token: send it as Authorization: Bearer TOKEN";
    throw new ApiError(401, "token-missing", { message, headers });
  }
  if (!await timingSafeEqual(given, token)) {
    const headers = { "www-authenticate": 'Bearer realm="slotcask", error="invalid_token"' };
    throw new ApiError(401, "token-wrong", { message: "Cannot answer: the token is another", headers });
  }
}

function requireSameOrigin(c: Context): void {
  const site = c.req.header("sec-fetch-site");
  const origin = c.req.header("origin");
  const isSame = site === undefined
    ? origin === undefined || URL.parse(origin)?.host === hostOf(c)
    : site === "same-origin" || site === "none";
  if (isSame) return;
  const message = `Cannot act for a page of another site: origin is ${origin ?? "hidden"}, site is ${
    site ?? "not told"
  }`;
  throw new ApiError(403, "cross-site", { message });
}

function hostOf(c: Context): string {
  return c.req.header("host") ?? URL.parse(c.req.url)?.host ?? "";
}

function hasOrigin({ url }: Request): boolean {
  return !url.startsWith("/");
}
