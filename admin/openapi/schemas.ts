import { array, COUNT, HEX, object, oneOf, ref, type Schema, TEXT, UNIX_MS } from "./schema.ts";
import { STATUS_SCHEMAS } from "./status_schemas.ts";

const ERROR = object({
  code: { type: "string", pattern: "^[a-z0-9]+(-[a-z0-9]+)*$", description: "For programs: never reworded" },
  message: { type: "string", description: "For people" },
});

const PLACE = {
  shard: COUNT,
  freshAtMs: { anyOf: [UNIX_MS, { type: "null" }], description: "When the shard was last proven current" },
};

/** All schemas that have a name. */
export const SCHEMAS: Readonly<Record<string, Schema>> = {
  ...STATUS_SCHEMAS,
  Error: object({
    error: object({
      code: {
        type: "string",
        pattern: "^[a-z0-9]+(-[a-z0-9]+)*$",
        description: "For programs: never reworded",
      },
      message: { type: "string", description: "For people" },
    }),
  }),
  Unready: object({
    code: oneOf("stopped", "paused", "diverged", "not-caught-up", "stale", "incomplete", "unverified"),
    message: TEXT,
    "shard?": COUNT,
  }),
  Entry: object({ key: HEX, value: HEX, version: COUNT, slot: COUNT, shard: COUNT }),
  Page: object({
    entries: array(ref("Entry")),
    "cursor?": {
      type: "string",
      description: "Where the next page begins; absent at the end, and only there",
    },
  }),
  Region: object({
    first: COUNT,
    slots: COUNT,
    occupied: COUNT,
    deleted: COUNT,
    free: COUNT,
    unverified: COUNT,
  }),
  Lookup: object({ found: { const: "yes" }, key: HEX, value: HEX, version: COUNT, slot: COUNT, ...PLACE }),
  Miss: object({ found: oneOf("no", "unknown"), key: HEX, ...PLACE, error: ERROR }),
};
