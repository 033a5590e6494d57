import { afterAll, beforeAll, describe, expect, test } from "bun:test";

import { until } from "../harness/until.ts";
import { fillKey, fillValue } from "../interop/armdb_peer.ts";
import { LIMIT_MS, type OpenPage, SOON_MS } from "./open_page.ts";
import { canPlay, Scene, SEED } from "./scene.ts";

/** A hex text of a key or value of the leader's first filling. */
function hex(bytes: Uint8Array): string {
  return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** What a canvas shows, as text: it differs if a pixel does. */
function pixels(opened: OpenPage, selector: string): Promise<string> {
  return opened.page.locator(selector).evaluate((canvas) =>
    (canvas as unknown as { toDataURL(): string }).toDataURL()
  );
}

describe.skipIf(!canPlay)("the page while a real leader writes", () => {
  let scene: Scene;
  beforeAll(async () => void (scene = await Scene.start()), LIMIT_MS);
  afterAll(() => scene?.[Symbol.asyncDispose](), LIMIT_MS);

  test("its charts move", async () => {
    await using opened = await scene.open();
    await opened.shows("#rate-readout", "now: 0 events/s");
    const before = await pixels(opened, "#rate-chart canvas");
    await scene.leader.command(`churn 2000 0 4000 ${SEED} 20`);
    await opened.shows("#rate-readout", /now: [1-9][\d,]{2,} events\/s, [\d.]+ [KM]iB\/s/);
    await opened.shows("#shards tr:first-child", /[1-9]\d{2}/);
    await until(
      async () => await pixels(opened, "#rate-chart canvas") !== before,
      SOON_MS,
      "another picture",
    );
    const label = opened.page.locator("#rate-chart");
    expect(await label.getAttribute("aria-label")).toMatch(/now [\d,]+ events\/s, highest [\d,]+ events\/s/);
    await scene.leader.command("stop-churn");
    await opened.shows("#rate-readout", "now: 0 events/s");
    expect(opened.complaints).toEqual([]);
  }, LIMIT_MS);

  test("a lost leader turns the state, and back", async () => {
    await using opened = await scene.open();
    await opened.shows("#state", "Fresh");
    scene.proxy.refuses = true;
    scene.proxy.cut();
    // Not stale before /readyz says so.
    await opened.shows("#state", "Reconnecting");
    await opened.shows("#detail", /Proven current .* ago\. The link is lost and is tried again\./);
    await opened.shows("#errors", /Shards 0-1, first seen .* ago.*The follower mends this by itself\./s);
    await opened.shows("#shards", "Reconnecting");
    await opened.shows("#announcer", "State: Reconnecting");
    expect(await opened.page.title()).toMatch(/^Reconnecting · /);
    scene.proxy.refuses = false;
    await opened.shows("#state", "Fresh");
    await opened.shows("#errors", /^$/);
    expect(opened.complaints).toEqual([]);
  }, LIMIT_MS);

  test("looks up a key that is there, one that is not, and one that cannot be", async () => {
    await using opened = await scene.open();
    const { page } = opened;
    const [key, value] = [fillKey("8x16", SEED, 1_000_000), fillValue("8x16", SEED, 1_000_000)].map(hex);
    await scene.leader.command(`put ${key} ${value}`);
    await page.getByLabel("Key", { exact: true }).fill(key);
    await until(
      async () => {
        await page.getByRole("button", { name: "Look up" }).click();
        await page.locator("#found .state").waitFor();
        return await opened.text("#found .state") === "Found";
      },
      SOON_MS,
      "the key to be found",
    );
    await opened.shows("#found", value.match(/.{8}/g)!.join(" "));
    await page.getByLabel("Key", { exact: true }).fill("ff".repeat(8));
    await page.keyboard.press("Enter");
    await opened.shows("#found", "Not there");
    await page.getByLabel("Key", { exact: true }).fill("abcd");
    await opened.shows("#lookup-bytes", "A key has 8 bytes, this one 2");
    await page.keyboard.press("Enter");
    await opened.shows("#found", /Cannot .*2/);
  }, LIMIT_MS);

  test("watches changes, newest first, until it is stopped", async () => {
    await using opened = await scene.open();
    await opened.page.getByRole("button", { name: "Watch" }).click();
    await opened.shows("#watch-state", "Watching.");
    const key = hex(fillKey("8x16", SEED, 2_000_000));
    await scene.leader.command(`put ${key} ${hex(fillValue("8x16", SEED, 1))}`);
    await opened.shows("#changes li", /put/);
    await scene.leader.command(`delete ${key}`);
    await opened.shows("#changes li:first-child", /delete/);
    await opened.shows("#watch-line", /Watching\. 2 changes came\./);
    await opened.page.getByRole("button", { name: "Stop" }).click();
    await opened.shows("#watch-line", /Stopped\. 2 changes came\./);
    expect(opened.complaints).toEqual([]);
  }, LIMIT_MS);

  test("shows no more than 200 changes", async () => {
    await using opened = await scene.open();
    await opened.page.getByLabel("begin with the keys that are there").check();
    await opened.page.getByRole("button", { name: "Watch" }).click();
    await opened.shows("#watch-line", /Watching\. [\d,]+ changes came, the last 200 are shown\./);
    expect(await opened.page.locator("#changes li").count()).toBe(200);
  }, LIMIT_MS);

  test("shows another shard's slots, by pointer and by keyboard", async () => {
    await using opened = await scene.open();
    const { page } = opened;
    await opened.shows("#slots-summary", "occupied");
    const first = await opened.text("#slots-summary");
    await page.getByRole("button", { name: "Shard 0: show its slots" }).focus();
    await page.keyboard.press("ArrowDown");
    await page.keyboard.press("Enter");
    await opened.shows("#slots-title", "Slots of shard 1");
    await until(async () => await opened.text("#slots-summary") !== first, SOON_MS, "another summary");
    const region = await opened.text("#region-text");
    await page.getByLabel("Region", { exact: true }).focus();
    await page.keyboard.press("ArrowRight");
    await until(async () => await opened.text("#region-text") !== region, SOON_MS, "another region");
    expect(await opened.text("#region-text")).toMatch(/^Slots [\d,]+ to [\d,]+: [\d,]+ \w+/);
    expect(opened.complaints).toEqual([]);
  }, LIMIT_MS);
});
