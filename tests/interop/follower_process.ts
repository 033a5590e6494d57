/** Our follower in a process of its own, under the runtime that runs the test: see children/follow.ts. */
import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import process from "node:process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

import { runFlags } from "../harness/runtimes.ts";
import { until } from "../harness/until.ts";
import { type RealLeader, SOON_MS } from "./stage.ts";

const SCRIPT = fileURLToPath(new URL("./children/follow.ts", import.meta.url));

/** Kill it. */
export class FollowerProcess {
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #lines: AsyncIterator<string>;
  readonly #ended: Promise<unknown>;
  #stderr = "";

  private constructor(child: ChildProcessWithoutNullStreams) {
    this.#child = child;
    this.#ended = new Promise((resolve) => child.once("close", resolve));
    this.#lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
    child.stdin.on("error", () => {});
    child.stderr.setEncoding("utf8").on("data", (text: string) => this.#stderr += text);
  }

  /** Starts it, and waits until it serves what it has. */
  static async start(leader: string, dir: string, storage = "resident"): Promise<FollowerProcess> {
    const args = [...runFlags(), SCRIPT, leader, dir, storage];
    const follower = new FollowerProcess(spawn(process.execPath, args, { stdio: ["pipe", "pipe", "pipe"] }));
    await follower.#expect("following");
    return follower;
  }

  /** Resolves once it has caught up. */
  async caughtUp(): Promise<void> {
    await this.#expect("caught-up");
  }

  /** Resolves once it holds what its leader holds, and has synced to disk. */
  async untilSame(leader: RealLeader): Promise<void> {
    const wanted = createHash("sha256").update(await leader.dump()).digest("hex");
    await until(
      async () => {
        this.#child.stdin.write("?\n");
        const [digest, , synced] = (await this.#line() ?? "").split(" ");
        return digest === wanted && Number(synced) > 0;
      },
      SOON_MS,
      "the follower's process to hold the same",
    );
  }

  /** kill -9 and wait until it is gone. */
  async kill(): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.#ended;
  }

  async #expect(word: string): Promise<void> {
    const line = await this.#line();
    if (line !== word) throw new Error(`The follower's process said ${line}, not ${word}: ${this.#stderr}`);
  }

  async #line(): Promise<string | undefined> {
    const { value, done } = await this.#lines.next();
    return done ? undefined : value;
  }
}
