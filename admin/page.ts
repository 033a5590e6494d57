import type { Context, Hono, MiddlewareHandler } from "hono";
import uplotStyle from "uplot/dist/uPlot.min.css" with { type: "text" };
import uplotScript from "uplot/dist/uPlot.iife.min.js" with { type: "text" };

import { relativePath } from "./access.ts";
import actions from "./page/actions.js" with { type: "text" };
import api from "./page/api.js" with { type: "text" };
import baseStyle from "./page/base.css" with { type: "text" };
import bytesInput from "./page/bytes_input.js" with { type: "text" };
import charts from "./page/charts.js" with { type: "text" };
import colorsStyle from "./page/colors.css" with { type: "text" };
import counters from "./page/counters.js" with { type: "text" };
import dom from "./page/dom.js" with { type: "text" };
import format from "./page/format.js" with { type: "text" };
import history from "./page/history.js" with { type: "text" };
import layoutStyle from "./page/layout.css" with { type: "text" };
import lookup from "./page/lookup.js" with { type: "text" };
import main from "./page/main.js" with { type: "text" };
import overview from "./page/overview.js" with { type: "text" };
import partsStyle from "./page/parts.css" with { type: "text" };
import html from "./page/page.html" with { type: "text" };
import picture from "./page/picture.js" with { type: "text" };
import serverClock from "./page/server_clock.js" with { type: "text" };
import shards from "./page/shards.js" with { type: "text" };
import sse from "./page/sse.js" with { type: "text" };
import token from "./page/token.js" with { type: "text" };
import watch from "./page/watch.js" with { type: "text" };
import words from "./page/words.js" with { type: "text" };

/** The page's modules by file name, each behind those that it imports. */
const MODULES: Record<string, string> = {
  ...{ format, words, sse, history, server_clock: serverClock, dom, token, api, bytes_input: bytesInput },
  ...{ charts, overview, shards, counters, picture, lookup, watch, actions, main },
};

/** From the general to the special: a later one may override an earlier. */
const STYLES = [uplotStyle, colorsStyle, baseStyle, layoutStyle, partsStyle];

/** The page as it is served. */
export interface Page {
  /** The document: style and script are inside, so that it works wherever it is mounted. */
  html: string;
  /** Its Content-Security-Policy: nothing from elsewhere, and no script or style but its own. */
  policy: string;
}

let assembled: Promise<Page> | undefined;

/** GET /, at the mount with and without a slash at its end. The page holds no data, and so needs no token. */
export function pageRoutes(app: Hono): void {
  app.get("/", servePage);
  app.use("*", serveMount);
}

/** Hono matches `/` of a mounted app without the slash alone. */
const serveMount: MiddlewareHandler = async (c, next) => {
  if (c.req.method === "GET" && relativePath(c) === "/") return await servePage(c);
  await next();
};

async function servePage(c: Context): Promise<Response> {
  const { html, policy } = await (assembled ??= assemblePage());
  c.header("content-security-policy", policy);
  return c.html(html);
}

/** Puts the document together and computes its policy. */
export async function assemblePage(): Promise<Page> {
  const parts = { style: STYLES.join("\n"), uplot: uplotScript, script: joinModules(MODULES) };
  const [styleHash, ...scriptHashes] = await Promise.all(Object.values(parts).map(hashOf));
  return {
    html: html.replace(/ data-part="(\w+)">/g, (_, name: keyof typeof parts) => `>${parts[name]}`),
    policy: [
      "default-src 'none'",
      `script-src ${scriptHashes.join(" ")}`,
      `style-src ${styleHash}`,
      "connect-src 'self'",
      "img-src data:",
      "base-uri 'none'",
      "form-action 'none'",
      "frame-ancestors 'none'",
      "require-trusted-types-for 'script'",
    ].join("; "),
  };
}

/** Modules as one script: each is a function's body, so that none sees another's private names. */
export function joinModules(modules: Record<string, string>): string {
  const parts = Object.entries(modules).map(([name, text]) => {
    const body = text.replace(/^import (\{[^}]*\}) from "\.\/(\w+)\.js";$/gm, "const $1 = $$$2;")
      .replace(/^export /gm, "");
    const names = [...text.matchAll(/^export (?:async )?(?:function|const|class) (\w+)/gm)].map(([, name]) =>
      name
    );
    return `const $${name} = (() => {\n${body}return { ${names.join(", ")} };\n})();\n`;
  });
  return `"use strict";\n${parts.join("")}`;
}

async function hashOf(text: string): Promise<string> {
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text)));
  return `'sha256-${btoa(String.fromCharCode(...digest))}'`;
}
