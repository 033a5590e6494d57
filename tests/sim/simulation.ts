/**
 * One simulation: a follower and a leader in a world that goes wrong for a while, and then is quiet.
 *
 * The follower is the product's own, from the session to the slot files; time, network, disk and leader are models
 * that draw all chance from the seed. What must hold is asked after each thing that happens.
 */

import { StorageError } from "../../src/errors.ts";
import { VirtualClock } from "./clock.ts";
import { SimDisk } from "./disk.ts";
import { doFault, type World } from "./faults.ts";
import { FollowerHost, REPLICA } from "./follower_host.ts";
import { difference } from "./invariants.ts";
import { LeaderHost } from "./leader_host.ts";
import { SimNetwork } from "./network.ts";
import { drawPlan, type Plan } from "./plan.ts";
import { Random } from "./random.ts";
import { Reader } from "./reader.ts";
import { Trace } from "./trace.ts";

/** How long the quiet may last until all is equal, in virtual ms; v1's own repairs take minutes. */
const QUIET_LIMIT_MS = 20 * 60_000;
/** More than any simulation takes that comes to its end. */
const MOST_EVENTS = 1_000_000;
/** The mean time between two reads of the application. */
const READ_EVERY_MS = 15;
/** Between two looks at whether all is equal. */
const LOOK_EVERY_MS = 200;

/** What a simulation came to. */
export interface Outcome {
  seed: number;
  /** Why it failed; undefined where all held. */
  error: Error | undefined;
  /** Of all that happened. */
  hash: string;
  /** The last lines of the trace. */
  lines: readonly string[];
  /** Things that happened; faults; virtual ms. */
  events: number;
  faults: Partial<Record<string, number>>;
  virtualMs: number;
  plan: Plan;
}

/** See the head of this file. */
export class Simulation {
  readonly trace = new Trace();
  readonly plan: Plan;
  readonly #seed: number;
  readonly #clock: VirtualClock;
  readonly #world: World;
  readonly #faults: Partial<Record<string, number>> = {};
  readonly #reader: Reader;
  readonly #readRandom: Random;
  /** What a reader was answered that cannot be. */
  #wrong: Error | undefined;
  #isQuiet = false;

  /** A simulation that begins with {@link run}. */
  constructor(seed: number) {
    this.#seed = seed;
    const plan = this.plan = drawPlan(new Random(seed, 0));
    const clock = this.#clock = new VirtualClock(new Random(seed, 1));
    const random = new Random(seed, 2);
    const network = new SimNetwork(clock, new Random(seed, 3), plan.network);
    const disk = new SimDisk(clock, new Random(seed, 4), plan.disk);
    disk.makeRoot(REPLICA);
    const leader = new LeaderHost(clock, new Random(seed, 5), network, plan, this.trace);
    const follower = new FollowerHost(clock, network, disk, leader.history, plan, this.trace);
    follower.isLeaderWell = () => leader.isWell;
    follower.mayGoBack = () => leader.hasContradicted;
    this.#world = { clock, random, network, disk, leader, follower, trace: this.trace };
    this.#readRandom = new Random(seed, 6);
    this.#reader = new Reader(plan, leader, this.#readRandom);
    clock.costMs = plan.costMs;
  }

