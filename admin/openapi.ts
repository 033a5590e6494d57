import type { Hono } from "hono";

import { OPERATIONS } from "./openapi/operations.ts";
import { SCHEMAS } from "./openapi/schemas.ts";
import { VERSION } from "../src/version.ts";

/** An OpenAPI 3.1 document. */
export interface OpenApiDocument {
  /** The version of the format. */
  openapi: string;
  /** Operations by path and method. */
  paths: Record<string, Record<string, Record<string, unknown>>>;
  /** Everything else. */
  [field: string]: unknown;
}

/** The document of all routes. */
export function openapiDocument(): OpenApiDocument {
  return {
    openapi: "3.1.0",
    info: {
      title: "Slotcask admin",
      version: VERSION,
      description: "Watch and run a read replica of an armdb FixedStore.",
      license: { name: "MIT", identifier: "MIT" },
    },
    // Beside this document, wherever the app was mounted.
    servers: [{ url: "./" }],
    security: [{ token: [] }],
    paths: pathsOf(),
    components: {
      schemas: SCHEMAS,
      securitySchemes: {
        token: { type: "http", scheme: "bearer", description: "Where the admin was started with a token" },
      },
    },
  };
}

/** GET /openapi.json. */
export function openapiRoutes(app: Hono): void {
  const document = openapiDocument();
  app.get("/openapi.json", (c) => c.json(document));
}

function pathsOf(): OpenApiDocument["paths"] {
  const paths: OpenApiDocument["paths"] = {};
  for (const { method, path, body } of OPERATIONS) (paths[path] ??= {})[method] = body;
  return paths;
}
