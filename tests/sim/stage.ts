/** The parts of a simulation without its chance: for tests that say themselves what happens, and when. */

import { VirtualClock } from "./clock.ts";
import { SimDisk } from "./disk.ts";
import { FollowerHost, REPLICA } from "./follower_host.ts";
import { difference } from "./invariants.ts";
import { LeaderHost } from "./leader_host.ts";
import { SimNetwork } from "./network.ts";
import { drawPlan, type Plan } from "./plan.ts";
import { Random } from "./random.ts";
import { Trace } from "./trace.ts";

/** A quiet world: one shard of 8 keys, protocol 2, resident, nothing slow. */
export function quietPlan(changes: Partial<Plan> = {}): Plan {
  return {
    ...drawPlan(new Random(1)),
    shape: { shardCount: 1, keyLength: 8, valueLength: 16, prefixBits: 0 },
    keys: 8,
    growStep: 8,
    firstVersion: 0,
    leader: { protocol: 2, queueEvents: 8192, chunkSlots: 2048, scanBatch: 256, scanMs: 0.1 },
    storage: "resident",
    sync: 50,
    nudgeMs: false,
    onDivergence: "accept",
    rescanMs: 5000,
    suspectMs: 1000,
    network: { delayMs: 0.1, jitterMs: 0.1, pieces: 1, refuse: 0, hang: 0 },
    disk: { readError: 0, writeError: 0, isFull: false, syncError: 0, syncMs: 0.5 },
    costMs: 0,
    ...changes,
  };
}

/** See the head of this file. It takes the place of the global timers until it is disposed of. */
export class Stage implements Disposable {
  readonly clock = new VirtualClock(new Random(1, 1));
  readonly network: SimNetwork;
  readonly disk: SimDisk;
  readonly leader: LeaderHost;
  readonly follower: FollowerHost;

  /** A leader that runs, and a follower that has just been started. */
  constructor(plan: Plan = quietPlan()) {
    this.clock.install();
    this.network = new SimNetwork(this.clock, new Random(1, 3), plan.network);
    this.disk = new SimDisk(this.clock, new Random(1, 4), plan.disk);
    this.disk.makeRoot(REPLICA);
    const trace = new Trace();
    this.leader = new LeaderHost(this.clock, new Random(1, 5), this.network, plan, trace);
    this.follower = new FollowerHost(this.clock, this.network, this.disk, this.leader.history, plan, trace);
    this.leader.start();
    this.follower.start();
  }

  /** Lets so many virtual ms pass, and checks what must hold at each step. */
  async pass(ms: number): Promise<void> {
    const end = this.clock.now + ms;
    while (this.clock.now < end) {
      await this.clock.step(end);
      this.follower.check();
      if (this.follower.broken !== undefined) throw this.follower.broken;
    }
  }

  /** How the follower differs from the leader; undefined where it does not, and serves. */
  get difference(): string | undefined {
    const store = this.follower.following?.target.directory?.store;
    if (store === undefined) return "there is no follower";
    return difference(store.shards[0], this.leader.store.shards[0]) ??
      this.follower.watcher!.difference(this.leader.store.shards);
  }

  [Symbol.dispose](): void {
    this.clock.uninstall();
  }
}
