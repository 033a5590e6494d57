import { UsageError } from "../errors.ts";
import { type KeyPage, pageOf, type PageOptions } from "../fixed/page.ts";
import { type SlotRegion, slotRegions } from "../fixed/regions.ts";
import type { Found } from "../fixed/store.ts";
import type { Address, Runtime } from "../runtime/runtime.ts";
import { TypedView, type ViewTypes } from "../values/view.ts";
import type { ResolvedFollowOptions } from "./follow_options.ts";
import { Following } from "./following.ts";
import type { RescanOptions } from "./operations.ts";
import type { BackupStatus, FollowerStatus, VerifyStatus } from "./status.ts";
import type { Change, WatchOptions } from "./watch.ts";

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
  readonly #following: Following;
  readonly #options: ResolvedFollowOptions;

  /** Use `follow`. */
  private constructor(following: Following, options: ResolvedFollowOptions) {
    this.dir = options.dir;
    this.closed = following.closed;
    this.#following = following;
    this.#options = options;
  }

  /** Opens and locks the directory, and begins to follow. See `follow`. */
  static async start(runtime: Runtime, address: Address, options: ResolvedFollowOptions): Promise<Follower> {
    return new Follower(await Following.start(runtime, address, options), options);
  }

  /** The leader, as host:port. */
  get leader(): string {
    return this.#following.links.leader;
  }

  /** Number of keys; one that two shards hold counts twice. */
  get size(): number {
    return this.#following.store("count keys").size;
  }

  /**
   * A copy of a key's value, valid for ever; undefined if the key is absent.
   * Throws IncompleteError where that cannot be known (see option `partial`), UsageError for a wrong key length.
   */
  get(key: Uint8Array): Uint8Array | undefined {
    return this.#following.store("get").get(key, this.#options);
  }

  /** Copies a key's value to `out`: the bytes written, or -1. Throws as {@link get}; allocates nothing. */
  getInto(key: Uint8Array, out: Uint8Array): number {
    return this.#following.store("get").getInto(key, out, this.#options);
  }

  /** Whether a key is there. Throws as {@link get}. */
  has(key: Uint8Array): boolean {
    return this.#following.store("look up a key").has(key, this.#options);
  }

  /** All that is known of a key. Throws only UsageError, for a wrong key length. */
  lookup(key: Uint8Array): Lookup {
    const found = this.#following.store("look up a key").lookup(key);
    return { ...found, freshAtMs: this.#following.links.links[found.shard]?.freshAtMs };
  }

  /** Copies of all keys and values, while changes go on: each key at most once, no torn value. */
  entries(): IterableIterator<[key: Uint8Array, value: Uint8Array]> {
    return this.#following.store("read entries").entries();
  }

  /**
   * Some keys in the order of shards and slots, and where the next page begins: to list a replica over several calls.
   * A key that moves to another slot between two calls may be missed or come twice. A page looks at a bounded number
   * of slots, so it may hold fewer keys than its limit. Throws UsageError.
   */
  page(options: PageOptions = {}): KeyPage {
    return pageOf(this.#following.store("read a page"), options);
  }

  /**
   * A shard's slots by status, in so many equal ranges (1 to 4,096). Rejects with UsageError for a shard that does
   * not exist or a count out of range.
   */
  async regions(shard: number, count: number): Promise<SlotRegion[]> {
    const { shards } = this.#following.store("count slots");
    if (shards[shard] === undefined) {
      throw new UsageError(`Cannot count slots: shard is ${shard}, allowed are 0 to ${shards.length - 1}`);
    }
    return await slotRegions(shards[shard], count, this.#following.slice);
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
    this.#following.store("watch");
    return this.#following.hub.watch(() => this.#following.target.directory?.store, options);
  }

  /**
   * Resolves once every shard has finished a whole scan since the follower was started; at once if all have.
   * Rejects with the error that makes that impossible.
   */
  caughtUp(): Promise<void> {
    return this.#following.caughtUp();
  }

  /**
   * Scans shards again, all or one: a way to prove the copy without waiting for the follower's own rules. A scan that
   * is under way is what was asked for. Resolves at its end; `signal` only ends the waiting.
   *
   * Rejects with UsageError for a shard that does not exist, ConflictError while paused, DivergedError, and the error
   * that ended the follower.
   */
  rescan(options: RescanOptions = {}): Promise<void> {
    return this.#following.operate("rescan", (operations) => operations.rescan(options));
  }

  /**
   * Closes the links; resolves once they are. The copy goes on to be served, and ages: each shard's phase is `paused`.
   * Its links must be closed, as a leader gives up who does not acknowledge. Rejects where the follower has ended.
   */
  pause(): Promise<void> {
    return this.#following.operate("pause", (operations) => operations.pause());
  }

  /** Connects again after {@link pause}. Throws where the follower has ended. */
  resume(): void {
    this.#following.requireRunning("resume");
    this.#following.links.resume();
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
    return this.#following.operate("retarget", (operations) => operations.retarget(leader, options.signal));
  }

  /**
   * Checks the CRC of every slot that is served, in the background: of a resident store in memory, else in the file.
   * A slot that fails is served no more (a miss is then `unknown`), and its shard is rescanned, which repairs it.
   * Resolves with what was found. Rejects with ConflictError while another one is under way, StorageError, or the
   * reason of `signal`.
   */
  verify(options: { signal?: AbortSignal } = {}): Promise<VerifyStatus> {
    return this.#following.operate("verify", (operations) => operations.verify(options.signal));
  }

  /**
   * Copies the replica, as it is at one moment, to a new folder in `parent` while it goes on: `backup-` and the time.
   * armdb and Slotcask open it as a directory that was closed cleanly. Resolves when it is on disk; of one that fails
   * nothing is left. Rejects with ConflictError (a shard is not complete or is being scanned, or another backup is
   * under way), PermissionError, StorageError, or the reason of `signal`.
   */
  backup(parent: string, options: { signal?: AbortSignal } = {}): Promise<BackupStatus> {
    return this.#following.operate("back up", (operations) => operations.backup(parent, options.signal));
  }

  /** A snapshot, safe to print as JSON. */
  status(): FollowerStatus {
    return this.#following.status();
  }

  /**
   * Stops following and closes the directory, within 2 seconds. Answers the shards that could not be closed
   * cleanly: they are opened by a full scan next time. The second call answers the same.
   */
  close(): Promise<number[]> {
    return this.#following.close();
  }

  /** See {@link close}. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}
