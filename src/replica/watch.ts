import { ClosedError } from "../errors.ts";
import { intactEntry } from "../fixed/entries.ts";
import { versionOf } from "../fixed/meta.ts";
import type { Shard, ShardObserver } from "../fixed/shard.ts";
import type { Store } from "../fixed/store.ts";
import { TimeSlice } from "../time_slice.ts";

/** Why a watcher must read the entries again. */
export type ResyncReason = "overflow" | "reconnect" | "rescan" | "diverged";

/** A change, as `watch` yields it. Keys and values are copies. */
export type Change =
  | { type: "put"; key: Uint8Array; value: Uint8Array; version: number; shard: number }
  | { type: "delete"; key: Uint8Array; shard: number }
  /** The shard is current now. */
  | { type: "caught-up"; shard: number }
  /** Changes were missed: read `entries()` again. Later changes follow as usual. */
  | { type: "resync"; reason: ResyncReason };

/** Options of `watch`. */
export interface WatchOptions {
  /** Only keys that begin with these bytes. */
  prefix?: Uint8Array;
  /** Begin with a put for each key that is there. */
  initial?: boolean;
  /** Ends the watch. */
  signal?: AbortSignal;
  /** Changes that wait for the reader, at the most; over it they are dropped and a resync says so. Default 1,024. */
  queue?: number;
}

const DEFAULT_QUEUE = 1024;

/** All watchers of a store: turns what shards report into changes, and each reader's pace into a bounded queue. */
export class WatchHub implements ShardObserver {
  /** The most changes that waited for any reader. */
  queueHighWater = 0;
  readonly #watchers = new Set<Watcher>();
  /** Keys that a scan dropped: they may turn up in another slot before it ends. */
  readonly #vanished = new Map<number, Map<string, Uint8Array>>();
  /** Shards with keys that are not served, and may change or go meanwhile without a word. */
  readonly #doubted = new Set<number>();
  #shards: readonly Shard[] = [];
  #closed: { error: Error | undefined } | undefined;

