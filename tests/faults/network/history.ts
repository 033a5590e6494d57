/** All values that a leader ever had for a key: what a follower may serve. */
import { expect } from "bun:test";

import { fillKey, fillValue, operationBase } from "../../interop/armdb_keys.ts";
import { toHex } from "../../interop/equal.ts";
import { splitmix64 } from "../../interop/splitmix64.ts";
import type { RealLeader } from "../../interop/stage.ts";

const SHAPE = "8x16";
const SEED = 1;
/** Beyond the rounds of bursts. */
const LATE_ROUND = 1_000_000;

/** A leader's writes, all through here. */
export class History {
  readonly #leader: RealLeader;
  readonly #keyspace: number;
  readonly #values = new Map<string, Set<string>>();
  #operations = 0;
  #puts = 0;

  /** Of a leader whose store is open and empty; `keyspace` is how many keys bursts choose from. */
  constructor(leader: RealLeader, keyspace: number) {
    this.#leader = leader;
    this.#keyspace = keyspace;
  }

  /** Puts the first `keys` keys. */
  async fill(keys: number): Promise<void> {
    for (let i = 0; i < keys; i++) this.#note(i, 0);
    await this.#leader.command(`fill ${keys} ${SEED}`);
  }

  /** Puts and deletes; answers the number of events. */
  async burst(operations: number): Promise<number> {
    for (let n = this.#operations; n < this.#operations + operations; n++) this.#note(this.#keyOf(n), n + 1);
    this.#operations += operations;
    return Number(await this.#leader.command(`burst ${operations} ${this.#keyspace} ${SEED} 30`));
  }

  /** Puts one key, with a value that it never had; one event. */
  async put(i: number): Promise<void> {
    const round = ++this.#puts + LATE_ROUND;
    this.#note(i, round);
    const [key, value] = [fillKey(SHAPE, SEED, i), fillValue(SHAPE, SEED, i, round)];
    await this.#leader.command(`put ${toHex(key)} ${toHex(value)}`);
  }

  /** Asserts that each key has a value that the leader had for it once. */
  expectKnown(entries: Iterable<[key: Uint8Array, value: Uint8Array]>): void {
    const strange: string[] = [];
    for (const [key, value] of entries) {
      if (!this.#values.get(toHex(key))?.has(toHex(value))) strange.push(`${toHex(key)} ${toHex(value)}`);
    }
    expect(strange).toEqual([]);
  }

  #keyOf(operation: number): number {
    return Number(splitmix64(operationBase(SEED, operation)) % BigInt(this.#keyspace));
  }

  #note(i: number, round: number): void {
    const key = toHex(fillKey(SHAPE, SEED, i));
    const values = this.#values.get(key) ?? new Set();
    values.add(toHex(fillValue(SHAPE, SEED, i, round)));
    this.#values.set(key, values);
  }
}
