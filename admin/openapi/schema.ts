/** A JSON schema (2020-12), as OpenAPI 3.1 has it. */
export type Schema = { readonly [keyword: string]: unknown };

/** An object with exactly these fields; those whose name ends with a question mark may be left out. */
export function object(fields: Record<string, Schema>, description?: string): Schema {
  const entries = Object.entries(fields);
  return {
    type: "object",
    ...(description === undefined ? {} : { description }),
    properties: Object.fromEntries(entries.map(([name, schema]) => [name.replace("?", ""), schema])),
    required: entries.flatMap(([name]) => name.endsWith("?") ? [] : [name]),
    additionalProperties: false,
  };
}

/** A schema of the document, by name. */
export function ref(name: string): Schema {
  return { $ref: `#/components/schemas/${name}` };
}

/** It, or null. */
export function nullable(schema: Schema): Schema {
  return { anyOf: [schema, { type: "null" }] };
}

/** A list. */
export function array(items: Schema): Schema {
  return { type: "array", items };
}

/** One of some words. */
export function oneOf(...words: string[]): Schema {
  return { type: "string", enum: words };
}

/** A whole number of something. */
export const COUNT: Schema = { type: "integer", minimum: 0 };
/** Any number. */
export const NUMBER: Schema = { type: "number" };
/** Yes or no. */
export const BOOLEAN: Schema = { type: "boolean" };
/** Text. */
export const TEXT: Schema = { type: "string" };
/** A moment. */
export const UNIX_MS: Schema = { type: "number", description: "Unix time in milliseconds" };
/** Bytes. */
export const HEX: Schema = {
  type: "string",
  pattern: "^([0-9a-f]{2})*$",
  description: "Bytes, as lower-case hex",
};
/** Counts by name. */
export const COUNTS: Schema = { type: "object", additionalProperties: COUNT };
