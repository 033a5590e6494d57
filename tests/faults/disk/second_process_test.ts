import { describe, expect, test } from "bun:test";
import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import process from "node:process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

import { keyOf, valueOf } from "../../fakes/leader_frames.ts";
import { rejection } from "../../harness/failures.ts";
import { until } from "../../harness/until.ts";
import { runFlags } from "../../harness/runtimes.ts";
import { DiskStage, dump, PATIENCE_MS, range } from "./stage.ts";

const SCRIPT = fileURLToPath(new URL("./children/second.ts", import.meta.url));

/** A process that wants the directory too. */
class Second implements AsyncDisposable {
  /** What it said. */
  readonly said: Promise<string>;
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #ended: Promise<unknown>;

  constructor({ leader, dir }: DiskStage) {
    this.#child = spawn(process.execPath, [...runFlags(), SCRIPT, leader.address, dir]);
    this.#ended = new Promise((resolve) => this.#child.once("close", resolve));
    const lines = createInterface({ input: this.#child.stdout })[Symbol.asyncIterator]();
    this.said = lines.next().then(({ value }) => String(value));
    this.#child.stderr.resume();
  }

  get pid(): number {
    return this.#child.pid!;
  }

  /** kill -9. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.#ended;
  }
}

describe("a directory that a process follows into", () => {
  test("is not another one's, which harms nothing", async () => {
    await using stage = await DiskStage.live();
    await using second = new Second(stage);
    expect(await second.said).toBe(
      `LockedError: Cannot lock ${stage.dir}: db.lock is held by process ${process.pid}`,
    );
    stage.put(2, range(50));
    await stage.healed();
    expect(await stage.follower.close()).toEqual([]);
  }, 15_000);

  test("is taken over after a kill -9, with all that it holds", async () => {
    await using stage = await DiskStage.set();
    {
      await using second = new Second(stage);
      expect(await second.said).toBe(`held ${second.pid}`);
      const error = await rejection(stage.follow());
      expect([error.name, error.message]).toEqual([
        "LockedError",
        `Cannot lock ${stage.dir}: db.lock is held by process ${second.pid}`,
      ]);
    }
    await stage.follow({}, "127.0.0.1:1");
    expect(dump(stage.follower.entries())).toBe(dump(stage.leader.store.entries()));
    await stage.follower.close();
    await stage.follow();
    stage.put(3, range(20));
    await until(() => stage.follower.lookup(keyOf(7)).value?.[0] === valueOf(3)[0], PATIENCE_MS);
    await stage.healed();
  }, 15_000);
});
