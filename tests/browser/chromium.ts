/** The system's Chromium, for tests of the admin's page. */
import { existsSync } from "node:fs";
import process from "node:process";
import { type Browser, chromium } from "playwright-core";

const PATH = process.env.SLOTCASK_CHROMIUM ?? "/usr/bin/chromium";
/** Headless, without a sandbox (tests may run as root), and quiet: it asks nothing of the network. */
const ARGS = [
  ...["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"],
  ...["--disable-background-networking", "--disable-component-update", "--disable-sync"],
];

/** Whether there is a browser; if not, it is said why. Throws if not while SLOTCASK_INTEROP is `required`. */
export const hasBrowser: boolean = findBrowser();

/** Starts a browser; close it. */
export function launchBrowser(): Promise<Browser> {
  return chromium.launch({ executablePath: PATH, args: ARGS });
}

function findBrowser(): boolean {
  if (existsSync(PATH)) return true;
  const why = `there is no browser at ${PATH}: install Chromium, or set SLOTCASK_CHROMIUM`;
  if (process.env.SLOTCASK_INTEROP === "required") throw new Error(`Cannot test the page: ${why}`);
  console.log(`browser tests are skipped: ${why}`);
  return false;
}
