/**
 * What a follower is made of: the store, the links that fill it, who watches it, and how it begins and ends.
 */

import { formatAddress } from "../address.ts";
import { Directory, lockForWriting } from "../directory/directory.ts";
import { ClosedError, ConnectionError, DivergedError, LeaderError, StorageError } from "../errors.ts";
import type { Store } from "../fixed/store.ts";
import { LastError } from "../last_error.ts";
import type { End } from "../replication/conversation.ts";
import type { Link } from "../replication/link.ts";
import { ProtocolChoice } from "../replication/link_shared.ts";
import { Links, type LinksListener } from "../replication/links.ts";
import type { Address, Runtime } from "../runtime/runtime.ts";
import type { DirectoryLock } from "../storage/dir_lock.ts";
import { LONGEST_TIMEOUT_MS, TimeSlice } from "../time_slice.ts";
import type { FollowerEvent, ResolvedFollowOptions } from "./follow_options.ts";
import { Operations } from "./operations.ts";
import { ReplicaTarget } from "./replica_target.ts";
import { errorStatus, type FollowerStatus, leastPhase, type ShardStatus, shardStatus } from "./status.ts";
import { Waiters } from "./waiters.ts";
import { closedError, type ResyncReason, WatchHub } from "./watch.ts";

/** All links together send at most so many nudges a ms. */
const NUDGES_PER_MS = 4;

/** Said once a shard. */
const MISROUTED = "a key came that routes to another shard: lookups ask every shard from now on";

/** See the head of this file. */
export class Following implements LinksListener {
  /** Resolves when it was closed; rejects with the error that stopped it for good. */
  readonly closed: Promise<void>;
  /** The store, once there is one. */
  readonly target: ReplicaTarget;
  /** Who watches it. */
  readonly hub: WatchHub = new WatchHub();
  /** Measures the steps. */
  readonly slice: TimeSlice;
  readonly #options: ResolvedFollowOptions;
  readonly #lock: DirectoryLock;
  readonly #links: Links;
  readonly #operations: Operations;
  readonly #startedAtMs = Date.now();
  readonly #created = new Waiters();
  readonly #caughtUp = new Waiters();
  readonly #stopError = new LastError();
  readonly #ended: PromiseWithResolvers<void> = Promise.withResolvers();
  #closing: Promise<number[]> | undefined;
  #isClosed = false;

