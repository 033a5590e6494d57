/**
 * Requests whose answers must be what the admin's OpenAPI document says: a status that the operation documents, its
 * content type, its headers, and a body that its schema allows.
 */

import { Ajv2020, type ValidateFunction } from "ajv/dist/2020.js";

import { openapiDocument } from "../../admin/openapi.ts";

/** What may be asked: an admin app, an app that mounts one, or a way to a server. */
export interface Requestable {
  /** As hono has it. */
  request(path: string, init?: RequestInit): Response | Promise<Response>;
}

/** Options of {@link validated}. */
export interface ValidatedOptions extends RequestInit {
  /** Where the admin is mounted, such as `/admin`. Default: at the root. */
  mount?: string;
}

/** What was answered. */
export interface Validated<Body = Record<string, unknown>> {
  /** The status. */
  status: number;
  /** The headers. */
  headers: Headers;
  /** The body of JSON, else its text; undefined of a stream, and of HEAD. */
  body: Body;
  /** The answer itself: its body is unread, where it is a stream. */
  response: Response;
}

type Media = Record<string, { schema: unknown }>;
interface Documented {
  content?: Media;
  headers?: Record<string, { required?: boolean; schema?: unknown }>;
}

const ERROR = "#/components/schemas/Error";
const DOCUMENT = openapiDocument();
const AJV = new Ajv2020({ strict: true, allowUnionTypes: true, validateSchema: false, allErrors: true });
AJV.addVocabulary(Object.keys(DOCUMENT));
AJV.addFormat("binary", true);
AJV.addSchema({ ...DOCUMENT, $id: "admin" });
const VALIDATORS = new Map<string, ValidateFunction>();

/** Requests a path and checks the answer against the document; throws with all that differs. */
export async function validated<Body = Record<string, unknown>>(
  app: Requestable,
  path: string,
  { mount = "", ...init }: ValidatedOptions = {},
): Promise<Validated<Body>> {
  const response = await app.request(mount + path, init);
  const method = (init.method ?? "GET").toLowerCase();
  const where = `${method.toUpperCase()} ${path} -> ${response.status}`;
  checkSecureHeaders(where, response);
  const found = pathOf(path.split("?")[0]);
  const pointer = found === undefined ? undefined : responsePointer(found, method, response.status);
  if (pointer === undefined) return await undocumented<Body>(where, response);
  const documented = at(pointer) as Documented;
  checkHeaders(where, documented, response);
  const type = mediaTypeOf(response);
  if (documented.content?.[type] === undefined) {
    throw new Error(`${where}: content type ${type} is not documented`);
  }
  const body = await bodyOf(response, type, method);
  if (type === "application/json" && method !== "head") {
    check(where, `${pointer}/content/${escape(type)}/schema`, body);
  }
  return { status: response.status, headers: response.headers, body: body as Body, response };
}

/** Checks a value against a schema of the document: `Status`. */
export function checkSchema(name: string, value: unknown): void {
  check(name, `#/components/schemas/${name}`, value);
}

/** 404 of an unknown path, 405 of an unknown method, and what is refused before a route is looked for. */
async function undocumented<Body>(where: string, response: Response): Promise<Validated<Body>> {
  if (![401, 403, 404, 405, 413, 421].includes(response.status)) throw new Error(`${where}: not documented`);
  if (response.status === 405 && !response.headers.get("allow")) throw new Error(`${where}: no Allow header`);
  const type = mediaTypeOf(response);
  if (type !== "application/json") throw new Error(`${where}: content type ${type}, not JSON`);
  const text = await response.text();
  // Of a HEAD only the head comes.
  const body = text === "" && where.startsWith("HEAD ") ? undefined : JSON.parse(text);
  if (body !== undefined) check(where, ERROR, body);
  return { status: response.status, headers: response.headers, body: body as Body, response };
}

function responsePointer(path: string, method: string, status: number): string | undefined {
  const verb = method === "head" ? "get" : method;
  const operation = DOCUMENT.paths[path][verb] as { responses: Record<string, unknown> } | undefined;
  if (operation === undefined) return undefined;
  if (operation.responses[status] === undefined) {
    const known = Object.keys(operation.responses).join(", ");
    throw new Error(`${verb.toUpperCase()} ${path}: status ${status} is not documented, ${known} are`);
  }
  return `#/paths/${escape(path)}/${verb}/responses/${status}`;
}

/** The documented path that a requested one belongs to. */
function pathOf(path: string): string | undefined {
  return Object.keys(DOCUMENT.paths).find((template) => {
    const pattern = template.replaceAll(/[.*+?^$()|[\]\\]/g, "\\$&").replaceAll(/\{\w+\}/g, "[^/]+");
    return new RegExp(`^${pattern}$`).test(path);
  });
}

function checkSecureHeaders(where: string, { headers }: Response): void {
  const problems = [
    headers.get("x-content-type-options") === "nosniff" ? "" : "x-content-type-options is not nosniff",
    headers.get("cache-control")?.includes("no-store") ? "" : "cache-control is not no-store",
    headers.get("content-security-policy")?.includes("frame-ancestors 'none'") ? "" : "may be framed",
  ].filter((problem) => problem !== "");
  if (problems.length > 0) throw new Error(`${where}: ${problems.join("; ")}`);
}

function checkHeaders(where: string, documented: Documented, { headers }: Response): void {
  for (const [name, { required = false }] of Object.entries(documented.headers ?? {})) {
    if (required && !headers.has(name)) throw new Error(`${where}: header ${name} is missing`);
  }
}

async function bodyOf(response: Response, type: string, method: string): Promise<unknown> {
  if (type === "text/event-stream" || type === "application/octet-stream") return undefined;
  const text = await response.text();
  if (method === "head") return undefined;
  return type === "application/json" ? JSON.parse(text) : text;
}

function check(where: string, pointer: string, value: unknown): void {
  const validate = VALIDATORS.get(pointer) ?? AJV.compile({ $ref: `admin${pointer}` });
  VALIDATORS.set(pointer, validate);
  if (validate(value)) return;
  throw new Error(`${where}: the body is not as documented: ${AJV.errorsText(validate.errors)}`);
}

/** A part of the document by its JSON pointer. */
function at(pointer: string): unknown {
  const keys = pointer.split("/").slice(1).map((key) =>
    decodeURIComponent(key).replaceAll("~1", "/").replaceAll("~0", "~")
  );
  return keys.reduce((value: unknown, key) => (value as Record<string, unknown>)[key], DOCUMENT);
}

/** A key, as a part of a JSON pointer in a URI. */
function escape(key: string): string {
  return encodeURIComponent(key.replaceAll("~", "~0").replaceAll("/", "~1"));
}

function mediaTypeOf(response: Response): string {
  return (response.headers.get("content-type") ?? "").split(";")[0].trim();
}
