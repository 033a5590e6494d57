/** A config file: JSON, with the names of flags and arguments as fields. `docs/config.schema.json` describes it. */

import { asError } from "../error_code.ts";
import { UsageError } from "../errors.ts";
import type { Files } from "../runtime/runtime.ts";
import type { Flag } from "./args.ts";
import { oneLine } from "./one_line.ts";

/** Names the schema, for editors; it is no setting. */
const SCHEMA_FIELD = "$schema";

/** The fields of a config file. */
export class ConfigFields {
  readonly #path: string;
  readonly #fields: Map<string, unknown>;

  /** Fields of a file. */
  constructor(path: string, fields: Record<string, unknown>) {
    this.#path = path;
    this.#fields = new Map(Object.entries(fields));
  }

  /** Whether the file has this field. */
  has(name: string): boolean {
    return this.#fields.has(name);
  }

  /** A problem per field that is not known; a file does not name another. */
  unknownFields(names: readonly string[]): string[] {
    const known = names.filter((name) => name !== "config");
    return [...this.#fields.keys()].filter((name) => name !== SCHEMA_FIELD && !known.includes(name)).map(
      (name) =>
        `Cannot use "${oneLine(name)}" in ${this.#path}: there is no such field, allowed are ${
          known.join(", ")
        }`,
    );
  }

  /** The text of a field; undefined, with a problem, where it is something else. */
  text(name: string, problems: string[]): string | undefined {
    if (!this.has(name)) return undefined;
    const value = this.#fields.get(name);
    if (typeof value === "string" && value !== "") return value;
    problems.push(this.#problem(name, "a text"));
    return undefined;
  }

  /** The value of a flag's field; undefined, with a problem, where it is none that the flag allows. */
  value<T>(name: string, flag: Flag<T>, problems: string[]): T | undefined {
    const value = readField(this.#fields.get(name), flag);
    if (value === undefined) problems.push(this.#problem(name, flag.allowed, flag.secret));
    return value;
  }

  #problem(name: string, allowed: string, secret?: boolean): string {
    const shown = secret ? "" : ` = ${JSON.stringify(this.#fields.get(name))}`;
    return `Cannot use "${name}"${shown} in ${this.#path}: allowed is ${allowed}`;
  }
}

/** Switches are true or false, numbers numbers where they are natural, all else is text as on the command line. */
function readField<T>(value: unknown, flag: Flag<T>): T | undefined {
  if (flag.kind === "switch") return typeof value === "boolean" ? flag.read(String(value)) : undefined;
  if (typeof value === "number") return flag.readNumber?.(value);
  return typeof value === "string" ? flag.read(value) : undefined;
}

/** Reads a config file. Throws UsageError where it cannot be read, or is not one JSON object. */
export function readConfigFile(files: Files, path: string): ConfigFields {
  const value = parseJson(readText(files, path), path);
  if (typeof value === "object" && value !== null && !Array.isArray(value)) {
    return new ConfigFields(path, value as Record<string, unknown>);
  }
  throw new UsageError(`Cannot use the config file ${path}: it must hold one JSON object`);
}

function readText(files: Files, path: string): string {
  let bytes: Uint8Array | undefined;
  try {
    bytes = files.readFile(path);
  } catch (error) {
    throw new UsageError(`Cannot read the config file ${path}: ${asError(error).message}`, { cause: error });
  }
  if (bytes === undefined) throw new UsageError(`Cannot read the config file ${path}: there is no such file`);
  return new TextDecoder().decode(bytes);
}

/** The runtimes quote the text around an error, in which a token may stand: only what is before that is told. */
function parseJson(text: string, path: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    const why = asError(error).message.replace(/^JSON Parse error: /, "").replace(/,?\s*(\.\.\.)?".*$/s, "");
    // No cause: its message has the quote.
    throw new UsageError(`Cannot use the config file ${path}: it is not JSON: ${why}`);
  }
}
