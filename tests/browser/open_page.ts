/** The admin's page in a tab of its own, and what it complained about. */
import type { Browser, BrowserContext, Page } from "playwright-core";

import { until } from "../harness/until.ts";

/** Within this, everything that is awaited comes. */
export const SOON_MS = 15_000;
/** A case's limit: real processes and a browser on a busy machine. */
export const LIMIT_MS = 40_000;

/** How a tab is opened. */
export interface OpenOptions {
  /** CSS pixels; default 1280 by 900. */
  viewport?: { width: number; height: number };
  /** Default `light`. */
  colorScheme?: "light" | "dark";
}

/** A tab with the page. Dispose it. */
export class OpenPage implements AsyncDisposable {
  /** Errors and warnings of the console, violations of the policy and errors that nobody caught. */
  readonly complaints: string[] = [];
  /** Addresses that were asked, in order. */
  readonly requests: string[] = [];

  private constructor(readonly page: Page, readonly context: BrowserContext) {
    page.on("console", (message) => {
      if (["error", "warning"].includes(message.type())) this.complaints.push(message.text());
    });
    page.on("pageerror", (error) => this.complaints.push(error.message));
    page.on("request", (request) => this.requests.push(request.url()));
  }

  /** Opens a tab that shares nothing with others. */
  static async open(browser: Browser, url: string, options: OpenOptions = {}): Promise<OpenPage> {
    const { viewport = { width: 1280, height: 900 }, colorScheme = "light" } = options;
    const context = await browser.newContext({ viewport, colorScheme });
    context.setDefaultTimeout(SOON_MS);
    const opened = new OpenPage(await context.newPage(), context);
    await opened.page.goto(url);
    return opened;
  }

  /** The text of an element. */
  async text(selector: string): Promise<string> {
    return await this.page.locator(selector).textContent() ?? "";
  }

  /** Resolves once an element's text fits. */
  async shows(selector: string, expected: string | RegExp): Promise<void> {
    let text = "";
    const fits = async () => {
      text = await this.text(selector);
      return typeof expected === "string" ? text.includes(expected) : expected.test(text);
    };
    await until(fits, SOON_MS).catch(() => {
      throw new Error(`${selector} shows ${JSON.stringify(text)}, not ${expected}`);
    });
  }

  /** Asks for an action by its button, and confirms it. */
  async act(button: string, leader?: string): Promise<void> {
    await this.page.getByRole("button", { name: button, exact: true }).click();
    const dialog = this.page.getByRole("dialog");
    if (leader !== undefined) await dialog.getByRole("textbox").fill(leader);
    await dialog.getByRole("button", { name: button, exact: true }).click();
  }

  /** How far the page is wider than its window, in CSS pixels. */
  overflow(): Promise<number> {
    return this.page.evaluate(() => {
      // Deno's types have no document.
      const { documentElement } = (globalThis as unknown as {
        document: { documentElement: { scrollWidth: number; clientWidth: number } };
      }).document;
      return documentElement.scrollWidth - documentElement.clientWidth;
    });
  }

  /** Closes the tab. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.context.close();
  }
}
