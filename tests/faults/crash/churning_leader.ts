/** A real leader that churns or stands still, and what is known of its keys without asking it. */
import type { PeerVersion } from "../../interop/armdb_peer.ts";
import type { RealLeader, Stage } from "../../interop/stage.ts";
import { type ChurnMix, ChurnModel } from "./churn_model.ts";
import { type Known, STABLE_SEED } from "./judge.ts";

/** Shards of the leader. */
export const SHARDS = 2;
/** Operations of {@linkcode ChurningLeader.writeMissed}. */
export const MISSED = 3000;

/** Slots of 120 bytes: some lie across two pages, so that a kill can tear them. */
const MIX: Omit<ChurnMix, "seed"> = { shape: "8x100", keyspace: 8000, deletePercent: 30 };
const STABLE_KEYS = 500;
const GROWTH_KEYS = 300;
/** Operations a second: a follower carries them, and a scan of 10 to 50 ms sees some hundred. */
const RATE = 4000;
/** A churn does at most so many at once when it is behind. */
const MOST_AT_ONCE = 4096;

/** See the head of this file. */
export class ChurningLeader {
  readonly #leader: RealLeader;
  readonly #mix: ChurnMix;
  readonly #model: ChurnModel;
  #stable = STABLE_KEYS;
  #isQuiet = true;
  /** Of what the bound of the operations is made: time at the rate, begun churns, and bursts. */
  #churnedMs = 0;
  #churns = 0;
  #churningSince = 0;
  #burst = 0;

  private constructor(leader: RealLeader, seed: number) {
    this.#leader = leader;
    this.#mix = { ...MIX, seed };
    this.#model = new ChurnModel(this.#mix);
  }

  /** Starts it with all its keys, standing still. */
  static async start(
    stage: Stage,
    { version, seed }: { version: PeerVersion; seed: number },
  ): Promise<ChurningLeader> {
    const leader = await stage.leader(version, { shape: MIX.shape, shards: SHARDS });
    await leader.command(`fill ${MIX.keyspace} ${seed}`);
    await leader.command(`fill ${STABLE_KEYS} ${STABLE_SEED}`);
    return new ChurningLeader(leader, seed);
  }

  /** Where it serves. */
  get address(): string {
    return this.#leader.address;
  }

  /** Its directory. */
  get dir(): string {
    return this.#leader.dir;
  }

  /** How many keys it has that it never touches again. */
  get stable(): number {
    return this.#stable;
  }

  /** All its keys and values. */
  dump(): Promise<string> {
    return this.#leader.dump();
  }

  /** Has its files written. */
  async flush(): Promise<void> {
    await this.#leader.command("flush");
  }

  /** Churns from now on. */
  async churn(): Promise<void> {
    if (!this.#isQuiet) return;
    this.#isQuiet = false;
    this.#churns++;
    this.#churningSince = performance.now();
    await this.#leader.command(`churn ${RATE} 0 ${this.#operations}`);
  }

  /** Stands still from now on. */
  async stop(): Promise<void> {
    if (this.#isQuiet) return;
    await this.#leader.command("stop-churn");
    this.#churnedMs += performance.now() - this.#churningSince;
    this.#isQuiet = true;
  }

  /** Stands still, and does {@linkcode MISSED} operations: without a follower, only a scan can bring them. */
  async writeMissed(): Promise<void> {
    await this.stop();
    await this.#leader.command(`burst ${MISSED} ${this.#operations}`);
    this.#burst += MISSED;
  }

  /** Puts keys that it never had, so that its files grow. */
  async grow(): Promise<void> {
    await this.#leader.command(`fill ${GROWTH_KEYS} ${STABLE_SEED} 0 ${this.#stable}`);
    this.#stable += GROWTH_KEYS;
  }

  /** What a directory is judged by; `stable` keys must be in a complete one. */
  known(stable: number): Known {
    const churningMs = this.#churnedMs + (this.#isQuiet ? 0 : performance.now() - this.#churningSince);
    const done = Math.ceil(churningMs / 1000 * RATE) + this.#churns * MOST_AT_ONCE + this.#burst;
    return { mix: this.#mix, model: this.#model, shards: SHARDS, done, stable };
  }

  get #operations(): string {
    return `${this.#mix.keyspace} ${this.#mix.seed} ${this.#mix.deletePercent}`;
  }
}
