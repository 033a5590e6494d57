import { afterAll, beforeAll, describe, expect, test } from "bun:test";

import { LIMIT_MS, type OpenPage } from "./open_page.ts";
import { canPlay, Scene } from "./scene.ts";

/** What can be operated, and what says something by its look. */
const ROLES = ["button", "textbox", "combobox", "checkbox", "slider", "img", "region", "dialog"] as const;
/** Every control that Tab must reach, by the text or the id that the browser has for it. */
const REACHED = [
  ...["shard-filter", "Shard 0: show its slots", "shard-select", "region", "The picture as a table"],
  ...["All counters of this shard", "Rescan all shards", "Rescan shard 0", "Verify", "Back up", "Pause"],
  ...["Change leader", "lookup-key", "lookup-form", "Look up", "watch-prefix", "watch-form", "Watch"],
  "watch-initial",
];

/** What has the focus: its label, its words, or else its id. */
function focused(opened: OpenPage): Promise<string> {
  return opened.page.locator("*:focus").evaluate((element) => {
    const { id, textContent } = element;
    const isField = ["INPUT", "SELECT"].includes(element.tagName);
    return element.getAttribute("aria-label") ?? (isField ? id : textContent!.trim());
  });
}

describe.skipIf(!canPlay)("the page without a mouse or a screen", () => {
  let scene: Scene;
  beforeAll(async () => void (scene = await Scene.start()), LIMIT_MS);
  afterAll(() => scene?.[Symbol.asyncDispose](), LIMIT_MS);

  test("names all that can be operated", async () => {
    await using opened = await scene.open();
    await opened.shows("#slots-summary", "occupied");
    for (const role of ROLES) {
      const all = await opened.page.getByRole(role, { includeHidden: true }).count();
      const named = await opened.page.getByRole(role, { includeHidden: true, name: /\S/ }).count();
      expect([role, named]).toEqual([role, all]);
    }
    for (const name of ["State", "Errors", "Shards", "Actions", "Look up a key", "Watch"]) {
      expect(await opened.page.getByRole("region", { name, exact: true }).first().count()).toBe(1);
    }
    expect(await opened.page.getByRole("heading", { level: 1 }).count()).toBe(1);
    expect(await opened.page.getByRole("main").count()).toBe(1);
    expect(await opened.page.getByRole("columnheader").count()).toBe(7);
    expect(await opened.page.getByRole("rowheader").count()).toBe(2);
  }, LIMIT_MS);

  test("Tab reaches every control, in the order in which they stand", async () => {
    await using opened = await scene.open();
    await opened.shows("#slots-summary", "occupied");
    const reached: string[] = [];
    while (reached.length < 40 && reached.at(-1) !== "watch-initial") {
      await opened.page.keyboard.press("Tab");
      reached.push(await focused(opened));
    }
    expect(reached).toEqual(REACHED);
  }, LIMIT_MS);

  test("a dialog keeps the focus until it is closed", async () => {
    await using opened = await scene.open();
    const { page } = opened;
    await page.getByRole("button", { name: "Verify" }).press("Enter");
    await page.getByRole("dialog", { name: "Verify?" }).waitFor();
    expect(await focused(opened)).toBe("Cancel");
    await page.keyboard.press("Tab");
    expect(await focused(opened)).toBe("Verify");
    expect(await page.locator("dialog :focus").count()).toBe(1);
    await page.keyboard.press("Escape");
    await page.getByRole("dialog").waitFor({ state: "hidden" });
    expect(await page.locator("#actions :focus").count()).toBe(1);
  }, LIMIT_MS);
});
