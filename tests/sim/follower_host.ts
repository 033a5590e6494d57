/** The process that follows: it is started, killed, loses power, is closed and opened again on what is left. */

import { ShapeError } from "../../src/errors.ts";
import { resolveFollowOptions } from "../../src/replica/follow_options.ts";
import { Following } from "../../src/replica/following.ts";
import type { Runtime } from "../../src/runtime/runtime.ts";
import type { VirtualClock } from "./clock.ts";
import type { SimDisk } from "./disk.ts";
import { Invariants } from "./invariants.ts";
import type { History } from "./leader_store.ts";
import type { SimNetwork } from "./network.ts";
import type { Plan } from "./plan.ts";
import type { Trace } from "./trace.ts";
import type { Promises } from "./promises.ts";
import { SimWatcher } from "./watcher.ts";

/** The replica's directory. */
export const REPLICA = "disk/replica";
/** What `close` promises, in ms. */
const CLOSE_LIMIT_MS = 2000;
/** Between the end of a process and the next, in ms. */
const RESTART_MS = 1000;

/** See the head of this file. */
export class FollowerHost {
  /** The follower that runs, once it has opened its directory. */
  following: Following | undefined;
  /** Processes that were started. */
  starts = 0;
  /** What it has promised and not kept. */
  broken: Error | undefined;
  /** Who watches it. */
  watcher: SimWatcher | undefined;
  /** What to do about a leader that contradicts the copy, from the next start on. */
  onDivergence: Plan["onDivergence"];
  /** Whether a leader of the right shape runs. */
  isLeaderWell: () => boolean = () => true;
  /** Whether the leader may have sent older states than before. */
  mayGoBack: () => boolean = () => true;
  #invariants: Invariants | undefined;
  /** What the process before has promised. */
  #promises: Promises[] = [];
  /** Tells the process that was started last from those before it. */
  #generation = 0;

  constructor(
    readonly clock: VirtualClock,
    readonly network: SimNetwork,
    readonly disk: SimDisk,
    readonly history: History,
    readonly plan: Plan,
    readonly trace: Trace,
  ) {
    this.onDivergence = plan.onDivergence;
  }

  /** Starts a process; one that cannot open its directory, or is stopped for good, is started again later. */
  start(): void {
    const generation = ++this.#generation;
    const isMine = () => generation === this.#generation;
    this.starts++;
    this.trace.add(`follower starts (${this.starts})`);
    this.#follow(isMine).then((following) => {
      if (!isMine()) return;
      this.following = following;
      this.#invariants = new Invariants(this.history, () => this.mayGoBack());
      this.#checkPromises(following);
      this.watcher = new SimWatcher(following, this.plan.watchQueue);
      following.closed.catch((error) => isMine() && this.#stopped(error));
    }, (error) => isMine() && this.#stopped(error));
  }

  /** Checks what must hold. */
  check(all = false): void {
    const { following, disk } = this;
    if (following?.target.directory === undefined || disk.isDead) return;
    disk.quietly(() => this.#invariants!.check(following, { nowMs: this.clock.now, all }));
  }

  #takePromises(how: "kill" | "power-cut"): void {
    const hasRun = this.following?.target.directory !== undefined;
    if (hasRun) this.#promises = this.#invariants!.promises;
    for (const promises of this.#promises) {
      if (this.disk.isDead && this.mayGoBack()) promises.forget();
      if (how === "power-cut") promises.loseUnsynced();
      // What was written survives a process, where the disk took all of it.
      else if (hasRun && this.disk.failures === 0 && !this.disk.isDead) promises.keepAll();
    }
  }

  #checkPromises({ target }: Following): void {
    const promises = this.#promises;
    this.#promises = [];
    for (const shard of target.directory!.store.shards) {
      try {
        promises[shard.id]?.check(shard);
      } catch (error) {
        this.broken ??= error as Error;
      }
    }
  }

  /** The process ends without a word; with the power, what was not synced may be lost. */
  kill(how: "kill" | "power-cut"): void {
    this.trace.add(how);
    this.#takePromises(how);
    this.#generation++;
    this.following = undefined;
    this.clock.killProcess();
    this.network.killProcess();
    if (how === "kill") this.disk.killProcess();
    else this.disk.cutPower();
    this.#startLater(RESTART_MS);
  }

  /** Closes, as an operator does; and opens again. */
  async reopen(): Promise<void> {
    const { following } = this;
    if (following === undefined) return;
    this.trace.add("follower closes");
    this.following = undefined;
    const generation = ++this.#generation;
    const startedAt = this.clock.now;
    const dirty = await following.close();
    if (generation !== this.#generation) return;
    const tookMs = this.clock.now - startedAt;
    // Whoever stands still, or works at a crawl, cannot keep to a time.
    if (tookMs > CLOSE_LIMIT_MS && this.plan.weights.frozen === 0 && this.plan.costMs < 1) {
      this.broken ??= new Error(`close took ${tookMs} ms, the limit is ${CLOSE_LIMIT_MS}`);
    }
    this.trace.add(`follower closed, dirty: ${dirty.join()}`);
    this.#startLater(0);
  }

  #stopped(error: Error): void {
    this.trace.add(`follower stopped: ${error.name}: ${error.message}`);
    const { following } = this;
    const generation = ++this.#generation;
    this.following = undefined;
    const closed = following?.close() ?? Promise.resolve([]);
    closed.then(() => {
      if (generation === this.#generation) this.#startLater(RESTART_MS);
    });
    if (error instanceof ShapeError && this.isLeaderWell()) {
      // A fresh directory took the shape of a leader that was there for a while: an operator removes it.
      this.#mustWipe = true;
    }
  }

  #mustWipe = false;

  /** A new process, if none was started meanwhile: of the one before nothing is left. */
  #startLater(ms: number): void {
    const generation = this.#generation;
    this.clock.after(ms, () => {
      if (generation !== this.#generation) return;
      this.clock.killProcess();
      this.network.killProcess();
      this.disk.killProcess();
      if (this.#mustWipe) {
        this.disk.wipe(REPLICA);
        this.#promises = [];
      }
      this.#mustWipe = false;
      this.start();
    });
  }

  async #follow(isMine: () => boolean): Promise<Following> {
    const { plan, disk, network } = this;
    const runtime = { name: "deno", version: "0", files: disk.files(), network, process: { pid: 1 } };
    const options = resolveFollowOptions({
      dir: REPLICA,
      storage: plan.storage,
      sync: plan.sync,
      nudgeMs: plan.nudgeMs,
      rescanMs: plan.rescanMs,
      rescan: { suspectMs: plan.suspectMs },
      onDivergence: this.onDivergence,
      onEvent: (event) => {
        if (!isMine()) return;
        if (event.type === "phase") this.trace.add(`${event.shard} ${event.phase}`);
        else if (event.type === "notice") this.trace.add(`${event.shard} notice: ${event.message}`);
        else this.trace.add(`${event.shard} end ${event.reason}: ${event.error?.message ?? ""}`);
      },
    });
    const address = { host: "leader", port: 9100 };
    return await Following.start(runtime as unknown as Runtime, address, options);
  }
}
