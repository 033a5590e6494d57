/** Where the admin is served, and who may use it: the flags that `follow` and `demo` share. */

import { formatAddress, parseAddress } from "../address.ts";
import { UsageError } from "../errors.ts";
import type { Address, Files } from "../runtime/runtime.ts";
import type { Flag } from "./args.ts";
import { durationFrom, onOff, optionalText } from "./flags.ts";
import { type TokenFlags, tokenFlags, tokenOf, tokenProblems, type TokenValues } from "./token.ts";

/** Where the admin is served where nothing else is asked for. */
export const DEFAULT_ADMIN: Address = { host: "127.0.0.1", port: 9464 };

/** What `--admin` says. */
export interface AdminAddress extends Address {
  /** Whether somebody asked for it: then nothing else will do. */
  isAsked: boolean;
}

/** The flags that `follow` and `demo` share. */
export interface AdminFlags extends TokenFlags {
  "admin": Flag<AdminAddress | "off">;
}

/** What they were given. */
export interface AdminValues extends TokenValues {
  "admin"?: AdminAddress | "off";
}

/** The flags that `follow` and `demo` share. */
export function adminFlags(files: Files): AdminFlags {
  return { "admin": adminAddress(), ...tokenFlags(files) };
}

/** Those that `follow` alone has. */
export const ADMIN_FOLLOW_FLAGS = {
  "allow-actions": onOff(),
  "metrics-public": onOff(),
  "max-staleness": durationFrom("6s", "an idle leader speaks every 5 s"),
  "backup-dir": optionalText("a path"),
};

/** The lines of {@link adminFlags} in a command's usage. */
export const ADMIN_USAGE =
  `  --admin HOST:PORT|off         where the page, /metrics and the actions are (127.0.0.1:9464, or a free
                                port if that is taken); [v6]:PORT and :PORT (loopback) are fine, too
  --admin-token-file FILE       the token that the admin asks for, in a file; or as text in the variable
                                SLOTCASK_ADMIN_TOKEN, or by --admin-token TEXT, which others here can see
`;

/** The lines of {@link ADMIN_FOLLOW_FLAGS}. */
export const ADMIN_FOLLOW_USAGE =
  `  --allow-actions               allow rescan, pause etc. without a token, on loopback only
  --metrics-public              /metrics needs no token
  --max-staleness DURATION      /readyz says no beyond this age: 6s or more, since an idle leader speaks
                                every 5 s (30s; where only scans keep it fresh, 2 x --rescan x shards)
  --backup-dir DIR              where backups go; without it there are none
`;

/**
 * Problems between admin flags: two tokens, or an address beyond this machine without one. None is missing where
 * `isPartial` says that some values are not known.
 */
export function adminProblems(values: AdminValues, isPartial = false): string[] {
  const { admin } = values;
  const problems = tokenProblems(values);
  if (isPartial || admin === undefined || admin === "off" || tokenOf(values) !== undefined) return problems;
  if (!isLoopback(admin.host)) {
    problems.push(
      `Cannot serve the admin at ${formatAddress(admin)} without a token: give --admin-token-file or ` +
        "SLOTCASK_ADMIN_TOKEN, or one of 127.0.0.1, [::1] and localhost, which only this machine reaches",
    );
  }
  return problems;
}

/** Whether a host is one of the names that the admin answers to without a token. */
function isLoopback(host: string): boolean {
  return ["localhost", "127.0.0.1", "::1"].includes(host.toLowerCase());
}

function adminAddress(): Flag<AdminAddress | "off"> {
  return {
    kind: "value",
    allowed: "HOST:PORT, [v6]:PORT, :PORT or off",
    read: (text) => text === "off" ? text : readAddress(text),
    fallback: () => ({ ...DEFAULT_ADMIN, isAsked: false }),
  };
}

function readAddress(text: string): AdminAddress | undefined {
  if (text.startsWith("armdb:")) return undefined;
  try {
    return { ...parseAddress(text, { anyPort: true }), isAsked: true };
  } catch (error) {
    if (error instanceof UsageError) return undefined;
    throw error;
  }
}
