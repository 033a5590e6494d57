import type { Store } from "../../src/fixed/store.ts";
import type { Change } from "../../src/replica/watch.ts";
import { textOf } from "./model_leader.ts";

/** A reader that keeps a copy by what a watch tells it, and reads all again where it is told to. */
export class WatchReplay {
  /** The copy: values by key, as text. */
  readonly entries = new Map<string, string>();
  /** How often it read all again. */
  resyncs = 0;
  /** Resolves when the watch is over. */
  readonly ended: Promise<void>;
  readonly #changes: AsyncIterableIterator<Change>;
  readonly #store: () => Store | undefined;

  /** Reads a watch that begins with what is there. */
  constructor(changes: AsyncIterableIterator<Change>, store: () => Store | undefined) {
    this.#changes = changes;
    this.#store = store;
    this.ended = this.#read();
  }

  /** Reads no more. */
  async stop(): Promise<void> {
    await this.#changes.return!();
    await this.ended;
  }

  async #read(): Promise<void> {
    for await (const change of this.#changes) {
      if (change.type === "put") this.entries.set(textOf(change.key), textOf(change.value));
      else if (change.type === "delete") this.entries.delete(textOf(change.key));
      else if (change.type === "resync") this.#readAll();
    }
  }

  #readAll(): void {
    this.resyncs++;
    this.entries.clear();
    for (const [key, value] of this.#store()?.entries() ?? []) this.entries.set(textOf(key), textOf(value));
  }
}