  private constructor(
    runtime: Runtime,
    address: Address,
    options: ResolvedFollowOptions,
    held: { lock: DirectoryLock; directory: Directory | undefined; slice: TimeSlice },
  ) {
    this.#options = options;
    this.#lock = held.lock;
    this.slice = held.slice;
    const versions = new ProtocolChoice(options.protocol);
    this.target = new ReplicaTarget({
      files: runtime.files,
      path: options.dir,
      directory: { storage: options.storage, pid: runtime.process.pid, slice: held.slice },
      sync: options.sync,
      divergence: { mode: options.onDivergence, limit: options.divergenceLimit },
      leader: () => this.#links.leader,
      maxSlots: options.maxSlots,
      protocol: () => versions.current,
      slice: this.slice,
      onScanBegins: (shard, isFirst) =>
        this.hub.scanBegins(shard, isFirst ? undefined : this.#resyncReason(shard)),
      onScanEnds: (shard, diverged) => this.hub.scanEnds(shard, diverged > 0),
      onRepaired: (shard) => this.hub.repaired(shard),
      onCreated: (store) => {
        this.hub.attach(store);
        this.#created.resolve();
      },
      onDamaged: (shard) => this.#links.foundDamage(shard),
      onMisrouted: (shard) => this.#tell({ type: "notice", shard, message: MISROUTED }),
    }, held.directory);
    this.#links = new Links({
      network: runtime.network,
      address,
      leader: formatAddress(address),
      target: this.target,
      settings: {
        times: options.times,
        backoff: options.backoff,
        syncBatches: options.sync === "batch",
        nudgeMs: () => this.#nudgeMs(),
        limits: options.limits,
      },
      versions,
      slice: this.slice,
      now: () => performance.now(),
      random: Math.random,
      rescan: options.rescan,
    }, this);
    this.#operations = new Operations({
      runtime,
      links: this.#links,
      target: this.target,
      slice: this.slice,
      connectTimeoutMs: options.connectTimeoutMs,
    });
    if (held.directory !== undefined) this.hub.attach(held.directory.store);
    this.closed = this.#ended.promise;
    this.closed.catch(() => {});
  }

  /** Opens and locks the directory, and begins to follow. See `follow`. */
  static async start(runtime: Runtime, address: Address, options: ResolvedFollowOptions): Promise<Following> {
    options.signal?.throwIfAborted();
    const lock = lockForWriting(runtime.files, options.dir, runtime.process.pid);
    const slice = new TimeSlice();
    try {
      const directory = await Directory.open(runtime.files, options.dir, {
        storage: options.storage,
        pid: runtime.process.pid,
        slice,
      });
      const following = new Following(runtime, address, options, { lock, directory, slice });
      if (options.signal?.aborted) {
        await following.close();
        throw options.signal.reason;
      }
      following.#begin();
      if (directory === undefined) await following.#learnShape();
      return following;
    } catch (error) {
      lock.release();
      throw error;
    }
  }

  /** The links. */
  get links(): Links {
    return this.#links;
  }

  /** The store, for what is to be done with it. Throws ClosedError. */
  store(what: string): Store {
    if (this.#isClosed) throw closedError(what);
    return this.target.directory!.store;
  }

  /** See `Follower.caughtUp`. */
  async caughtUp(): Promise<void> {
    this.requireRunning("catch up");
    const diverged = this.#links.links.find((link) => link.phase === "diverged");
    if (diverged?.lastError.error !== undefined) throw diverged.lastError.error;
    if (!this.#isCaughtUp()) await this.#caughtUp.wait();
  }

  /** Throws where it was closed, or stopped for good. */
  requireRunning(what: string): void {
    if (this.#stopError.error !== undefined) throw this.#stopError.error;
    if (this.#isClosed) throw closedError(what);
  }

  /** Begins an operation. Who does not wait for it is told of its end by status: it is no unhandled rejection. */
  operate<T>(what: string, start: (operations: Operations) => Promise<T>): Promise<T> {
    const operation = (async () => {
      this.requireRunning(what);
      return await start(this.#operations);
    })();
    operation.catch(() => {});
    return operation;
  }

  /** See `Follower.status`. */
  status(): FollowerStatus {
    const directory = this.target.directory;
    const shards = this.#shardStatuses();
    const fresh = shards.map((shard) => shard.freshAtMs);
    return {
      leader: this.#links.leader,
      dir: this.#options.dir,
      phase: this.#isStopped ? "stopped" : leastPhase(shards.map((shard) => shard.phase)),
      rescanIntervalMs: this.#links.catchUpOnlyRescanMs ?? null,
      ...this.#operations.status(),
      protocol: directory === undefined ? null : this.#links.versions.current,
      shape: directory?.shape ?? null,
      keys: directory?.store.size ?? 0,
      complete: directory !== undefined &&
        directory.store.shards.every(({ id }) => directory.store.isComplete(id)),
      freshAtMs: directory !== undefined && fresh.every((ms) => ms !== null)
        ? Math.min(...fresh as number[])
        : null,
      startedAtMs: this.#startedAtMs,
      longestSliceMs: this.slice.longestMs,
      v1Connections: this.#links.v1Connections,
      error: errorStatus(this.#stopError),
      shards,
    };
  }

  /** See `Follower.close`. */
  close(): Promise<number[]> {
    return this.#closing ??= this.#close();
  }

  /** See {@link LinksListener}. */
  onPhase({ shard, phase }: Link): void {
    this.#tell({ type: "phase", shard, phase });
  }

  /** See {@link LinksListener}. */
  onCaughtUp({ shard }: Link): void {
    this.#operations.scanned(shard);
    if (this.#isCaughtUp()) this.#caughtUp.resolve();
  }

  /** See {@link LinksListener}. */
  onNotice({ shard }: Link, message: string): void {
    this.#tell({ type: "notice", shard, message });
  }

  /** See {@link LinksListener}. */
  onEnd(link: Link, { reason, error }: End): void {
    if (error instanceof DivergedError) {
      this.hub.diverged();
      this.#caughtUp.reject(error);
      this.#operations.diverged(link.shard, error);
    }
    this.#tell({ type: "end", shard: link.shard, reason, error });
  }

  /** An error of the listener is the program's own, and must not look like one of the link. */
  #tell(event: FollowerEvent): void {
    try {
      this.#options.onEvent(event);
    } catch (error) {
      reportError(error);
    }
  }

  #begin(): void {
    this.#links.done.then(() => {}, (error) => this.#stopFor(error));
    this.#links.start();
  }

  /** A fresh directory has nothing to serve before the leader has told the shape. */
  async #learnShape(): Promise<void> {
    const { connectTimeoutMs, signal } = this.#options;
    const created = this.#created.wait();
    const abort = () => this.#created.reject(signal!.reason);
    const timeoutMs = Math.min(connectTimeoutMs, LONGEST_TIMEOUT_MS);
    const timer = setTimeout(() => this.#created.reject(this.#noShapeError()), timeoutMs);
    if (signal?.aborted) abort();
    signal?.addEventListener("abort", abort);
    try {
      await created;
    } catch (error) {
      await this.close();
      throw error;
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener("abort", abort);
    }
  }

  #noShapeError(): Error {
    const cause = this.#links.links[0]?.lastError.error;
    const reason = cause === undefined ? "it did not answer" : cause.message;
    const message =
      `Cannot learn the shape from ${this.#links.leader} within ${this.#options.connectTimeoutMs} ms: ${reason}`;
    if (cause instanceof LeaderError) return new LeaderError(message, { cause });
    if (cause instanceof StorageError) return new StorageError(message, { cause });
    return new ConnectionError(message, { cause });
  }

  #stopFor(error: Error): void {
    this.#stopError.set(error);
    this.#created.reject(error);
    this.#caughtUp.reject(error);
    this.#operations.end(error);
    this.hub.close(error);
    this.#ended.reject(error);
  }

  async #close(): Promise<number[]> {
    this.#isClosed = true;
    this.#caughtUp.reject(new ClosedError("Cannot catch up: the follower was closed"));
    const operations = this.#operations.end(new ClosedError("Cannot go on: the follower was closed"));
    this.hub.close();
    await this.#links.stop();
    const dirty = await this.target.close(this.#options.closeTimeoutMs, operations);
    this.#lock.release();
    this.#ended.resolve();
    return dirty;
  }

  get #isStopped(): boolean {
    return this.#isClosed || this.#stopError.error !== undefined;
  }

  #isCaughtUp(): boolean {
    const shape = this.target.directory?.shape;
    const { links } = this.#links;
    return links.length === shape?.shardCount && links.every((link) => link.counters.wholeScans > 0);
  }

  #resyncReason(shard: number): ResyncReason {
    return this.#links.links[shard]?.rescanReason === undefined ? "reconnect" : "rescan";
  }

  #nudgeMs(): number | undefined {
    const { nudgeMs } = this.#options;
    const shardCount = this.target.directory?.shape.shardCount ?? 1;
    return nudgeMs === false ? undefined : Math.max(nudgeMs, shardCount / NUDGES_PER_MS);
  }

  /** All shards that there are: the links beyond shard 0 begin only when the leader has answered. */
  #shardStatuses(): ShardStatus[] {
    const { links } = this.#links;
    const { directory } = this.target;
    const length = Math.max(links.length, directory?.shape.shardCount ?? 0);
    const unlinked = this.#isStopped ? "stopped" : this.#links.isPaused ? "paused" : "connecting";
    return Array.from(
      { length },
      (_, id) => shardStatus(id, { directory, link: links[id], unlinked, sync: this.target.syncOf(id) }),
    );
  }
}
