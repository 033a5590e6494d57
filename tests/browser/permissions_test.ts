import { describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import { tmpdir } from "node:os";

import { adminUrl } from "../cli/following.ts";
import { Program } from "../cli/program.ts";
import { readmePermissionArguments } from "../harness/readme.ts";
import { ROOT, runtimePath } from "../harness/runtimes.ts";
import { startSmallLeader } from "../harness/small_leader.ts";
import { hasBrowser, launchBrowser } from "./chromium.ts";
import { LIMIT_MS, OpenPage } from "./open_page.ts";

/** Where README.md has the admin. */
const README_ADMIN = "127.0.0.1:9464";
const deno = runtimePath("deno");

/** An address of loopback whose port nobody listens on: that of README.md may be taken where tests run. */
async function freeAddress(): Promise<string> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return `127.0.0.1:${port}`;
}

describe.skipIf(!hasBrowser || deno === undefined)("the permissions of README.md", () => {
  test("are enough for the page", async () => {
    const folder = mkdtempSync(`${tmpdir()}/slotcask-page-`);
    try {
      await using leader = await startSmallLeader();
      const [admin, words] = [await freeAddress(), readmePermissionArguments(leader.address)];
      expect(words.find((word) => word.startsWith("--allow-net"))).toContain(README_ADMIN);
      const args = words.map((word) =>
        word.replace(README_ADMIN, admin).replace("./replica", `${folder}/replica`)
      )
        .map((word) => word === "mod.ts" ? `${ROOT}/mod.ts` : word);
      const command = [deno!, "run", "--no-prompt", ...args, "--dir", `${folder}/replica`, "--admin", admin];
      await using program = Program.start(command);
      const url = await adminUrl(program);
      const browser = await launchBrowser();
      try {
        await using opened = await OpenPage.open(browser, url);
        await opened.shows("#state", "Fresh");
        await opened.shows("#slots-summary", "occupied");
        expect(opened.complaints).toEqual([]);
      } finally {
        await browser.close();
      }
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  }, LIMIT_MS);
});
