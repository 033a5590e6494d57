import type { Context, ErrorHandler } from "hono";
import type { ContentfulStatusCode } from "hono/utils/http-status";

import {
  ClosedError,
  IncompleteError,
  ShapeError,
  SlotcaskError,
  StorageError,
  UsageError,
} from "../src/errors.ts";

/** What every refused request answers. */
export interface ErrorBody {
  /** Why. */
  error: {
    /** For programs: kebab case, never reworded. */
    code: string;
    /** For people. */
    message: string;
  };
}

/** An answer other than success: thrown anywhere in a route, sent as JSON. */
export class ApiError extends Error {
  /** The HTTP status. */
  readonly status: ContentfulStatusCode;
  /** For programs, in kebab case. */
  readonly code: string;
  /** Sent along, such as `Allow`. */
  readonly headers: Record<string, string>;

  /** Makes the answer, to be thrown. */
  constructor(
    status: ContentfulStatusCode,
    code: string,
    { message, headers = {} }: { message: string; headers?: Record<string, string> },
  ) {
    super(message);
    this.name = "ApiError";
    this.status = status;
    this.code = code;
    this.headers = headers;
  }

  /** The body. */
  get body(): ErrorBody {
    return { error: { code: this.code, message: this.message } };
  }
}

/** Answers an error that a route threw: its own status and code, or those of one of Slotcask's errors. */
export const answerError: ErrorHandler = (error: Error, c: Context) => {
  const answer = toApiError(error);
  for (const [name, value] of Object.entries(answer.headers)) c.header(name, value);
  return c.json(answer.body, answer.status);
};

/** What an error is over HTTP. */
export function toApiError(error: Error): ApiError {
  if (error instanceof ApiError) return error;
  const { message } = error;
  if (error instanceof UsageError) return new ApiError(400, "bad-request", { message });
  if (error instanceof ClosedError) return new ApiError(503, "closed", { message });
  if (error instanceof IncompleteError) return new ApiError(503, "incomplete", { message });
  if (error instanceof ShapeError) return new ApiError(409, "other-shape", { message });
  if (error instanceof StorageError) return new ApiError(500, "storage", { message });
  // ConflictError and PermissionError, and what else asks a person to change something first.
  if (error instanceof SlotcaskError && error.remedy === "stop") {
    return new ApiError(409, codeOf(error), { message });
  }
  if (error instanceof SlotcaskError) return new ApiError(502, codeOf(error), { message });
  if (error.name === "AbortError") {
    return new ApiError(503, "stopping", { message: "Cannot go on: the admin stops" });
  }
  return new ApiError(500, "internal", { message: `Cannot answer: ${error.name}: ${message}` });
}

/** `PermissionError` is `permission`. */
function codeOf(error: Error): string {
  const words = error.name.replace(/Error$/, "").match(/[A-Z][a-z]*/g) ?? ["error"];
  return words.join("-").toLowerCase();
}
