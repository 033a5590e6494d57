import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { Hono } from "hono";
import type { Browser } from "playwright-core";

import { createAdmin } from "../../admin/mod.ts";
import { type AdminServer, serveAdmin } from "../../admin/serve.ts";
import { FakeFollower, liveShard, liveStatus } from "../admin/fake_follower.ts";
import { hasBrowser, launchBrowser } from "./chromium.ts";
import { LIMIT_MS, OpenPage } from "./open_page.ts";

const SHARDS = 255;

/** All live, but for two that catch up and one that is lost. */
function manyShards(): FakeFollower {
  const follower = new FakeFollower();
  const shards = Array.from({ length: SHARDS }, (_, shard) => liveShard({ shard, keys: 1_000_000 + shard }));
  for (const shard of [7, 8]) {
    shards[shard] = { ...shards[shard], phase: "catching-up", scan: { position: 250, slots: 1000 } };
  }
  const error = {
    message: "Cannot reach the leader",
    remedy: "reconnect",
    sinceMs: Date.now() - 5000,
  } as const;
  shards[200] = { ...shards[200], phase: "backing-off", error };
  follower.current = liveStatus({ phase: "backing-off", shards });
  return follower;
}

describe.skipIf(!hasBrowser)("the page of 255 shards, mounted in an app", () => {
  let [browser, server]: [Browser?, AdminServer?] = [];
  beforeAll(async () => {
    const app = new Hono().route("/ops/replica", createAdmin(manyShards()));
    const address = { host: "127.0.0.1", port: 0 };
    server = await serveAdmin(app, { address, isWanted: true, hasToken: false });
    browser = await launchBrowser();
  }, LIMIT_MS);
  afterAll(async () => {
    await browser?.close();
    await server?.close();
  }, LIMIT_MS);

  test.each(["ops/replica", "ops/replica/"])("is found at /%s", async (path) => {
    await using opened = await OpenPage.open(browser!, server!.url + path);
    await opened.shows("#summary", "255 shards: 252 live, 2 catching up, 1 reconnecting.");
    expect(opened.complaints).toEqual([]);
  }, LIMIT_MS);

  test("shows those in trouble alone, if asked to", async () => {
    await using opened = await OpenPage.open(browser!, `${server!.url}ops/replica`);
    await opened.shows("#errors", "Shard 200");
    expect(await opened.page.locator("#shards tr").count()).toBe(SHARDS);
    await opened.page.getByRole("combobox", { name: "Show" }).selectOption("those in trouble");
    expect(await opened.page.locator("#shards tr").count()).toBe(3);
    await opened.shows("#shards tr:first-child", "25 %, 250 of 1,000 slots");
    await opened.page.getByRole("combobox", { name: "Shard", exact: true }).selectOption("200");
    await opened.shows("#slots-title", "Slots of shard 200");
  }, LIMIT_MS);

  test("fits a phone, and its table is one stop of the Tab key", async () => {
    await using opened = await OpenPage.open(browser!, `${server!.url}ops/replica`, {
      viewport: { width: 360, height: 740 },
    });
    await opened.shows("#errors", "Shard 200");
    expect(await opened.overflow()).toBeLessThanOrEqual(0);
    const table = await opened.page.locator("#shard-scroller").evaluate((box) => {
      const { scrollWidth, clientWidth, clientHeight } = box as unknown as Record<string, number>;
      return { isWider: scrollWidth > clientWidth, isLow: clientHeight < 700 };
    });
    expect(table).toEqual({ isWider: false, isLow: true });
    expect(await opened.page.locator("#shards button[tabindex='0']").count()).toBe(1);
  }, LIMIT_MS);
});