  /** Runs it; never rejects. One at a time in a process: it takes the place of the global timers. */
  async run(): Promise<Outcome> {
    let error: Error | undefined;
    this.#clock.install();
    try {
      await this.#live();
    } catch (thrown) {
      error = thrown instanceof Error ? thrown : new Error(String(thrown));
    } finally {
      this.#clock.uninstall();
    }
    const { events, now } = this.#clock;
    const { hash, lines } = this.trace;
    const faults = this.#faults;
    return { seed: this.#seed, error, hash, lines, events, faults, virtualMs: now, plan: this.plan };
  }

  async #live(): Promise<void> {
    const { leader, follower } = this.#world;
    const stamp = this.trace.add.bind(this.trace);
    this.trace.add = (line) => stamp(`${this.#clock.now.toFixed(3)} ${line}`);
    leader.start();
    follower.start();
    this.#writeOnAndOn();
    this.#failOnAndOn();
    this.#readOnAndOn();
    while (this.#clock.now < this.plan.chaosMs) await this.#step(this.plan.chaosMs);
    this.#calmDown();
    await this.#untilEqual();
    follower.check(true);
    await this.#closeAndReopen();
  }

  async #step(limit: number): Promise<void> {
    if (this.#clock.events > MOST_EVENTS) throw new Error(`it goes on and on: ${MOST_EVENTS} events`);
    await this.#clock.step(limit);
    this.#world.follower.check();
    const wrong = this.#wrong ?? this.#world.follower.broken;
    if (wrong !== undefined) throw wrong;
  }

  #writeOnAndOn(): void {
    const { clock, leader } = this.#world;
    clock.after(leader.random.float() * 2 * this.plan.writeEveryMs, () => {
      if (this.#isQuiet) return;
      if (leader.isWell) {
        for (let i = leader.random.pick([1, 1, 1, 5]); i > 0; i--) leader.write();
        if (leader.random.chance(0.02)) leader.remember();
      }
      this.#writeOnAndOn();
    });
  }

  #failOnAndOn(): void {
    const { clock, random } = this.#world;
    clock.after(random.float() * 2 * this.plan.faultEveryMs, () => {
      if (this.#isQuiet) return;
      const fault = random.weighted(this.plan.weights);
      this.#faults[fault] = (this.#faults[fault] ?? 0) + 1;
      doFault(this.#world, fault);
      this.#failOnAndOn();
    });
  }

  #readOnAndOn(): void {
    const { clock, follower, disk } = this.#world;
    clock.after(this.#readRandom.float() * 2 * READ_EVERY_MS, () => {
      if (follower.following !== undefined && !disk.isDead) {
        try {
          this.#reader.read(follower.following);
        } catch (error) {
          // That the disk refuses a read is no wrong answer.
          if (!(error instanceof StorageError)) this.#wrong ??= error as Error;
        }
      }
      this.#readOnAndOn();
    });
  }

  /** From now on all is well, but for what has come of it. */
  #calmDown(): void {
    const { network, disk, leader, follower } = this.#world;
    this.trace.add("quiet");
    this.#isQuiet = true;
    Object.assign(network.temper, network.calm);
    Object.assign(disk.temper, disk.calm);
    for (const socket of network.sockets) socket.stalledUntil = 0;
    if (!disk.isDead) disk.writesLeft = Infinity;
    leader.settle();
    follower.following?.links.resume();
  }

  async #untilEqual(): Promise<void> {
    const limit = this.#clock.now + QUIET_LIMIT_MS;
    let problem: string | undefined = "not looked at";
    while (problem !== undefined) {
      if (this.#clock.now >= limit) {
        throw new Error(`not equal after ${QUIET_LIMIT_MS} ms of quiet: ${problem}`);
      }
      const next = this.#clock.now + LOOK_EVERY_MS;
      while (this.#clock.now < next) await this.#step(next);
      problem = this.#problem();
    }
    this.trace.add("equal");
  }

  /** Why the follower is not as the leader; undefined where it is, and says so. */
  #problem(): string | undefined {
    const { follower, leader, disk } = this.#world;
    const { following } = follower;
    if (following?.target.directory === undefined) return "there is no follower";
    const { shards } = following.target.directory.store;
    const { phase, complete } = following.status();
    if (phase === "diverged") this.#acceptDivergence();
    if (phase !== "live" && phase !== "catch-up-only") return `phase is ${phase}`;
    if (!complete) return "it is not complete";
    let problem: string | undefined;
    disk.quietly(() => {
      for (const shard of shards) {
        const found = difference(shard, leader.store.shards[shard.id]);
        if (found !== undefined) problem = `shard ${shard.id}: ${found}`;
      }
    });
    return problem ?? follower.watcher!.difference(leader.store.shards);
  }

  /** As an operator does who has looked into it. */
  #acceptDivergence(): void {
    const { follower, leader } = this.#world;
    if (!leader.hasContradicted) throw new Error("diverged, although the leader never contradicted itself");
    if (follower.onDivergence === "accept") throw new Error("diverged, although all is accepted");
    follower.onDivergence = "accept";
    void follower.reopen();
  }

  /** What was closed cleanly is all there when it is opened again, with no leader. */
  async #closeAndReopen(): Promise<void> {
    const { follower, leader, disk } = this.#world;
    leader.leader?.stop(true);
    const starts = follower.starts;
    let isClosed = false;
    void follower.reopen().then(() => isClosed = true);
    const limit = this.#clock.now + 10_000;
    while (
      (!isClosed || follower.starts === starts || follower.following === undefined) && this.#clock.now < limit
    ) {
      await this.#step(limit);
    }
    const shards = follower.following?.target.directory?.store.shards;
    if (shards === undefined) throw new Error("the follower cannot be opened again");
    disk.quietly(() => {
      for (const shard of shards) {
        const found = difference(shard, leader.store.shards[shard.id]);
        if (found !== undefined) throw new Error(`after a clean close shard ${shard.id}: ${found}`);
      }
    });
    follower.kill("kill");
  }
}
