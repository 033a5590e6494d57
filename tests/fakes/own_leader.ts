/** A leader of ours in this process: a store of two shards, and the port that it is served at. */

import { formatAddress } from "../../src/address.ts";
import { lead, openStore, type OwnStore } from "../../src/open_store.ts";
import type { Leader } from "../../src/replication/leader.ts";
import type { Shape } from "../../src/slot_events.ts";
import { keyOf, valueOf } from "./leader_frames.ts";

/** Two shards, keys of 8 bytes, values of 16. */
export const TWO_SHARDS: Shape = { shardCount: 2, keyLength: 8, valueLength: 16, prefixBits: 0 };

/** See the head of this file. */
export class OwnLeader implements AsyncDisposable {
  readonly store: OwnStore;
  #leader: Leader;

  private constructor(store: OwnStore, leader: Leader) {
    this.store = store;
    this.#leader = leader;
  }

  /** Serves a directory with so many keys, each with value 1, on a free port of loopback. */
  static async start(dir: string, { keys = 100, shape = TWO_SHARDS } = {}): Promise<OwnLeader> {
    const store = await openStore(dir, shape);
    const value = valueOf(1).slice(0, shape.valueLength);
    for (let key = 0; key < keys; key++) store.put(keyOf(key), value);
    return new OwnLeader(store, await lead(store, "127.0.0.1:0"));
  }

  /** Where it listens. */
  get address(): string {
    return formatAddress(this.#leader.address);
  }

  /** Stops serving; the store stays, and {@link serveAgain} goes on at the same port. */
  async stopServing(): Promise<void> {
    await this.#leader.close();
  }

  /** See {@link stopServing}. */
  async serveAgain(): Promise<void> {
    this.#leader = await lead(this.store, this.address);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#leader.close();
    await this.store.close();
  }
}