  /** Takes up the shards, once they are there. */
  attach(store: Store): void {
    this.#shards = store.shards;
    if (this.#watchers.size > 0) this.#observe();
  }

  /** A stream of changes from now on. Of a hub that was closed it ends as all others did. */
  watch(store: () => Store | undefined, options: WatchOptions): AsyncIterableIterator<Change> {
    const watcher = new Watcher(options, () => this.#leave(watcher));
    if (this.#closed !== undefined) watcher.end(this.#closed.error);
    if (!watcher.isOver) {
      this.#watchers.add(watcher);
      this.#observe();
    }
    return watcher.changes(store);
  }

  /** A whole scan of a shard begins; a watcher that saw the shard before has missed changes. */
  scanBegins(shard: number, reason: ResyncReason | undefined): void {
    // What an earlier scan dropped before it was cut is still to be found, or gone.
    if (!this.#vanished.has(shard)) this.#vanished.set(shard, new Map());
    if (reason !== undefined) this.#emit({ type: "resync", reason });
  }

  /** The scan is over: what did not turn up again is gone. */
  scanEnds(shard: number, diverged: boolean): void {
    const vanished = this.#vanished.get(shard);
    this.#vanished.delete(shard);
    for (const key of vanished?.values() ?? []) this.#emit({ type: "delete", key, shard });
    if (diverged) this.#emit({ type: "resync", reason: "diverged" });
    this.#emit({ type: "caught-up", shard });
  }

  /** A scan has ended, and no slot of the shard is in doubt any more. */
  repaired(shard: number): void {
    if (this.#doubted.delete(shard)) this.#emit({ type: "resync", reason: "rescan" });
  }

  /** The leader contradicts the copy: nothing more will come. */
  diverged(): void {
    this.#emit({ type: "resync", reason: "diverged" });
  }

  /** Ends all watches: with an error, or quietly. */
  close(error?: Error): void {
    this.#closed ??= { error };
    for (const watcher of this.#watchers) watcher.end(error);
  }

  /** See {@link ShardObserver}. */
  written(shard: Shard, slot: number): void {
    const entry = intactEntry(shard, slot);
    if (entry === undefined) return this.quarantined(shard);
    const [key, value] = entry;
    const vanished = this.#vanished.get(shard.id);
    if (vanished !== undefined && vanished.size > 0) vanished.delete(key.join());
    const version = versionOf(shard.metas.get(slot));
    this.#emit({ type: "put", key, value, version, shard: shard.id });
  }

  /** See {@link ShardObserver}. */
  removed(shard: Shard, _slot: number, bytes: Uint8Array, servedBy: number): void {
    if (servedBy >= 0) return;
    const key = bytes.slice();
    const vanished = this.#vanished.get(shard.id);
    if (vanished !== undefined) vanished.set(key.join(), key);
    else this.#emit({ type: "delete", key, shard: shard.id });
  }

  /** See {@link ShardObserver}. */
  quarantined(shard: Shard): void {
    this.#doubted.add(shard.id);
  }

  /** See {@link ShardObserver}. */
  forgot(): void {
    // The slot has another content by now, and no scan may come: what is there tells which key is gone.
    this.#emit({ type: "resync", reason: "rescan" });
  }

  #emit(change: Change): void {
    for (const watcher of this.#watchers) {
      const waiting = watcher.push(change);
      if (waiting > this.queueHighWater) this.queueHighWater = waiting;
    }
  }

  #observe(): void {
    for (const shard of this.#shards) shard.observers.add(this);
  }

  #leave(watcher: Watcher): void {
    this.#watchers.delete(watcher);
    if (this.#watchers.size > 0) return;
    for (const shard of this.#shards) shard.observers.delete(this);
    // Unobserved, these keys may turn up again. Who joins before the scan ends never knew them: nothing is owed,
    // and what vanishes from then on is still told at the end.
    for (const keys of this.#vanished.values()) keys.clear();
    this.#doubted.clear();
  }
}

/** One reader and what waits for it. */
class Watcher {
  readonly #options: WatchOptions;
  readonly #leave: () => void;
  readonly #limit: number;
  #queue: Change[] = [];
  #wake: (() => void) | undefined;
  #error: Error | undefined;
  /** Whether nothing more will come. */
  isOver = false;

  constructor(options: WatchOptions, leave: () => void) {
    this.#options = options;
    this.#leave = leave;
    this.#limit = options.queue ?? DEFAULT_QUEUE;
    options.signal?.addEventListener("abort", this.#abort);
    if (options.signal?.aborted) this.end();
  }

  /** Answers how many changes wait. */
  push(change: Change): number {
    if (this.isOver || !this.#matches(change)) return this.#queue.length;
    // To read all again twice in a row is no use.
    const last = this.#queue.at(-1);
    if (change.type === "resync" && last?.type === "resync" && last.reason === change.reason) {
      return this.#queue.length;
    }
    if (this.#queue.length >= this.#limit) this.#queue = [{ type: "resync", reason: "overflow" }];
    else this.#queue.push(change);
    this.#wake?.();
    return this.#queue.length;
  }

  /** The first end counts: a follower that is closed after an error still owes its readers that error. */
  end(error?: Error): void {
    if (this.isOver) return;
    this.isOver = true;
    this.#error = error;
    this.#options.signal?.removeEventListener("abort", this.#abort);
    this.#wake?.();
  }

  /** The changes, for one reader. It may leave at any time: before the first, or while it waits for one. */
  changes(store: () => Store | undefined): AsyncIterableIterator<Change> {
    const changes = this.#changes(store);
    return {
      next: () => changes.next(),
      // A generator that has not begun has no end to run, and one that waits would first wait on.
      return: () => {
        this.#abort();
        return changes.return(undefined);
      },
      [Symbol.asyncIterator]() {
        return this;
      },
    };
  }

  async *#changes(store: () => Store | undefined): AsyncGenerator<Change, undefined> {
    try {
      if (this.#options.initial) yield* this.#entries(store());
      for (;;) {
        const queue = this.#queue;
        this.#queue = [];
        yield* queue;
        if (this.#queue.length > 0) continue;
        if (this.isOver) break;
        await new Promise<void>((resolve) => this.#wake = resolve);
        this.#wake = undefined;
      }
      if (this.#error !== undefined) throw this.#error;
    } finally {
      this.end();
      this.#leave();
    }
  }

  /** In slices: a reader that waits for nothing, or a prefix that no key has, would keep all else waiting. */
  async *#entries(store: Store | undefined): AsyncGenerator<Change> {
    const slice = new TimeSlice();
    // Of a follower that an error has ended there are still entries, and then that error.
    const wasOver = this.isOver;
    for (const shard of store?.shards ?? []) {
      for (const [key, value] of store!.entries(shard.id)) {
        if (this.#hasPrefix(key)) {
          const { version = 0 } = store!.lookup(key);
          yield { type: "put", key, value, version, shard: shard.id };
        }
        if (slice.isOver) await slice.yield();
        // Before the store is read on that was closed meanwhile: a watch ends quietly then, wherever it is.
        if (this.isOver && !wasOver || this.#options.signal?.aborted) return;
      }
    }
  }

  #matches(change: Change): boolean {
    return (change.type !== "put" && change.type !== "delete") || this.#hasPrefix(change.key);
  }

  #hasPrefix(key: Uint8Array): boolean {
    return this.#options.prefix?.every((byte, i) => key[i] === byte) ?? true;
  }

  #abort = (): void => {
    this.end();
    // The reader may never come back to run the end of `#changes`.
    this.#leave();
  };
}

/** The error of a call on a handle that was closed. */
export function closedError(what: string): ClosedError {
  return new ClosedError(`Cannot ${what}: the follower is closed`);
}
