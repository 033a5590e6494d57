import { readBody } from "./body.ts";
import { ApiError } from "./errors.ts";

/** What a body may hold: a name and its type; with a question mark it may be left out. */
export type Fields = Readonly<Record<string, "number" | "number?" | "string" | "string?">>;

/** What a body held. */
export type Parameters = Record<string, string | number>;

/**
 * The parameters of a POST: a JSON object, or an empty body for none.
 *
 * Throws ApiError: 413 over the limit of bytes, 415 for another content type, 400 for a body that is not JSON, no
 * object, or has fields that are missing, unknown or of another type.
 */
export async function readParameters(
  request: Request,
  { fields, limit }: { fields: Fields; limit: number },
): Promise<Parameters> {
  const text = await readBody(request, limit);
  if (text !== "") requireJsonType(request.headers.get("content-type") ?? "");
  const body = text === "" ? {} : parseObject(text);
  for (const name of Object.keys(body)) {
    if (!Object.hasOwn(fields, name)) throw badField(name, "is not known", Object.keys(fields));
  }
  for (const [name, type] of Object.entries(fields)) requireField(body, name, type);
  return body as Parameters;
}

function requireJsonType(type: string): void {
  if (/^application\/json *(;|$)/i.test(type)) return;
  const message = `Cannot read the body: its content type is ${JSON.stringify(type)}, not application/json`;
  throw new ApiError(415, "not-json", { message });
}

function parseObject(text: string): Record<string, unknown> {
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch {
    // Not the parser's own words: they quote the text, in which a token may stand, and the audit writes them down.
    throw new ApiError(400, "bad-json", { message: "Cannot read the body: it is not JSON" });
  }
  if (typeof body === "object" && body !== null && !Array.isArray(body)) {
    return body as Record<string, unknown>;
  }
  throw new ApiError(400, "bad-json", { message: "Cannot read the body: it is JSON, but no object" });
}

function requireField(body: Record<string, unknown>, name: string, type: Fields[string]): void {
  const value = body[name];
  const wanted = type.replace("?", "");
  const actual = typeof value;
  if (value === undefined && type === wanted) throw badField(name, "is missing");
  if (value !== undefined && actual !== wanted) {
    throw badField(name, `is ${JSON.stringify(value)}, not a ${wanted}`);
  }
}

function badField(name: string, problem: string, known?: string[]): ApiError {
  const allowed = known === undefined
    ? ""
    : `, allowed are ${known.length === 0 ? "none" : known.join(", ")}`;
  return new ApiError(400, "bad-field", {
    message: `Cannot act: field ${JSON.stringify(name)} ${problem}${allowed}`,
  });
}
