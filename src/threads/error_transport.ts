/** Errors on their way between threads: a structured copy would lose what class they are of. */

import { asError } from "../error_code.ts";
import * as errors from "../errors.ts";

/** An error, as a message has it. */
export interface SentError {
  name: string;
  message: string;
  /** Of a SlotcaskError. */
  remedy?: errors.Remedy;
  cause?: SentError;
}

/** An error to be sent. */
export function sendError(thrown: unknown): SentError {
  const { name, message, cause } = asError(thrown);
  return {
    name,
    message,
    ...thrown instanceof errors.SlotcaskError ? { remedy: thrown.remedy } : {},
    ...cause === undefined ? {} : { cause: sendError(cause) },
  };
}

/** The error that was sent, of its class where that is one of ours. */
export function receiveError({ name, message, remedy, cause }: SentError): Error {
  const options = { remedy, ...cause === undefined ? {} : { cause: receiveError(cause) } };
  const Known = CLASSES.get(name);
  if (Known !== undefined && remedy !== undefined) return new Known(message, options);
  const error = new Error(message, options);
  error.name = name;
  return error;
}

type ErrorClass = new (message: string, options: errors.SlotcaskErrorOptions) => errors.SlotcaskError;

/** By name; all but the base take the message and their options. */
const CLASSES: ReadonlyMap<string, ErrorClass> = new Map(
  Object.entries(errors).filter(([name]) => name !== "SlotcaskError") as [string, ErrorClass][],
);
