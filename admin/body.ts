import { ApiError } from "./errors.ts";

/**
 * A request's body as text. Throws ApiError 413 for one that is longer than `limit` bytes, without reading on.
 *
 * hono's `bodyLimit` would leave the rest of the stream open, and under Deno the connection with it.
 */
export async function readBody({ body, headers }: Request, limit: number): Promise<string> {
  if (Number(headers.get("content-length") ?? 0) > limit) throw tooLarge(limit);
  const decoder = new TextDecoder();
  let text = "";
  let length = 0;
  for await (const chunk of body ?? []) {
    length += chunk.length;
    if (length > limit) throw tooLarge(limit);
    text += decoder.decode(chunk, { stream: true });
  }
  return text + decoder.decode();
}

function tooLarge(limit: number): ApiError {
  return new ApiError(413, "body-too-large", { message: `Cannot read the body: it is over ${limit} bytes` });
}
