/** An application that watches: what it was told, replayed, must be what is there. */

import { StorageError } from "../../src/errors.ts";
import type { Following } from "../../src/replica/following.ts";
import type { LeaderShard } from "./leader_store.ts";
import { text, valueText } from "./leader_store.ts";

/** Until it tries again, in ms. */
const AGAIN_MS = 50;

/** See the head of this file. */
export class SimWatcher {
  /** What it knows. */
  readonly entries = new Map<string, string>();
  readonly #following: Following;

  /** Watches a follower from now on, with room for so many changes. */
  constructor(following: Following, queue: number) {
    this.#following = following;
    this.#watchOnAndOn(queue).catch(() => {});
  }

  /** How it differs from what the leader has; undefined where it does not. */
  difference(leaders: readonly LeaderShard[]): string | undefined {
    const held = new Map<string, string>();
    for (const { index, slots, keyLength } of leaders) {
      for (const [key, slot] of index) held.set(key, valueText(slots[slot].record, keyLength));
    }
    for (const [key, value] of held) {
      if (this.entries.get(key) === value) continue;
      return `a watcher ${this.entries.has(key) ? "has an old value of" : "does not know"} key ${
        bytesOf(key)
      }`;
    }
    const other = [...this.entries.keys()].find((key) => !held.has(key));
    return other === undefined ? undefined : `a watcher still has key ${bytesOf(other)}`;
  }

  async #watch(queue: number): Promise<void> {
    const { hub, target } = this.#following;
    for await (const change of hub.watch(() => target.directory?.store, { initial: true, queue })) {
      if (change.type === "put") this.entries.set(text(change.key), text(change.value));
      else if (change.type === "delete") this.entries.delete(text(change.key));
      else if (change.type === "resync") this.#readAgain();
    }
  }

  #readAgain(): void {
    this.entries.clear();
    for (const [key, value] of this.#following.store("read").entries()) {
      this.entries.set(text(key), text(value));
    }
  }

  /** A disk that refuses a read ends a watch, or the reading behind a resync: then all begins again. */
  async #watchOnAndOn(queue: number): Promise<void> {
    for (;;) {
      try {
        return await this.#watch(queue);
      } catch (error) {
        if (!(error instanceof StorageError)) throw error;
        this.entries.clear();
        await new Promise((resolve) => setTimeout(resolve, AGAIN_MS));
      }
    }
  }
}

function bytesOf(key: string): string {
  return [...key].map((char) => char.charCodeAt(0)).join();
}
