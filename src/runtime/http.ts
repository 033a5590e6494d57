/** What the HTTP servers of both runtimes share. */

import type { HttpHandler } from "./runtime.ts";

/** Answers a request whatever the handler does: both runtimes would print what it throws, with its stack. */
export async function answer(handler: HttpHandler, request: Request, env: unknown): Promise<Response> {
  try {
    return await handler(request, env);
  } catch {
    return refusal(500, "internal", { message: "Cannot answer: something unexpected happened" });
  }
}

/** Answers a request that comes while the server ends, and ends its connection. */
export function stopping(): Response {
  const headers = { connection: "close" };
  return refusal(503, "stopping", { message: "Cannot answer: the server is stopping", headers });
}

/** An error in the form that the admin's own have. */
function refusal(
  status: number,
  code: string,
  { message, headers = {} }: { message: string; headers?: Record<string, string> },
): Response {
  return Response.json({ error: { code, message } }, {
    status,
    headers: { "cache-control": "no-store", "x-content-type-options": "nosniff", ...headers },
  });
}

/** Waits for a promise, but no longer than so many ms. */
export async function within(ms: number, promise: Promise<unknown>): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const tooLong = new Promise<void>((resolve) => timer = setTimeout(resolve, ms));
  await Promise.race([promise, tooLong]);
  clearTimeout(timer);
}
