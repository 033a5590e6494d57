/** An application that reads the replica, at any moment, and knows what it may be told. */

import type { Following } from "../../src/replica/following.ts";
import { EPOCH_MS } from "./clock.ts";
import type { LeaderHost } from "./leader_host.ts";
import { keyOf, keyText, text } from "./leader_store.ts";
import type { Plan } from "./plan.ts";
import type { Random } from "./random.ts";

/** Faults that make a frame arrive long after it was sent: what it proves is as old. */
const DELAYING = ["stall", "slow", "frozen", "flood"] as const;

/** See the head of this file. */
export class Reader {
  readonly #plan: Plan;
  readonly #leader: LeaderHost;
  readonly #random: Random;
  /** How much older than "fresh" an answer may be, in ms; undefined where nothing can be said. */
  readonly #slackMs: number | undefined;

  constructor(plan: Plan, leader: LeaderHost, random: Random) {
    this.#plan = plan;
    this.#leader = leader;
    this.#random = random;
    this.#slackMs = slackOf(plan);
  }

  /** Reads one key, or now and then all of them. Throws where an answer is wrong. */
  read(following: Following): void {
    if (following.target.directory === undefined) return;
    if (this.#random.chance(0.05)) this.#readAll(following);
    else this.#readOne(following);
  }

  #readOne(following: Following): void {
    const { keyLength } = this.#plan.shape;
    // Some keys that nobody ever put.
    const key = keyOf(this.#random.below(this.#plan.keys + 2), keyLength);
    const store = following.store("read");
    const { found, value, shard, slot } = store.lookup(key);
    // Where nothing is kept in memory, the second read may come upon an error of its own.
    if (this.#plan.storage === "resident" && (found === "yes") !== store.has(key, { partial: true })) {
      throw new Error(`lookup says ${found}, has the contrary`);
    }
    if (found === "unknown") return;
    const name = `key ${text(key, 0, 2).charCodeAt(0)}`;
    if (found === "yes" && !this.#leader.history.had(keyText(key, keyLength), text(value!))) {
      throw new Error(`${name} is served with a value that no leader had for it`);
    }
    const freshAtMs = following.links.links[shard]?.freshAtMs;
    if (this.#slackMs === undefined || freshAtMs === undefined || this.#leader.hasDropped) return;
    // Slots that the last scan did not see are freed by the next one.
    if (slot !== undefined && following.target.directory!.store.shards[shard].suspects.has(slot)) return;
    const sinceMs = freshAtMs - EPOCH_MS - this.#slackMs;
    const served = found === "yes" ? text(value!) : undefined;
    if (this.#leader.history.wasSince(keyText(key, keyLength), served, sinceMs)) return;
    throw new Error(
      `${name} is answered ${found} at ${this.#leader.clock.now.toFixed(1)}, which was true no more ` +
        `at ${sinceMs.toFixed(1)}, and shard ${shard} says it was current ${this.#slackMs} ms later`,
    );
  }

  #readAll(following: Following): void {
    const store = following.store("read");
    const seen = new Set<string>();
    for (const [key, value] of store.entries()) {
      const name = text(key);
      if (seen.has(name)) throw new Error(`entries gives key ${key} twice`);
      seen.add(name);
      if (!this.#leader.history.had(name, text(value))) {
        throw new Error(`entries gives a phantom for key ${key}`);
      }
    }
  }
}

/** How long the slowest frame of a plan is under way, roughly; a store that syncs each batch may lag without end. */
function slackOf({ weights, sync, costMs, network, leader, growStep, keys }: Plan): number | undefined {
  if (DELAYING.some((fault) => weights[fault] > 0) || sync === "batch" || costMs > 0.1) return undefined;
  const slots = growStep + keys;
  const steps = slots / leader.chunkSlots + slots / leader.scanBatch + 1;
  const roundTripMs = 2 * (network.delayMs + network.jitterMs);
  return 1000 + 2 * roundTripMs + steps * (leader.scanMs + roundTripMs);
}
