import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { existsSync, statSync } from "node:fs";

import { LIMIT_MS } from "./open_page.ts";
import { canPlay, KEYS, Scene } from "./scene.ts";

describe.skipIf(!canPlay)("the page", () => {
  let scene: Scene;
  beforeAll(async () => void (scene = await Scene.start()), LIMIT_MS);
  afterAll(() => scene?.[Symbol.asyncDispose](), LIMIT_MS);

  test("loads under its policy and shows the state, without a complaint", async () => {
    await using opened = await scene.open();
    await opened.shows("#state", "Fresh");
    await opened.shows("#figures", KEYS.toLocaleString("en-US"));
    await opened.shows("#summary", "2 shards: 2 live.");
    await opened.shows("#slots-summary", /\d slots: .* occupied/);
    expect(await opened.page.title()).toMatch(/^Fresh · 127\.0\.0\.1:\d+ · Slotcask$/);
    expect(await opened.page.locator("#shards tr").count()).toBe(2);
    expect(opened.complaints).toEqual([]);
  }, LIMIT_MS);

  test("asks nobody but its admin", async () => {
    await using opened = await scene.open();
    await opened.shows("#slots-summary", "occupied");
    const elsewhere = opened.requests.filter((url) => !url.startsWith(scene.url) && !url.startsWith("data:"));
    expect(elsewhere).toEqual([]);
  }, LIMIT_MS);

  test("its policy stops a script that is not its own", async () => {
    await using opened = await scene.open();
    await opened.page.addScriptTag({ content: "document.title = 'taken over'" }).catch(() => {});
    expect(await opened.page.title()).not.toBe("taken over");
    expect(opened.complaints.join()).toMatch(/Content Security Policy|TrustedScript/);
  }, LIMIT_MS);

  test.each([360, 800, 1600])("at %d px is no wider than its window, light and dark", async (width) => {
    await using opened = await scene.open({ viewport: { width, height: 900 } });
    await opened.shows("#slots-summary", "occupied");
    await opened.page.locator("summary").nth(0).click();
    await opened.page.locator("summary").nth(1).click();
    for (const colorScheme of ["light", "dark"] as const) {
      await opened.page.emulateMedia({ colorScheme });
      const path = `${scene.stage.dir}/page-${width}-${colorScheme}.png`;
      await opened.page.screenshot({ path, fullPage: true });
      expect(existsSync(path) && statSync(path).size).toBeGreaterThan(10_000);
      expect(await opened.overflow()).toBeLessThanOrEqual(0);
    }
    expect(opened.complaints).toEqual([]);
  }, LIMIT_MS);

  test("is dark where that is preferred", async () => {
    await using opened = await scene.open();
    const background = async (colorScheme: "light" | "dark") => {
      await opened.page.emulateMedia({ colorScheme });
      return await opened.page.locator("body").evaluate((body) => {
        const { getComputedStyle } = globalThis as unknown as {
          getComputedStyle(element: unknown): { backgroundColor: string };
        };
        return Number(/\d+/.exec(getComputedStyle(body).backgroundColor));
      });
    };
    expect(await background("light")).toBeGreaterThan(200);
    expect(await background("dark")).toBeLessThan(60);
  }, LIMIT_MS);

  test("has its actions refused where there is no token, with the reason", async () => {
    await using opened = await scene.open();
    await opened.shows("#state", "Fresh");
    for (const action of ["Pause", "Verify"]) {
      await opened.act(action);
      await opened.shows("#results li:first-child strong", action);
      await opened.shows("#results li:first-child", /^Refused.*--allow-actions/s);
    }
    await opened.shows("#state", "Fresh");
  }, LIMIT_MS);
});
