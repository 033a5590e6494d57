import type { Context, Hono } from "hono";
import { accepts } from "hono/accepts";

import { UsageError } from "../src/errors.ts";
import { DEFAULT_PAGE_KEYS, type KeyPage, MOST_PAGE_KEYS, type PageEntry } from "../src/fixed/page.ts";
import type { Lookup } from "../src/replica/follower.ts";
import { parseBytes, parsePrefix, quoted } from "./bytes.ts";
import { ApiError } from "./errors.ts";
import type { AdminFollower } from "./follower_port.ts";
import type { ResolvedAdminOptions } from "./options.ts";

const RAW = "application/octet-stream";
const STATUS = { yes: 200, no: 404, unknown: 503 } as const;

/** Why there is no value, for people and programs. */
const MISSES = {
  no: { code: "no-such-key", message: "Cannot find this key: it is not there" },
  unknown: {
    code: "incomplete",
    message:
      "Cannot tell whether this key is there: its shard has not been scanned whole, or holds damaged slots",
  },
};

/**
 * GET /v1/keys/{hex}: one key's value, as JSON or raw; GET /v1/keys: all by pages.
 *
 * What is known of a key stands in headers, too, whatever the form: Slotcask-Found (yes, no, unknown), -Version, -Slot,
 * -Shard, and -Fresh-At, the last moment at which the shard was proven current, in Unix ms.
 */
export function keyRoutes(app: Hono, follower: AdminFollower, { limits }: ResolvedAdminOptions): void {
  app.get("/v1/keys/:hex", (c) => {
    const key = parseBytes("the key", c.req.param("hex"));
    const found = lookup(follower, key);
    for (const [name, value] of headersOf(found)) c.header(name, value);
    c.header("vary", "accept");
    return answer(c, key, found);
  });
  app.get("/v1/keys", (c) => {
    const prefix = parsePrefix(c.req.query("prefix"), follower);
    const limit = parseLimit(c.req.query("limit"), Math.min(limits.pageKeys, MOST_PAGE_KEYS));
    const { entries, cursor } = page(follower, { prefix, limit, cursor: c.req.query("cursor") });
    return c.json({ entries: entries.map(hexEntry), cursor });
  });
}

function answer(
  c: Context,
  key: Uint8Array,
  { found, value, version, slot, shard, freshAtMs }: Lookup,
): Response {
  const place = { shard, freshAtMs: freshAtMs ?? null };
  if (found !== "yes") {
    return c.json({ found, key: key.toHex(), ...place, error: MISSES[found] }, STATUS[found]);
  }
  if (isRawWanted(c)) return c.body(value as Uint8Array<ArrayBuffer>, 200, { "content-type": RAW });
  return c.json({ found, key: key.toHex(), value: value!.toHex(), version, slot, ...place });
}

function isRawWanted(c: Context): boolean {
  const supports = ["application/json", RAW];
  return accepts(c, { header: "Accept", supports, default: supports[0] }) === RAW;
}

function headersOf({ found, version, slot, shard, freshAtMs }: Lookup): [name: string, value: string][] {
  const values = { found, version, slot, shard, "fresh-at": freshAtMs };
  return Object.entries(values).flatMap(([name, value]) =>
    value === undefined ? [] : [[`slotcask-${name}`, String(value)]]
  );
}

/** A wrong length is all that a lookup refuses. */
function lookup(follower: AdminFollower, key: Uint8Array): Lookup {
  try {
    return follower.lookup(key);
  } catch (error) {
    if (error instanceof UsageError) throw new ApiError(400, "key-length", { message: error.message });
    throw error;
  }
}

/** Limit and prefix are checked already: what else a page refuses is its cursor. */
function page(follower: AdminFollower, options: Parameters<AdminFollower["page"]>[0]): KeyPage {
  try {
    return follower.page(options);
  } catch (error) {
    if (error instanceof UsageError) throw new ApiError(400, "bad-cursor", { message: error.message });
    throw error;
  }
}

function hexEntry({ key, value, version, slot, shard }: PageEntry) {
  return { key: key.toHex(), value: value.toHex(), version, slot, shard };
}

function parseLimit(text: string | undefined, most: number): number {
  if (text === undefined) return Math.min(DEFAULT_PAGE_KEYS, most);
  const limit = /^\d{1,9}$/.test(text) ? Number(text) : NaN;
  if (limit >= 1 && limit <= most) return limit;
  const message = `Cannot read a page: limit is ${quoted(text)}, allowed are 1 to ${most}`;
  throw new ApiError(400, "bad-limit", { message });
}
