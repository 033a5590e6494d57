/** The flags of those who ask an admin: `status` and `ctl`. */

import { formatAddress, parseAddress } from "../address.ts";
import { UsageError } from "../errors.ts";
import type { Files } from "../runtime/runtime.ts";
import { DEFAULT_ADMIN } from "./admin_flags.ts";
import type { Flag } from "./args.ts";
import { type TokenFlags, tokenFlags } from "./token.ts";

/** The flags that say which admin to ask, and as whom. */
export interface ClientFlags extends TokenFlags {
  "admin": Flag<string>;
}

/** The flags that say which admin to ask, and as whom. The URL ends with a slash. */
export function clientFlags(files: Files): ClientFlags {
  return {
    "admin": {
      kind: "value",
      allowed: "HOST:PORT or a URL, with a token elsewhere",
      secret: true,
      read: (text) => text.includes("://") ? urlOf(text) : addressOf(text),
      fallback: () => `http://${formatAddress(DEFAULT_ADMIN)}/`,
    },
    ...tokenFlags(files),
  };
}

/** Their lines in a command's usage. */
export const CLIENT_USAGE = `  --admin HOST:PORT|URL         the follower's admin (127.0.0.1:9464)
  --admin-token-file FILE       its token, in a file; or as text in the variable SLOTCASK_ADMIN_TOKEN, or
                                by --admin-token TEXT, which others on this machine can see
`;

/** A URL may be that of a user's own app, with the admin below a path. */
function urlOf(text: string): string | undefined {
  const url = URL.parse(text);
  if (url === null || !/^https?:$/.test(url.protocol)) return undefined;
  if (url.username + url.password + url.search + url.hash !== "") return undefined;
  return url.href.endsWith("/") ? url.href : `${url.href}/`;
}

function addressOf(text: string): string | undefined {
  try {
    return `http://${formatAddress(parseAddress(text))}/`;
  } catch (error) {
    if (error instanceof UsageError) return undefined;
    throw error;
  }
}
