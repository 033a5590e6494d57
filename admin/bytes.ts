import { ApiError } from "./errors.ts";
import type { AdminFollower } from "./follower_port.ts";

/** Bytes out of a path or a query. Throws ApiError, 400 bad-hex: `name` says which. */
export function parseBytes(name: string, text: string): Uint8Array {
  if (/^(?:[0-9a-f]{2})*$/i.test(text)) return Uint8Array.fromHex(text);
  const problem = /^[0-9a-f]*$/i.test(text)
    ? `it has ${text.length} digits, which is odd`
    : "digits are 0-9 and a-f";
  throw new ApiError(400, "bad-hex", {
    message: `Cannot read ${name}: current value is ${quoted(text)}, ${problem}`,
  });
}

/** The prefix of a query; undefined for none. Throws ApiError where it is no hex, or longer than a key. */
export function parsePrefix(text: string | undefined, follower: AdminFollower): Uint8Array | undefined {
  if (text === undefined || text === "") return undefined;
  const prefix = parseBytes("prefix", text);
  const { keyLength } = follower.status().shape ?? { keyLength: prefix.length };
  if (prefix.length <= keyLength) return prefix;
  throw new ApiError(400, "prefix-length", {
    message: `Cannot read keys: prefix has ${prefix.length} bytes, keys here have ${keyLength}`,
  });
}

/** A text that may come from anybody, short enough for a message. */
export function quoted(text: string): string {
  return JSON.stringify(text.length > 40 ? text.slice(0, 40) + "..." : text);
}
