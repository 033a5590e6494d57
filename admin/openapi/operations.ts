import { MOST_PAGE_KEYS } from "../../src/fixed/page.ts";
import { MOST_REGIONS } from "../../src/fixed/regions.ts";
import { answer, get, inPath, json, type Operation, post, query } from "./operation.ts";
import {
  array,
  BOOLEAN,
  COUNT,
  HEX,
  nullable,
  object,
  oneOf,
  ref,
  type Schema,
  TEXT,
  UNIX_MS,
} from "./schema.ts";

/** What is known of a key stands in headers, whatever the form of the answer. */
const LOOKUP_HEADERS: Record<string, Schema> = {
  "Slotcask-Found": { required: true, schema: oneOf("yes", "no", "unknown") },
  "Slotcask-Shard": { required: true, schema: COUNT },
  "Slotcask-Version": { schema: COUNT },
  "Slotcask-Slot": { schema: COUNT },
  "Slotcask-Fresh-At": { schema: UNIX_MS },
};

const READS: Operation[] = [
  get("/v1/keys/{hex}", {
    summary: "The value of a key: as JSON, or raw with Accept: application/octet-stream",
    parameters: [inPath("hex", "The key, as hex", HEX)],
    responses: {
      200: answer("The key is there", {
        "application/json": ref("Lookup"),
        "application/octet-stream": { type: "string", format: "binary" },
      }, LOOKUP_HEADERS),
      404: json("The key is not there", ref("Miss"), LOOKUP_HEADERS),
      503: json("Whether it is there cannot be told, or nothing can be read", {
        anyOf: [ref("Miss"), ref("Error")],
      }),
    },
    errors: [400],
  }),
  get("/v1/keys", {
    summary: "Keys and values by pages, in the order of shards and slots",
    parameters: [
      query("prefix", "Only keys that begin with these bytes, as hex", HEX),
      query("limit", "The most keys", { type: "integer", minimum: 1, maximum: MOST_PAGE_KEYS }),
      query("cursor", "The cursor of the page before", TEXT),
    ],
    responses: { 200: json("A page", ref("Page")) },
    errors: [400, 503],
  }),
  get("/v1/watch", {
    summary: "Changes from now on, as server-sent events, until the reader or the follower ends",
    parameters: [
      query("prefix", "Only keys that begin with these bytes, as hex", HEX),
      query("initial", "Begin with a put for each key that is there", BOOLEAN),
    ],
    responses: { 200: answer("Events", { "text/event-stream": TEXT }) },
    errors: [400, 503],
  }),
  get("/v1/slots/{shard}", {
    summary: "How many slots of a shard have which status, in equal ranges",
    parameters: [
      inPath("shard", "The shard", COUNT),
      query("regions", "How many ranges", { type: "integer", minimum: 1, maximum: MOST_REGIONS }),
    ],
    responses: { 200: json("The ranges, in order", object({ shard: COUNT, regions: array(ref("Region")) })) },
    errors: [400, 404, 503],
  }),
];

const STATE: Operation[] = [
  get("/", {
    summary: "The page, without any data",
    responses: { 200: answer("The page", { "text/html": TEXT }) },
    isOpen: true,
  }),
  get("/healthz", {
    summary: "Whether the process is up",
    responses: { 200: json("It is", object({ status: { const: "up" } })) },
    isOpen: true,
  }),
  get("/readyz", {
    summary: "Whether the copy may be read: caught up, fresh enough, and whole",
    responses: {
      200: json("It may", object({ status: { const: "ready" } })),
      503: json(
        "It should not, and why",
        object({ status: { const: "not-ready" }, reasons: { ...array(ref("Unready")), minItems: 1 } }),
      ),
    },
    isOpen: true,
  }),
  get("/status", {
    summary: "All that is known of the follower",
    responses: { 200: json("The status of one moment", ref("Status")) },
  }),
  get("/metrics", {
    summary: "Metrics in Prometheus' text format",
    responses: { 200: answer("The metrics of one moment", { "text/plain": TEXT }) },
  }),
  get("/openapi.json", {
    summary: "This document",
    responses: { 200: json("An OpenAPI 3.1 document", { type: "object" }) },
  }),
];

const ACTIONS: Operation[] = [
  post("/v1/rescan", {
    summary: "Scan a shard again, or all; progress is in /status",
    request: object({ "shard?": COUNT }),
    responses: { 202: json("Begun", action("rescan", { "shard?": COUNT })) },
  }),
  post("/v1/pause", {
    summary: "Close the links; the copy goes on to be served, and ages",
    request: object({}),
    responses: { 200: json("Closed", action("pause", { paused: BOOLEAN })) },
  }),
  post("/v1/resume", {
    summary: "Connect again after a pause",
    request: object({}),
    responses: { 200: json("Connecting", action("resume", { paused: BOOLEAN })) },
  }),
  post("/v1/verify", {
    summary: "Check the CRC of all slots and mend damaged ones by a rescan; progress is in /status",
    request: object({}),
    responses: { 202: json("Begun", action("verify", { verify: nullable(ref("Verify")) })) },
  }),
  post("/v1/retarget", {
    summary: "Go over to another leader of the same data; answers once it has told its shape",
    request: object({ leader: { type: "string", description: "host:port" } }),
    responses: { 200: json("Gone over", action("retarget", { leader: TEXT })) },
    errors: [502],
  }),
  post("/v1/backup", {
    summary: "Copy the directory into a new folder under --backup-dir; progress is in /status",
    request: object({}),
    responses: { 202: json("Begun", action("backup", { backup: nullable(ref("Backup")) })) },
  }),
];

/** All operations of the admin. */
export const OPERATIONS: readonly Operation[] = [...STATE, ...READS, ...ACTIONS];

function action(name: string, fields: Record<string, Schema>): Schema {
  return object({ action: { const: name }, ...fields });
}
