import { SlotcaskError, UsageError } from "../errors.ts";

/** Texts in messages are cut to this. */
const SHOWN_CHARACTERS = 40;

/** A value or bytes that a type cannot take: a UsageError that learns its field on the way out of structs. */
export class FieldError extends UsageError {
  /** The class that callers know. */
  override name = "UsageError";

  /** An error that says "Cannot encode PATH: PROBLEM". */
  constructor(
    readonly action: "encode" | "decode",
    readonly problem: string,
    readonly path = "",
  ) {
    super(`Cannot ${action}${path === "" ? "" : ` ${path}`}: ${problem}`);
  }
}

/** The error, of a field of a struct or of an element: `balance`, `[3]`. An error of somebody else stays as it is. */
export function within(step: string, error: unknown): unknown {
  if (!(error instanceof FieldError)) return error;
  const joint = error.path === "" || error.path.startsWith("[") ? "" : ".";
  return new FieldError(error.action, error.problem, step + joint + error.path);
}

/** The error of a value that is not what a type takes. */
export function refused(name: string, value: unknown, allowed: string): SlotcaskError {
  return new FieldError("encode", `${name} is ${shown(value)}, allowed are ${allowed}`);
}

/** A value for a message. */
export function shown(value: unknown): string {
  if (typeof value === "bigint") return `${value}n`;
  if (typeof value === "string") return JSON.stringify(cut(value));
  if (value instanceof Uint8Array) return `${value.length} bytes`;
  if (Array.isArray(value)) return `an array of ${value.length}`;
  return typeof value === "object" && value !== null ? "an object" : cut(String(value));
}

function cut(text: string): string {
  return text.length > SHOWN_CHARACTERS ? `${text.slice(0, SHOWN_CHARACTERS)}...` : text;
}
