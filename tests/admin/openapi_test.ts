import { describe, expect, test } from "bun:test";

import { createAdmin } from "../../admin/app.ts";
import { methodsByPath } from "../../admin/fallback.ts";
import { openapiDocument } from "../../admin/openapi.ts";
import { VERSION } from "../../src/version.ts";
import packageJson from "../../package.json" with { type: "json" };
import { FakeFollower } from "./fake_follower.ts";
import { validated } from "./validated.ts";

const DOCUMENT = openapiDocument();

/** "get /v1/keys/{hex}" of all operations. */
function documented(): string[] {
  return Object.entries(DOCUMENT.paths).flatMap(([path, operations]) =>
    Object.keys(operations).map((method) => `${method} ${path}`)
  );
}

/** The same of all routes. */
function routed(): string[] {
  return [...methodsByPath(createAdmin(new FakeFollower()))].flatMap(([path, methods]) =>
    [...methods].filter((method) => method !== "HEAD").map((method) =>
      `${method.toLowerCase()} ${path.replaceAll(/:(\w+)(\{[^}]*\})?/g, "{$1}")}`
    )
  );
}

describe("the document", () => {
  test("has all routes, and no others", () => {
    expect(documented().toSorted()).toEqual(routed().toSorted());
  });

  test("is served", async () => {
    const { status, body } = await validated(createAdmin(new FakeFollower()), "/openapi.json");
    expect(status).toBe(200);
    expect(body).toEqual(JSON.parse(JSON.stringify(DOCUMENT)));
    expect(body.openapi).toBe("3.1.0");
  });

  test("names each operation once", () => {
    const ids = Object.values(DOCUMENT.paths).flatMap((path) => Object.values(path)).map((each) =>
      each.operationId
    );
    expect(new Set(ids).size).toBe(ids.length);
    expect(ids).toContain("getV1KeysHex");
  });

  test("defines what it refers to, and nothing else", () => {
    const text = JSON.stringify(DOCUMENT);
    const referred = new Set([...text.matchAll(/"#\/components\/schemas\/(\w+)"/g)].map(([, name]) => name));
    const { schemas } = DOCUMENT.components as { schemas: Record<string, unknown> };
    expect([...referred].toSorted()).toEqual(Object.keys(schemas).toSorted());
  });

  test("describes each parameter of a path", () => {
    for (const [path, operations] of Object.entries(DOCUMENT.paths)) {
      const inPath = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name);
      for (const { parameters = [] } of Object.values(operations)) {
        const described = (parameters as { name: string; in: string }[]).filter((each) => each.in === "path");
        expect(described.map(({ name }) => name)).toEqual(inPath);
      }
    }
  });
});

test("the version is that of package.json", () => expect(VERSION).toBe(packageJson.version));
