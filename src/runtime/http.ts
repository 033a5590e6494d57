/** What the HTTP servers of both runtimes share. */

import type { HttpHandler } from "./runtime.ts";

/** Answers a request whatever the handler does: both runtimes would print what it throws, with its stack. */
export async function answer(handler: HttpHandler, request: Request, env: unknown): Promise<Response> {
  try {
    return await handler(request, env);
  } catch {
    return new Response("Internal Server Error\n", { status: 500 });
  }
}

/** Answers a request that comes while the server ends, and ends its connection. */
export function stopping(): Response {
  return new Response("The server is stopping\n", { status: 503, headers: { connection: "close" } });
}

/** Waits for a promise, but no longer than so many ms. */
export async function within(ms: number, promise: Promise<unknown>): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const tooLong = new Promise<void>((resolve) => timer = setTimeout(resolve, ms));
  await Promise.race([promise, tooLong]);
  clearTimeout(timer);
}
