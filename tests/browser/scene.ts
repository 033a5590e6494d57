/** A real leader, a `follow --admin` of the runtime under test that follows it through a proxy, and a browser. */
import type { Browser } from "playwright-core";

import { adminUrl } from "../cli/following.ts";
import { Program } from "../cli/program.ts";
import type { Proxy } from "../fakes/proxy.ts";
import { canRun, type RealLeader, Stage } from "../interop/stage.ts";
import { hasBrowser, launchBrowser } from "./chromium.ts";
import { type OpenOptions, OpenPage } from "./open_page.ts";

/** Whether there is a browser and a real leader. If not, it has been said why. */
export const canPlay: boolean = canRun && hasBrowser;

/** Keys of the leader at first. */
export const KEYS = 2000;
/** Their seed. */
export const SEED = 1;

/** All that a test of the page needs; dispose it. */
export class Scene implements AsyncDisposable {
  /** The admin's, with a slash at its end. */
  url = "";
  #program: Program | undefined;

  private constructor(
    readonly stage: Stage,
    readonly leader: RealLeader,
    readonly proxy: Proxy,
    readonly browser: Browser,
  ) {}

  /** Starts all; the follower has caught up then. In flags, BACKUPS stands for a folder of the stage. */
  static async start(flags: string[] = []): Promise<Scene> {
    const stage = new Stage();
    try {
      const leader = await stage.leader(2, { shards: 2, fill: KEYS, seed: SEED });
      const proxy = await stage.proxy(leader.address);
      const browser = await launchBrowser();
      stage.onEnd(() => browser.close());
      const scene = new Scene(stage, leader, proxy, browser);
      await scene.follow(flags);
      return scene;
    } catch (error) {
      await stage[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Starts the follower; again at the same address, where it had one. */
  async follow(flags: string[] = []): Promise<void> {
    const admin = this.url === "" ? "127.0.0.1:0" : new URL(this.url).host;
    const args = ["follow", this.proxy.address, "--dir", `${this.stage.dir}/replica`, "--admin", admin];
    args.push(...flags.map((flag) => flag === "BACKUPS" ? `${this.stage.dir}/BACKUPS` : flag));
    const program = this.#program = Program.slotcask(args);
    this.stage.onEnd(() => program[Symbol.asyncDispose]());
    this.url = await adminUrl(program);
    await program.says("caught up: ");
  }

  /** Stops the follower, and its admin with it. */
  async unfollow(): Promise<void> {
    this.#program!.kill("SIGTERM");
    await this.#program!.ended;
  }

  /** Opens the page in a tab of its own. */
  open(options?: OpenOptions): Promise<OpenPage> {
    return OpenPage.open(this.browser, this.url, options);
  }

  /** Ends all, the last one first. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.stage[Symbol.asyncDispose]();
  }
}
