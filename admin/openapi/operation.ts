import { ref, type Schema } from "./schema.ts";

/** An operation of the document, and where it is. */
export interface Operation {
  /** In lower case, as OpenAPI has it. */
  method: "get" | "post";
  /** With braces around its parameters. */
  path: string;
  /** The rest, as OpenAPI has it. */
  body: Record<string, unknown>;
}

/** What describes an operation. */
export interface OperationParts {
  /** One sentence. */
  summary: string;
  /** Parameters of path and query. */
  parameters?: Schema[];
  /** The JSON of the body; a schema without required fields allows an empty body. */
  request?: Schema;
  /** What it answers, by status. */
  responses: Record<string, unknown>;
  /** Statuses of errors besides those of every operation. */
  errors?: number[];
  /** Whether it needs no token. */
  isOpen?: boolean;
}

const ERRORS: Readonly<Record<number, string>> = {
  400: "A parameter or the body cannot be used",
  401: "The token is missing or wrong",
  403: "Actions are not allowed, or the request came from a page of another site",
  404: "There is no such thing",
  409: "Cannot be done now; the message names what to change",
  413: "The body is over the limit",
  415: "The body is not JSON",
  421: "The Host header is not one of this machine and there is no token, or it cannot be used at all",
  500: "Something unexpected",
  502: "The leader cannot be reached, or answered with an error",
  503: "Cannot be answered now",
};

/** A GET operation. */
export function get(path: string, parts: OperationParts): Operation {
  return { method: "get", path, body: bodyOf("get", path, parts) };
}

/** A POST operation. */
export function post(path: string, parts: OperationParts): Operation {
  const errors = [400, 403, 409, 413, 415, 503, ...parts.errors ?? []];
  return { method: "post", path, body: bodyOf("post", path, { ...parts, errors }) };
}

/** An answer in JSON. */
export function json(description: string, schema: Schema, headers?: Record<string, Schema>): Schema {
  return answer(description, { "application/json": schema }, headers);
}

/** An answer by content type. */
export function answer(
  description: string,
  content: Record<string, Schema>,
  headers?: Record<string, Schema>,
): Schema {
  const media = Object.fromEntries(Object.entries(content).map(([type, schema]) => [type, { schema }]));
  return { description, content: media, ...(headers === undefined ? {} : { headers }) };
}

/** A parameter of the query. */
export function query(name: string, description: string, schema: Schema): Schema {
  return { name, in: "query", description, schema };
}

/** A parameter of the path. */
export function inPath(name: string, description: string, schema: Schema): Schema {
  return { name, in: "path", required: true, description, schema };
}

function bodyOf(method: string, path: string, parts: OperationParts): Record<string, unknown> {
  const { summary, parameters, request, isOpen = false } = parts;
  return {
    operationId: method + path.replace(/\W+(\w)?/g, (_, letter = "") => letter.toUpperCase()),
    summary,
    ...(parameters === undefined ? {} : { parameters }),
    ...(request === undefined
      ? {}
      : { requestBody: { content: { "application/json": { schema: request } } } }),
    ...(isOpen ? { security: [] } : {}),
    responses: { ...errorsOf(parts), ...parts.responses },
  };
}

function errorsOf({ errors = [], isOpen = false }: OperationParts): Record<string, Schema> {
  const statuses = [...errors, ...(isOpen ? [] : [401]), 421, 500];
  return Object.fromEntries(statuses.map((status) => [status, json(ERRORS[status], ref("Error"))]));
}
