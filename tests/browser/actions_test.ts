import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { readdirSync } from "node:fs";

import { LIMIT_MS } from "./open_page.ts";
import { canPlay, Scene } from "./scene.ts";

const TOKEN = "a-token-of-the-test";

describe.skipIf(!canPlay)("the page's actions with --allow-actions", () => {
  let scene: Scene;
  beforeAll(async () => {
    scene = await Scene.start(["--allow-actions", "--backup-dir", "BACKUPS"]);
  }, LIMIT_MS);
  afterAll(() => scene?.[Symbol.asyncDispose](), LIMIT_MS);

  test("pause and resume", async () => {
    await using opened = await scene.open();
    await opened.shows("#state", "Fresh");
    await opened.act("Pause");
    await opened.shows("#state", "Paused");
    await opened.shows("#detail", "Links are closed on request");
    expect(await opened.page.locator("#actions :focus").textContent()).toBe("Resume");
    await opened.act("Resume");
    await opened.shows("#state", "Fresh");
    expect(opened.complaints).toEqual([]);
  }, LIMIT_MS);

  test("verify, back up and rescan", async () => {
    await using opened = await scene.open();
    await opened.act("Verify");
    await opened.shows("#jobs", /Verify done .*: [\d,]+ slots checked, none damaged/);
    await opened.act("Back up");
    await opened.shows("#jobs", /Backup done .*: .*BACKUPS/);
    expect(readdirSync(`${scene.stage.dir}/BACKUPS`).length).toBe(1);
    await opened.page.getByText("All counters of this shard").click();
    await opened.act("Rescan all shards");
    await opened.shows("#counters", /Rescans: asked1/);
    await opened.act("Rescan shard 0");
    await opened.shows("#results li:first-child", /^Started.*Rescan shard 0/s);
    expect(opened.complaints).toEqual([]);
  }, LIMIT_MS);

  test("change the leader, or say why not", async () => {
    await using opened = await scene.open();
    await opened.act("Change leader", scene.leader.address);
    await opened.shows("#leader", scene.leader.address);
    await opened.shows("#state", "Fresh");
    await opened.act("Change leader", "not an address");
    await opened.shows("#results li:first-child", /^Refused.*not an address/s);
    await opened.shows("#leader", scene.leader.address);
  }, LIMIT_MS);

  test("do nothing where the dialog is closed", async () => {
    await using opened = await scene.open();
    const { page } = opened;
    await opened.shows("#state", "Fresh");
    const pause = page.getByRole("button", { name: "Pause", exact: true });
    await pause.focus();
    await page.keyboard.press("Enter");
    await page.getByRole("dialog").waitFor();
    await page.keyboard.press("Escape");
    await page.getByRole("dialog").waitFor({ state: "hidden" });
    expect(await pause.evaluate((button) => button === button.ownerDocument.activeElement)).toBe(true);
    expect(opened.requests.filter((url) => url.endsWith("/v1/pause"))).toEqual([]);
  }, LIMIT_MS);
});

describe.skipIf(!canPlay)("the page of an admin with a token", () => {
  let scene: Scene;
  beforeAll(async () => {
    scene = await Scene.start(["--admin-token", TOKEN]);
  }, LIMIT_MS);
  afterAll(() => scene?.[Symbol.asyncDispose](), LIMIT_MS);

  test("asks once, refuses a wrong one, and then shows and acts", async () => {
    await using opened = await scene.open();
    const { page } = opened;
    const dialog = page.getByRole("dialog", { name: "Token" });
    await dialog.waitFor();
    await opened.shows("#state", "No answer yet");
    await dialog.getByLabel("Token").fill("another");
    await page.keyboard.press("Enter");
    await opened.shows("#token-refused", "The admin refused the last token.");
    await dialog.getByLabel("Token").fill(TOKEN);
    await page.keyboard.press("Enter");
    await opened.shows("#state", "Fresh");
    await opened.act("Pause");
    await opened.shows("#state", "Paused");
    await page.reload();
    await opened.shows("#state", "Paused");
    expect(await dialog.isVisible()).toBe(false);
    expect(opened.requests.filter((url) => url.includes(TOKEN))).toEqual([]);
    await page.getByRole("button", { name: "Forget token" }).click();
    await dialog.waitFor();
  }, LIMIT_MS);

  test("shows no data without it, and asks again on request", async () => {
    await using opened = await scene.open();
    const { page } = opened;
    await page.getByRole("dialog", { name: "Token" }).waitFor();
    await page.getByRole("button", { name: "Cancel" }).click();
    await opened.shows("#lost-text", "token");
    await opened.shows("#state", "Unknown");
    expect(await opened.text("#leader")).toBe("");
    await page.getByRole("button", { name: "Enter the token" }).click();
    await page.getByRole("dialog", { name: "Token" }).waitFor();
  }, LIMIT_MS);
});
