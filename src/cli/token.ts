/** The admin's token: where it is given, for those who serve and those who ask. Never a part of a message. */

import { asError } from "../error_code.ts";
import { UsageError } from "../errors.ts";
import type { Files } from "../runtime/runtime.ts";
import type { Flag } from "./args.ts";

/** What travels in a header as it is. */
const TOKEN = /^[\x21-\x7e]+$/;
const ALLOWED = "printable ASCII without spaces";

/** A token that was read from a file. */
export interface TokenFile {
  token: string;
  /** What should be known of the file; undefined where all is well. */
  warning?: string;
}

/** The flags of a token. SLOTCASK_ADMIN_TOKEN is the variable of the first. */
export interface TokenFlags extends Record<string, Flag<unknown>> {
  "admin-token": Flag<string | undefined>;
  "admin-token-file": Flag<TokenFile | undefined>;
}

/** What they were given. */
export interface TokenValues {
  "admin-token"?: string;
  "admin-token-file"?: TokenFile;
}

/** The flags of a token. */
export function tokenFlags(files: Files): TokenFlags {
  const none = () => undefined;
  return {
    "admin-token": {
      kind: "value",
      allowed: ALLOWED,
      secret: true,
      alternative: "admin-token-file",
      read: (text) => TOKEN.test(text) ? text : undefined,
      fallback: none,
    },
    "admin-token-file": {
      kind: "value",
      allowed: "a path",
      alternative: "admin-token",
      read: (path) => path === "" ? undefined : readTokenFile(path, files),
      fallback: none,
    },
  };
}

/** The problem of a token that one source gives twice: of two sources, one beats the other. */
export function tokenProblems(values: TokenValues): string[] {
  if (values["admin-token"] === undefined || values["admin-token-file"] === undefined) return [];
  return [
    "Cannot use both admin-token and admin-token-file: give one of them (flags beat variables, which beat the " +
    "config file)",
  ];
}

/** The token; undefined where there is none. */
export function tokenOf(values: TokenValues): string | undefined {
  return values["admin-token"] ?? values["admin-token-file"]?.token;
}

function readTokenFile(path: string, files: Files): TokenFile {
  const token = new TextDecoder().decode(readFile(path, files)).replace(/\r?\n$/, "");
  if (token === "") throw new UsageError(`Cannot use the token file ${path}: it is empty`);
  if (TOKEN.test(token)) return { token, warning: sharedWarning(path, files) };
  throw new UsageError(`Cannot use the token file ${path}: allowed is one line of ${ALLOWED}`);
}

/** Where containers and services find their secrets, whose permissions are not the user's to change. */
const MOUNTED = /^(\/var)?\/run\//;

function sharedWarning(path: string, files: Files): string | undefined {
  const mode = MOUNTED.test(path) ? 0 : files.permissions?.(path) ?? 0;
  if ((mode & 0o077) === 0) return undefined;
  return `The token file ${path} is open to others than its owner (mode ${
    mode.toString(8)
  }): chmod 600 ends that`;
}

function readFile(path: string, files: Files): Uint8Array {
  let bytes: Uint8Array | undefined;
  try {
    bytes = files.readFile(path);
  } catch (error) {
    throw new UsageError(`Cannot read the token file ${path}: ${asError(error).message}`, { cause: error });
  }
  if (bytes === undefined) throw new UsageError(`Cannot read the token file ${path}: there is no such file`);
  return bytes;
}
