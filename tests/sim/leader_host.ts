/** The place where the leader runs: it is written to, stops, comes back with what it had, or with something else. */

import { FREE, statusOf } from "../../src/fixed/meta.ts";
import type { Shape } from "../../src/slot_events.ts";
import type { VirtualClock } from "./clock.ts";
import { LeaderModel, type LeaderOptions } from "./leader_model.ts";
import { History, type LeaderShard, type LeaderSlot, LeaderStore } from "./leader_store.ts";
import type { SimNetwork } from "./network.ts";
import type { Plan } from "./plan.ts";
import type { Random } from "./random.ts";
import type { Trace } from "./trace.ts";

/** What a leader comes back with. */
export type Comeback = "same" | "older" | "torn" | "wiped" | "replaced" | "reshaped" | "upgraded";

/** See the head of this file. */
export class LeaderHost {
  /** All that was ever held here. */
  readonly history: History;
  /** The data of the right shape. */
  store: LeaderStore;
  /** The leader that runs. */
  leader: LeaderModel | undefined;
  /** Whether it has ever contradicted what it said before. */
  hasContradicted = false;
  /** Whether a leader of protocol 1 may have dropped events, and so sent less than it held. */
  get hasDropped(): boolean {
    return this.#dropped + (this.leader?.dropped ?? 0) > 0;
  }

  #dropped = 0;
  readonly #options: LeaderOptions;
  readonly #stamp = { next: 1 };
  #older: LeaderShard[];
  #isDue = false;

  constructor(
    readonly clock: VirtualClock,
    readonly random: Random,
    readonly network: SimNetwork,
    readonly plan: Plan,
    readonly trace: Trace,
  ) {
    this.#options = { ...plan.leader };
    this.history = new History(() => clock.now);
    this.store = this.#newStore(plan.shape);
    for (let i = random.below(2 * plan.keys); i > 0; i--) this.write();
    this.#older = this.store.snapshot();
  }

  /** Whether it has the right shape and answers. */
  get isWell(): boolean {
    return this.leader?.store === this.store;
  }

  /** Starts with the data that it has. */
  start(store: LeaderStore = this.store): void {
    const { clock, random, network } = this;
    this.#isDue = false;
    this.leader = new LeaderModel(clock, random, network, store, this.#options);
    this.trace.add(`leader starts, protocol ${this.#options.protocol}`);
  }

  /** Stops; comes back after so many ms. */
  stop(how: { isKilled: boolean; comeback: Comeback; afterMs: number }): void {
    if (this.leader === undefined) return;
    this.trace.add(`leader ${how.isKilled ? "is killed" : "stops"}, comes back ${how.comeback}`);
    this.#dropped += this.leader.dropped;
    this.leader.stop(how.isKilled);
    if (this.leader.hasSentPartialScan) this.hasContradicted = true;
    this.leader = undefined;
    this.#isDue = true;
    this.clock.after(how.afterMs, () => this.#isDue && this.#comeBack(how.comeback));
  }

  /** Whatever was to come: it runs now, with the data of the right shape. */
  settle(): void {
    this.#isDue = false;
    if (!this.isWell) {
      this.leader?.stop(true);
      this.start();
    }
  }

  /** One write, as an application does them. */
  write(): void {
    const { random, plan } = this;
    const id = random.below(plan.keys);
    if (random.chance(plan.deletes)) this.store.delete(id);
    else this.store.put(id);
  }

  /** Keeps the data of this moment, to lose what comes behind it. */
  remember(): void {
    this.#older = this.store.snapshot();
  }

  /** A write was torn: protocol 2 opens such a slot as FREE of the same version; 1 would send what is left of it. */
  #tear(): void {
    if (this.#options.protocol === 1) return;
    const shard = this.random.pick(this.store.shards);
    shard.tear(this.random.below(shard.slots.length));
  }

  #comeBack(comeback: Comeback): void {
    const { plan, random } = this;
    if (["older", "wiped", "replaced"].includes(comeback)) this.hasContradicted = true;
    if (comeback === "torn") this.#tear();
    if (comeback === "older") this.store.restore(this.#older);
    if (comeback === "wiped" || comeback === "replaced") {
      this.store = this.#newStore(plan.shape);
      if (comeback === "replaced") { for (let i = random.below(3 * plan.keys); i > 0; i--) this.write(); }
      this.remember();
    }
    if (comeback !== "same" && comeback !== "upgraded") this.history.align(this.store.shards);
    if (comeback === "upgraded") this.#changeProtocol();
    if (comeback !== "reshaped") return this.start();
    const { shape } = plan;
    this.start(this.#newStore({ ...shape, shardCount: random.pick([shape.shardCount, 4]), valueLength: 12 }));
  }

  #changeProtocol(): void {
    this.#options.protocol = this.#options.protocol === 1 ? 2 : 1;
    // Protocol 1 says nothing of a slot that was torn: a copy that was not told before holds a key that is gone.
    const isTorn = ({ meta }: LeaderSlot) => meta !== 0 && statusOf(meta) === FREE;
    if (this.#options.protocol === 1 && this.store.shards.some(({ slots }) => slots.some(isTorn))) {
      this.hasContradicted = true;
    }
  }

  #newStore(shape: Shape): LeaderStore {
    const { growStep, firstVersion } = this.plan;
    return new LeaderStore(shape, { growStep, firstVersion, history: this.history, stamp: this.#stamp });
  }
}
