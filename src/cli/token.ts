/** The admin's token: where it is given, for those who serve and those who ask. Never a part of a message. */

import { asError } from "../error_code.ts";
import { UsageError } from "../errors.ts";
import type { Files } from "../runtime/runtime.ts";
import type { Flag } from "./args.ts";

/** What travels in a header as it is. */
const TOKEN = /^[\x21-\x7e]+$/;
const ALLOWED = "printable ASCII without spaces";

/** The flags of a token; the value of both is the token. SLOTCASK_ADMIN_TOKEN is the variable of the first. */
export interface TokenFlags extends Record<string, Flag<unknown>> {
  "admin-token": Flag<string | undefined>;
  "admin-token-file": Flag<string | undefined>;
}

/** What they were given. */
export interface TokenValues {
  "admin-token"?: string;
  "admin-token-file"?: string;
}

/** The flags of a token. */
export function tokenFlags(files: Files): TokenFlags {
  const none = () => undefined;
  return {
    "admin-token": {
      kind: "value",
      allowed: ALLOWED,
      secret: true,
      read: (text) => TOKEN.test(text) ? text : undefined,
      fallback: none,
    },
    "admin-token-file": {
      kind: "value",
      allowed: "a path",
      read: (path) => path === "" ? undefined : readTokenFile(path, files),
      fallback: none,
    },
  };
}

/** The problem of a token that is given twice; none where it is not. */
export function tokenProblems(values: TokenValues): string[] {
  if (values["admin-token"] === undefined || values["admin-token-file"] === undefined) return [];
  return [
    "Cannot use both admin-token and admin-token-file: give one of them, be it as a flag, a variable or a field",
  ];
}

/** The token; undefined where there is none. */
export function tokenOf(values: TokenValues): string | undefined {
  return values["admin-token"] ?? values["admin-token-file"];
}

function readTokenFile(path: string, files: Files): string {
  const token = new TextDecoder().decode(readFile(path, files)).replace(/\r?\n$/, "");
  if (token === "") throw new UsageError(`Cannot use the token file ${path}: it is empty`);
  if (TOKEN.test(token)) return token;
  throw new UsageError(`Cannot use the token file ${path}: allowed is one line of ${ALLOWED}`);
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
