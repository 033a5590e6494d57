/** One leader, a proxy before it, and a follower in a process of its own behind that: one side of a soak. */
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

import { processMemory } from "../../bench/process_memory.ts";
import type { StorageKind } from "../../src/storage/slot_file.ts";
import type { Proxy } from "../fakes/proxy.ts";
import { runFlags, type RuntimeName, runtimePath } from "../harness/runtimes.ts";
import { until } from "../harness/until.ts";
import { slotDifferences } from "../interop/equal.ts";
import { type RealLeader, Stage } from "../interop/stage.ts";
import { SOAK_SHAPE, type SoakerSample } from "./soak_shape.ts";

const SCRIPT = fileURLToPath(new URL("./children/soaker.ts", import.meta.url));
const SHARDS = 2;
const DELETE_PERCENT = 30;
/** Within this, all that is awaited comes. */
const PATIENCE_MS = 60_000;

/** How a side is driven. */
export interface SideOptions {
  runtime: RuntimeName;
  storage: StorageKind;
  /** Keys that the churn goes over. */
  keyspace: number;
  /** Operations a second. */
  rate: number;
  seed: number;
}

/** What is measured of a follower at a moment. */
export interface Sample extends SoakerSample {
  /** Seconds since the side was started. */
  atS: number;
  rssMb: number;
  /** Open file descriptors. */
  descriptors: number;
}

/** See the head of this file. */
export class Side {
  readonly samples: Sample[] = [];
  readonly #options: SideOptions;
  readonly #leader: RealLeader;
  readonly #proxy: Proxy;
  readonly #dir: string;
  readonly #child: ReturnType<typeof spawnSoaker>;
  readonly #lines: AsyncIterator<string>;
  readonly #started = performance.now();
  #stderr = "";

  private constructor(options: SideOptions, leader: RealLeader, proxy: Proxy, stage: Stage) {
    this.#options = options;
    this.#leader = leader;
    this.#proxy = proxy;
    this.#dir = join(stage.dir, options.runtime);
    this.#child = spawnSoaker(options, proxy.address, this.#dir);
    this.#child.stdin.on("error", () => {});
    this.#child.stderr.setEncoding("utf8").on("data", (text: string) => this.#stderr += text);
    this.#lines = createInterface({ input: this.#child.stdout })[Symbol.asyncIterator]();
    const ended = once(this.#child, "close");
    stage.onEnd(async () => {
      this.#child.kill("SIGKILL");
      await ended;
    });
  }

  /** Starts all three, and the churn; resolves once the follower has caught up. */
  static async start(stage: Stage, options: SideOptions): Promise<Side> {
    const { keyspace, seed, runtime } = options;
    const leader = await stage.leader(2, {
      shape: SOAK_SHAPE,
      shards: SHARDS,
      fill: keyspace,
      seed,
      name: `leader-${runtime}`,
    });
    const side = new Side(options, leader, await stage.proxy(leader.address), stage);
    await side.#line("caught-up");
    await leader.command(`churn ${options.rate} 0 ${side.#mix}`);
    return side;
  }

  /** The runtime of the follower. */
  get runtime(): RuntimeName {
    return this.#options.runtime;
  }

  /** Cuts all connections. */
  cut(): void {
    this.#proxy.cut();
  }

  /** Has the leader write so many operations at full speed: more than its queue holds. */
  async burst(count: number): Promise<void> {
    await this.#leader.command(`burst ${count} ${this.#mix}`);
  }

  /** Measures, and keeps it among the samples. */
  async sample(): Promise<Sample> {
    const sample = await this.#measure();
    this.samples.push(sample);
    return sample;
  }

  async #measure(): Promise<Sample> {
    const told: SoakerSample = JSON.parse(await this.#ask("sample"));
    const { rssMb } = processMemory(this.#child.pid!);
    const descriptors = readdirSync(`/proc/${this.#child.pid}/fd`).length;
    return { atS: (performance.now() - this.#started) / 1000, rssMb, descriptors, ...told };
  }

  /**
   * Lets the leader stand still and waits until the follower holds the same, in memory and in its files; then closes
   * it. Answers what is wrong, in words; undefined if nothing is.
   */
  async settle(): Promise<string | undefined> {
    await this.#leader.command("stop-churn");
    const digest = createHash("sha256").update(await this.#leader.dump()).digest("hex");
    try {
      await until(async () => (await this.#measure()).phase === "live", PATIENCE_MS);
      // Kept: what comes next takes memory for the comparison.
      await this.sample();
      await until(async () => (await this.#ask("state")).startsWith(digest), PATIENCE_MS);
    } catch {
      return `is not what the leader holds: ${JSON.stringify(await this.#measure())}`;
    }
    const closed = await this.#ask("close");
    await this.#leader.command("flush");
    if (closed !== "closed ") return `was not closed cleanly: ${closed}`;
    const differences = slotDifferences(this.#leader.dir, this.#dir, SHARDS, { otherMetas: false });
    if (differences.length > 0) return `its files differ: ${differences.join("; ")}`;
    return this.#stderr === "" ? undefined : `wrote to standard error: ${this.#stderr}`;
  }

  get #mix(): string {
    return `${this.#options.keyspace} ${this.#options.seed} ${DELETE_PERCENT}`;
  }

  async #ask(line: string): Promise<string> {
    this.#child.stdin.write(`${line}\n`);
    return await this.#line();
  }

  async #line(expected?: string): Promise<string> {
    const { value, done } = await this.#lines.next();
    if (done || (expected !== undefined && value !== expected)) {
      throw new Error(`The ${this.runtime} follower said ${value}: ${this.#stderr}`);
    }
    return value;
  }
}

function spawnSoaker({ runtime, storage, keyspace, seed }: SideOptions, leader: string, dir: string) {
  const numbers = [keyspace, seed, DELETE_PERCENT].map(String);
  const args = [...runFlags(runtime), SCRIPT, leader, dir, storage, ...numbers];
  return spawn(runtimePath(runtime)!, args, { stdio: ["pipe", "pipe", "pipe"] });
}
