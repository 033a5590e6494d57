import { describe, expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { Hono } from "hono";

import { createAdmin } from "../../admin/mod.ts";
import { assemblePage, joinModules } from "../../admin/page.ts";
import { ROOT } from "../harness/runtimes.ts";
import { FakeFollower } from "./fake_follower.ts";

const HOST = { headers: { host: "localhost" } };

async function hashOf(text: string): Promise<string> {
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
  return `'sha256-${new Uint8Array(digest).toBase64()}'`;
}

/** Directives of a policy, by name. */
function directives(policy: string): Record<string, string> {
  return Object.fromEntries(policy.split("; ").map((directive) => directive.split(/ (.*)/s).slice(0, 2)));
}

describe("assemblePage", () => {
  test("allows exactly the script and the style of the document", async () => {
    const { html, policy } = await assemblePage();
    const inside = (tag: string) =>
      [...html.matchAll(new RegExp(`<${tag}[^>]*>(.*?)</${tag}>`, "gs"))].map(([, text]) => text);
    const [scripts, styles] = [inside("script"), inside("style")];
    expect(scripts.map((text) => text.length > 10_000)).toEqual([true, true]);
    expect(directives(policy)).toEqual({
      "default-src": "'none'",
      "script-src": (await Promise.all(scripts.map(hashOf))).join(" "),
      "style-src": (await Promise.all(styles.map(hashOf))).join(" "),
      "connect-src": "'self'",
      "img-src": "data:",
      "base-uri": "'none'",
      "form-action": "'none'",
      "frame-ancestors": "'none'",
      "require-trusted-types-for": "'script'",
    });
    expect(styles.length).toBe(1);
  });

  test("takes in every file of the page, and names no other address", async () => {
    const { html } = await assemblePage();
    const modules = readdirSync(`${ROOT}/admin/page`).filter((name) => name.endsWith(".js"));
    const missing = modules.filter((name) => !html.includes(`const $${name.replace(".js", "")} = `));
    expect(missing).toEqual([]);
    expect(html).not.toMatch(/^\s*(import|export) /m);
    const addresses = html.match(/https?:\/\/[\w.]+/g)!.filter((address) =>
      !["http://www.w3.org", "https://github.com"].includes(address)
    );
    expect(addresses).toEqual([]);
  });

  test("styles no element by an attribute, which the policy forbids", () => {
    expect(readFileSync(`${ROOT}/admin/page/page.html`, "utf8")).not.toMatch(/ style=| on\w+=/);
  });
});

test("joinModules keeps private names apart and hands on what is exported", () => {
  const script = joinModules({
    first: "const own = 1;\nexport function one() {\n  return own;\n}\n",
    second: 'import { one } from "./first.js";\nconst own = 2;\nexport const both = one() + own;\n',
  });
  expect(new Function(`${script}return $second.both;`)()).toBe(3);
});

describe("GET /", () => {
  test("answers the page with its policy, and needs no token", async () => {
    const admin = createAdmin(new FakeFollower(), { token: "secret" });
    const response = await admin.request("http://localhost/", HOST);
    const { html, policy } = await assemblePage();
    expect(response.status).toBe(200);
    expect(response.headers.get("content-type")).toBe("text/html; charset=UTF-8");
    expect(response.headers.get("content-security-policy")).toBe(policy);
    expect(await response.text()).toBe(html);
  });

  test.each(["/admin", "/admin/", "/a/b", "/a/b/"])("answers at a mount: %s", async (path) => {
    const app = new Hono().route(
      path.replace(/\/$/, ""),
      createAdmin(new FakeFollower(), { token: "secret" }),
    );
    const response = await app.request(`http://localhost${path}`, HOST);
    expect(response.status).toBe(200);
    expect(await response.text()).toContain("<title>Slotcask</title>");
  });
});
