import type { Hono } from "hono";

import { ApiError } from "./errors.ts";

/**
 * What no route answers: 405 for the other methods of a known path, 404 for the rest. Called last.
 *
 * Routes and not `app.notFound`, which an app that mounts this one with `app.route` would not take over.
 */
export function fallbackRoutes(app: Hono): void {
  for (const [path, methods] of methodsByPath(app)) {
    const allow = [...methods].join(", ");
    app.all(path, (c) => {
      const message = `Cannot ${c.req.method} ${c.req.path}: allowed are ${allow}`;
      throw new ApiError(405, "method-not-allowed", { message, headers: { allow } });
    });
  }
  app.all("*", (c) => {
    throw new ApiError(404, "not-found", { message: `Cannot find ${c.req.path}: see /openapi.json` });
  });
}

/** The methods that the routes answer; HEAD goes with GET. */
export function methodsByPath(app: Hono): Map<string, Set<string>> {
  const found = new Map<string, Set<string>>();
  for (const { path, method } of app.routes) {
    if (method === "ALL") continue;
    const methods = found.get(path) ?? found.set(path, new Set()).get(path)!;
    methods.add(method);
    if (method === "GET") methods.add("HEAD");
  }
  return found;
}
