import { describe, expect, test } from "bun:test";

import { validated } from "./validated.ts";
import { rejection } from "../harness/failures.ts";

const SECURE = {
  "x-content-type-options": "nosniff",
  "cache-control": "no-store",
  "content-security-policy": "frame-ancestors 'none'",
};

/** What is found of an answer to a request. */
async function findings(
  path: string,
  { body, status = 200, headers = {} }: { body: unknown; status?: number; headers?: Record<string, string> },
): Promise<string> {
  const request = () => {
    return new Response(JSON.stringify(body), {
      status,
      headers: { ...SECURE, "content-type": "application/json", ...headers },
    });
  };
  return (await rejection(validated({ request }, path))).message;
}

const ERROR = { error: { code: "some-code", message: "some message" } };

describe("an answer that is not as documented is found", () => {
  test("a body with a field too few, and one too many", async () => {
    const message = await findings("/healthz", { body: { state: "up" } });
    expect(message).toContain("GET /healthz -> 200: the body is not as documented");
    expect(message).toContain("must have required property 'status'");
    expect(message).toContain("must NOT have additional properties");
  });

  test("a body with a value of another type", async () => {
    const message = await findings("/v1/slots/3?regions=1", { body: { shard: "3", regions: [] } });
    expect(message).toContain("data/shard must be integer");
  });

  test("an error whose code is no word", async () => {
    const message = await findings("/status", {
      status: 401,
      body: { error: { code: "Not so", message: "" } },
    });
    expect(message).toContain("data/error/code must match pattern");
  });

  test("a status that the operation does not have", async () => {
    expect(await findings("/status", { status: 409, body: ERROR })).toContain("status 409 is not documented");
  });

  test("a status that no unknown path has", async () => {
    expect(await findings("/nothing", { status: 200, body: {} })).toBe("GET /nothing -> 200: not documented");
  });

  test("a content type that the operation does not have", async () => {
    const message = await findings("/status", { body: {}, headers: { "content-type": "text/html" } });
    expect(message).toContain("content type text/html is not documented");
  });

  test("a header that is missing", async () => {
    const body = { found: "no", key: "00", shard: 0, freshAtMs: null, ...ERROR };
    const message = await findings("/v1/keys/00", { status: 404, body });
    expect(message).toContain("header Slotcask-Found is missing");
  });

  test("an answer that may be framed, cached and sniffed", async () => {
    const request = () => Response.json({ status: "up" });
    const { message } = await rejection(validated({ request }, "/healthz"));
    expect(message).toContain(
      "x-content-type-options is not nosniff; cache-control is not no-store; may be framed",
    );
  });
});
