import { describe, expect, test } from "bun:test";

import { LIMIT_MS } from "./open_page.ts";
import { canPlay, Scene } from "./scene.ts";

describe.skipIf(!canPlay)("the page without its admin", () => {
  test("says plainly that it shows the past, and goes on when the admin is back", async () => {
    await using scene = await Scene.start();
    await using opened = await scene.open();
    await opened.shows("#state", "Fresh");
    await opened.page.getByRole("button", { name: "Watch" }).click();
    await opened.shows("#watch-state", "Watching.");
    await scene.unfollow();
    await opened.shows("#watch-state", /^Ended/);
    await opened.shows("#state", "Unknown");
    await opened.shows("#lost", /The admin server does not answer\. What you see is .* old\./);
    expect(await opened.page.getByRole("alert").filter({ hasText: "does not answer" }).isVisible()).toBe(
      true,
    );
    await scene.follow();
    await opened.page.getByRole("button", { name: "Try now" }).click();
    await opened.shows("#state", "Fresh");
    expect(await opened.page.locator("#lost").isVisible()).toBe(false);
  }, LIMIT_MS);
});
