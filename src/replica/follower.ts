import { formatAddress } from "../address.ts";
import { Directory, lockForWriting } from "../directory/directory.ts";
import {
  ClosedError,
  ConnectionError,
  DivergedError,
  LeaderError,
  StorageError,
  UsageError,
} from "../errors.ts";
import { LastError } from "../last_error.ts";
import { type KeyPage, pageOf, type PageOptions } from "../fixed/page.ts";
import { type SlotRegion, slotRegions } from "../fixed/regions.ts";
import type { Found, Store } from "../fixed/store.ts";
import type { FollowerEvent, ResolvedFollowOptions } from "./follow_options.ts";
import { Operations, type RescanOptions } from "./operations.ts";
import { ReplicaTarget } from "./replica_target.ts";
import type { End } from "../replication/conversation.ts";
import type { Link } from "../replication/link.ts";
import { ProtocolChoice } from "../replication/link_shared.ts";
import { Links, type LinksListener } from "../replication/links.ts";
import type { Address, Runtime } from "../runtime/runtime.ts";
import {
  type BackupStatus,
  errorStatus,
  type FollowerStatus,
  leastPhase,
  type ShardStatus,
  shardStatus,
  type VerifyStatus,
} from "./status.ts";
import type { DirectoryLock } from "../storage/dir_lock.ts";
import { LONGEST_TIMEOUT_MS, TimeSlice } from "../time_slice.ts";
import { TypedView, type ViewTypes } from "../values/view.ts";
import { Waiters } from "./waiters.ts";
import { type Change, closedError, type ResyncReason, WatchHub, type WatchOptions } from "./watch.ts";

/** Bytes that may wait for a store that is busy, per shard. */
const READ_AHEAD_BYTES = 16 << 20;
/** Events that may, per shard: as many as a leader's queue holds. */
const READ_AHEAD_EVENTS = 8192;
/** A clean close takes no longer than this; what is not done by then is scanned at the next open. */
const CLOSE_LIMIT_MS = 1500;
/** All links together send at most so many nudges a ms. */
const NUDGES_PER_MS = 4;

/** Said once a shard. */
const MISROUTED = "a key came that routes to another shard: lookups ask every shard from now on";

/** What a lookup found, and how old it may be. */
export interface Lookup extends Found {
  /** When the shard was last proven current (Unix ms); undefined if it never was. */
  freshAtMs: number | undefined;
}

/**
 * A read replica of one leader: reads are local and synchronous, and go on whatever happens to the leader.
 *
 * Made by `follow`; ended by `close()` or `await using`.
 */
export class Follower implements AsyncDisposable {
  /** The replica's directory. */
  readonly dir: string;
  /** Resolves when the follower was closed; rejects with the error that stopped it for good. */
  readonly closed: Promise<void>;

  readonly #options: ResolvedFollowOptions;
  readonly #lock: DirectoryLock;
  readonly #target: ReplicaTarget;
  readonly #links: Links;
  readonly #hub = new WatchHub();
  readonly #slice: TimeSlice;
  readonly #startedAtMs = Date.now();
  readonly #created = new Waiters();
  readonly #caughtUp = new Waiters();
  readonly #stopError = new LastError();
  readonly #operations: Operations;
  #settle!: { resolve: () => void; reject: (error: Error) => void };
  #closing: Promise<number[]> | undefined;
  #isClosed = false;

  /** Use `follow`. */
  private constructor(
    runtime: Runtime,
    address: Address,
    options: ResolvedFollowOptions,
    held: { lock: DirectoryLock; directory: Directory | undefined; slice: TimeSlice },
  ) {
    const leader = formatAddress(address);
    this.dir = options.dir;
    this.#options = options;
    this.#lock = held.lock;
    this.#slice = held.slice;
    const versions = new ProtocolChoice(options.protocol);
    this.#target = new ReplicaTarget({
      files: runtime.files,
      path: options.dir,
      directory: { storage: options.storage, pid: runtime.process.pid, slice: held.slice },
      sync: options.sync,
      divergence: { mode: options.onDivergence, limit: options.divergenceLimit },
      leader: () => this.leader,
      protocol: () => versions.current,
      slice: this.#slice,
      onScanBegins: (shard, isFirst) =>
        this.#hub.scanBegins(shard, isFirst ? undefined : this.#resyncReason(shard)),
      onScanEnds: (shard, diverged) => this.#hub.scanEnds(shard, diverged > 0),
      onCreated: (store) => {
        this.#hub.attach(store);
        this.#created.resolve();
      },
      onDamaged: (shard) => this.#links.foundDamage(shard),
      onMisrouted: (shard) => this.#tell({ type: "notice", shard, message: MISROUTED }),
    }, held.directory);
    this.#links = new Links({
      network: runtime.network,
      address,
      leader,
      target: this.#target,
      settings: {
        times: options.times,
        backoff: options.backoff,
        syncBatches: options.sync === "batch",
        nudgeMs: () => this.#nudgeMs(),
        readAheadBytes: READ_AHEAD_BYTES,
        readAheadEvents: READ_AHEAD_EVENTS,
      },
      versions,
      slice: this.#slice,
      now: () => performance.now(),
      random: Math.random,
      rescan: options.rescan,
    }, this.#heard());
    this.#operations = new Operations({
      runtime,
      links: this.#links,
      target: this.#target,
      slice: this.#slice,
      connectTimeoutMs: options.connectTimeoutMs,
    });
    if (held.directory !== undefined) this.#hub.attach(held.directory.store);
    this.closed = new Promise((resolve, reject) => this.#settle = { resolve, reject });
    this.closed.catch(() => {});
  }

  /** Opens and locks the directory, and begins to follow. See `follow`. */
  static async start(runtime: Runtime, address: Address, options: ResolvedFollowOptions): Promise<Follower> {
    options.signal?.throwIfAborted();
    const lock = lockForWriting(runtime.files, options.dir, runtime.process.pid);
    const slice = new TimeSlice();
    try {
      const directory = await Directory.open(runtime.files, options.dir, {
        storage: options.storage,
        pid: runtime.process.pid,
        slice,
      });
      const follower = new Follower(runtime, address, options, { lock, directory, slice });
      if (options.signal?.aborted) {
        await follower.close();
        throw options.signal.reason;
      }
      follower.#begin();
      if (directory === undefined) await follower.#learnShape();
      return follower;
    } catch (error) {
      lock.release();
      throw error;
    }
  }

  /** The leader, as host:port. */
  get leader(): string {
    return this.#links.leader;
  }

  /** Number of keys; one that two shards hold counts twice. */
  get size(): number {
    return this.#store("count keys").size;
  }

  /**
   * A copy of a key's value, valid for ever; undefined if the key is absent.
   * Throws IncompleteError where that cannot be known (see option `partial`), UsageError for a wrong key length.
   */
  get(key: Uint8Array): Uint8Array | undefined {
    return this.#store("get").get(key, this.#options);
  }

  /** Copies a key's value to `out`: the bytes written, or -1. Throws as {@link get}; allocates nothing. */
  getInto(key: Uint8Array, out: Uint8Array): number {
    return this.#store("get").getInto(key, out, this.#options);
  }

  /** Whether a key is there. Throws as {@link get}. */
  has(key: Uint8Array): boolean {
    return this.#store("look up a key").has(key, this.#options);
  }

  /** All that is known of a key. Throws only UsageError, for a wrong key length. */
  lookup(key: Uint8Array): Lookup {
    const found = this.#store("look up a key").lookup(key);
    return { ...found, freshAtMs: this.#links.links[found.shard]?.freshAtMs };
  }

  /** Copies of all keys and values, while changes go on: each key at most once, no torn value. */
  entries(): IterableIterator<[key: Uint8Array, value: Uint8Array]> {
    return this.#store("read entries").entries();
  }

  /**
   * Some keys in the order of shards and slots, and where the next page begins: to list a replica over several calls.
   * A key that moves to another slot between two calls may be missed or come twice. A page looks at a bounded number
   * of slots, so it may hold fewer keys than its limit. Throws UsageError.
   */
  page(options: PageOptions = {}): KeyPage {
    return pageOf(this.#store("read a page"), options);
  }

  /**
   * A shard's slots by status, in so many equal ranges (1 to 4,096). Rejects with UsageError for a shard that does
   * not exist or a count out of range.
   */
  async regions(shard: number, count: number): Promise<SlotRegion[]> {
    const { shards } = this.#store("count slots");
    if (shards[shard] === undefined) {
      throw new UsageError(`Cannot count slots: shard is ${shard}, allowed are 0 to ${shards.length - 1}`);
    }
    return await slotRegions(shards[shard], count, this.#slice);
  }

  /**
   * The same reads with typed keys and values, of `slotcask/values`. Throws UsageError where their lengths are not
   * those of the leader's keys and values.
   */
  view<K, V>(types: ViewTypes<K, V>): TypedView<K, V> {
    return new TypedView(this, types);
  }

  /** Changes from now on; after a `resync` read {@link entries} again. Ends with the follower, or by its signal. */
  watch(options: WatchOptions = {}): AsyncIterableIterator<Change> {
    this.#store("watch");
    return this.#hub.watch(() => this.#target.directory?.store, options);
  }

  /**
   * Resolves once every shard has finished a whole scan since the follower was started; at once if all have.
   * Rejects with the error that makes that impossible.
   */
  async caughtUp(): Promise<void> {
    this.#requireRunning("catch up");
    const diverged = this.#links.links.find((link) => link.phase === "diverged");
    if (diverged?.lastError.error !== undefined) throw diverged.lastError.error;
    if (!this.#isCaughtUp()) await this.#caughtUp.wait();
  }

  /**
   * Scans shards again, all or one: a way to prove the copy without waiting for the follower's own rules. A scan that
   * is under way is what was asked for. Resolves at its end; `signal` only ends the waiting.
   *
   * Rejects with UsageError for a shard that does not exist, ConflictError while paused, DivergedError, and the error
   * that ended the follower.
   */
  rescan(options: RescanOptions = {}): Promise<void> {
    return this.#operate("rescan", (operations) => operations.rescan(options));
  }

  /**
   * Closes the links; resolves once they are. The copy goes on to be served, and ages: each shard's phase is `paused`.
   * Its links must be closed, as a leader gives up who does not acknowledge. Rejects where the follower has ended.
   */
  pause(): Promise<void> {
    return this.#operate("pause", (operations) => operations.pause());
  }

  /** Connects again after {@link pause}. Throws where the follower has ended. */
  resume(): void {
    this.#requireRunning("resume");
    this.#links.resume();
  }

  /**
   * Goes over to another leader of the same data. Resolves once it has told a shape that is ours; then all shards are
   * scanned, and what contradicts the copy is judged as always (`onDivergence`).
   *
   * Where that fails the links go back to the leader that they had, and it rejects: with PermissionError (before any
   * link is closed), ShapeError, ProtocolVersionError, ConnectionError after `connectTimeoutMs`, ConflictError while
   * paused or while another one is under way, or the reason of `signal`.
   */
  retarget(leader: string, options: { signal?: AbortSignal } = {}): Promise<void> {
    return this.#operate("retarget", (operations) => operations.retarget(leader, options.signal));
  }

  /**
   * Checks the CRC of every slot that is served, in the background: of a resident store in memory, else in the file.
   * A slot that fails is served no more (a miss is then `unknown`), and its shard is rescanned, which repairs it.
   * Resolves with what was found. Rejects with ConflictError while another one is under way, StorageError, or the
   * reason of `signal`.
   */
  verify(options: { signal?: AbortSignal } = {}): Promise<VerifyStatus> {
    return this.#operate("verify", (operations) => operations.verify(options.signal));
  }

  /**
   * Copies the replica, as it is at one moment, to a new folder in `parent` while it goes on: `backup-` and the time.
   * armdb and Slotcask open it as a directory that was closed cleanly. Resolves when it is on disk; of one that fails
   * nothing is left. Rejects with ConflictError (a shard is not complete or is being scanned, or another backup is
   * under way), PermissionError, StorageError, or the reason of `signal`.
   */
  backup(parent: string, options: { signal?: AbortSignal } = {}): Promise<BackupStatus> {
    return this.#operate("back up", (operations) => operations.backup(parent, options.signal));
  }

  /** A snapshot, safe to print as JSON. */
  status(): FollowerStatus {
    const directory = this.#target.directory;
    const shards = this.#shardStatuses();
    const fresh = shards.map((shard) => shard.freshAtMs);
    return {
      leader: this.leader,
      dir: this.dir,
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
      longestSliceMs: this.#slice.longestMs,
      v1Connections: this.#links.v1Connections,
      error: errorStatus(this.#stopError),
      shards,
    };
  }

  /**
   * Stops following and closes the directory, within 2 seconds. Answers the shards that could not be closed
   * cleanly: they are opened by a full scan next time. The second call answers the same.
   */
  close(): Promise<number[]> {
    return this.#closing ??= this.#close();
  }

  /** See {@link close}. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** What the links tell; not methods of the class, since it is public and they are not. */
  #heard(): LinksListener {
    return {
      onPhase: ({ shard, phase }) => this.#tell({ type: "phase", shard, phase }),
      onCaughtUp: ({ shard }) => {
        this.#operations.scanned(shard);
        if (this.#isCaughtUp()) this.#caughtUp.resolve();
      },
      onNotice: ({ shard }, message) => this.#tell({ type: "notice", shard, message }),
      onEnd: (link, end) => this.#onEnd(link, end),
    };
  }

  #onEnd(link: Link, { reason, error }: End): void {
    if (error instanceof DivergedError) {
      this.#hub.diverged();
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
      `Cannot learn the shape from ${this.leader} within ${this.#options.connectTimeoutMs} ms: ${reason}`;
    if (cause instanceof LeaderError) return new LeaderError(message, { cause });
    if (cause instanceof StorageError) return new StorageError(message, { cause });
    return new ConnectionError(message, { cause });
  }

  #stopFor(error: Error): void {
    this.#stopError.set(error);
    this.#created.reject(error);
    this.#caughtUp.reject(error);
    this.#operations.end(error);
    this.#hub.close(error);
    this.#settle.reject(error);
  }

  async #close(): Promise<number[]> {
    this.#isClosed = true;
    this.#caughtUp.reject(new ClosedError("Cannot catch up: the follower was closed"));
    const operations = this.#operations.end(new ClosedError("Cannot go on: the follower was closed"));
    this.#hub.close();
    await this.#links.stop();
    const dirty = await this.#target.close(CLOSE_LIMIT_MS, operations);
    this.#lock.release();
    this.#settle.resolve();
    return dirty;
  }

  get #isStopped(): boolean {
    return this.#isClosed || this.#stopError.error !== undefined;
  }

  /** Who does not wait for an operation is told of its end by status: it is no unhandled rejection. */
  #operate<T>(what: string, start: (operations: Operations) => Promise<T>): Promise<T> {
    const operation = (async () => {
      this.#requireRunning(what);
      return await start(this.#operations);
    })();
    operation.catch(() => {});
    return operation;
  }

  #requireRunning(what: string): void {
    if (this.#stopError.error !== undefined) throw this.#stopError.error;
    if (this.#isClosed) throw closedError(what);
  }

  #store(what: string): Store {
    if (this.#isClosed) throw closedError(what);
    return this.#target.directory!.store;
  }

  #isCaughtUp(): boolean {
    const shape = this.#target.directory?.shape;
    const { links } = this.#links;
    return links.length === shape?.shardCount && links.every((link) => link.counters.wholeScans > 0);
  }

  #resyncReason(shard: number): ResyncReason {
    return this.#links.links[shard]?.rescanReason === undefined ? "reconnect" : "rescan";
  }

  #nudgeMs(): number | undefined {
    const { nudgeMs } = this.#options;
    const shardCount = this.#target.directory?.shape.shardCount ?? 1;
    return nudgeMs === false ? undefined : Math.max(nudgeMs, shardCount / NUDGES_PER_MS);
  }

  /** All shards that there are: the links beyond shard 0 begin only when the leader has answered. */
  #shardStatuses(): ShardStatus[] {
    const { links } = this.#links;
    const { directory } = this.#target;
    const length = Math.max(links.length, directory?.shape.shardCount ?? 0);
    const unlinked = this.#isStopped ? "stopped" : "connecting";
    return Array.from(
      { length },
      (_, id) => shardStatus(id, { directory, link: links[id], unlinked, sync: this.#target.syncOf(id) }),
    );
  }
}
