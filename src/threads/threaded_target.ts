/**
 * The store of a replica whose shards are kept by threads: each has every n-th shard, with its files and its link.
 * This one has the directory's lock and its record of scans, and reads what the threads keep.
 */

import { Directory, type DirectoryState } from "../directory/directory.ts";
import { within } from "../directory/deadline.ts";
import { ConflictError } from "../errors.ts";
import type { Shard } from "../fixed/shard.ts";
import { Store } from "../fixed/store.ts";
import { Histogram } from "../histogram.ts";
import { LastError } from "../last_error.ts";
import type { LinkLimits } from "../replication/limits.ts";
import type { ConversationParts, LeaderShared, LinkConversation } from "../replication/link_shared.ts";
import type { SessionTimes } from "../replication/times.ts";
import type { FollowedDirectory, FollowedTarget, SyncView } from "../replica/followed_target.ts";
import type { ReplicaTargetOptions } from "../replica/replica_target.ts";
import type { ScrubOptions } from "../replica/scrub.ts";
import type { VerifyStatus } from "../replica/status.ts";
import type { Shape } from "../slot_events.ts";
import { receiveError, sendError } from "./error_transport.ts";
import { type OwnerService, shardsOf } from "./messages.ts";
import { OwnedThread } from "./owned_thread.ts";
import { ThreadConversation } from "./thread_conversation.ts";

/** What a target is made with: see {@link ReplicaTargetOptions}, whose listeners are told here. */
export interface ThreadedTargetOptions
  extends
    Pick<ReplicaTargetOptions, "files" | "path" | "directory" | "sync" | "divergence">,
    Required<
      Pick<
        ReplicaTargetOptions,
        "maxSlots" | "onScanBegins" | "onScanEnds" | "onRepaired" | "onCreated" | "onDamaged" | "onMisrouted"
      >
    > {
  /** How many threads there are at the most: no more than shards. */
  threads: number;
  times: SessionTimes;
  limits: LinkLimits;
}

/** How a shard's data gets to the disk, as its thread has told. */
class SyncReport implements SyncView {
  syncedAtMs: number | undefined;
  readonly lastError: LastError = new LastError();
  readonly durations: Histogram = new Histogram();
}

/** See the head of this file. */
export class ThreadedTarget implements FollowedTarget {
  /** The longest synchronous step of a thread, in ms. */
  longestSliceMs = 0;
  readonly #options: ThreadedTargetOptions;
  readonly #threads = new Map<number, OwnedThread>();
  readonly #syncs: SyncReport[] = [];
  readonly #conversations = new Map<number, ThreadConversation>();
  readonly #checks = new Map<number, (status: VerifyStatus) => void>();
  #directory: FollowedDirectory | undefined;
  #opening: Promise<void> | undefined;
  #isClosed = false;
  #lastKey = 0;

  /** A target without threads yet. */
  constructor(options: ThreadedTargetOptions) {
    this.#options = options;
    for (let index = 0; index < options.threads; index++) this.#thread(index);
  }

  /** See {@link FollowedTarget}. */
  get directory(): FollowedDirectory | undefined {
    return this.#directory;
  }

  /** See {@link FollowedTarget}. */
  syncOf(shard: number): SyncView | undefined {
    return this.#syncs[shard];
  }

  /** Opens the directory, if there is one. Rejects as {@link Directory.open} does. */
  async open(): Promise<void> {
    const { files, path } = this.#options;
    const state = Directory.state(files, path);
    if (state !== undefined) await this.#open(state);
  }

  /** Makes a conversation, in the thread of its shard. */
  converse(shared: LeaderShared, parts: ConversationParts): LinkConversation {
    const key = ++this.#lastKey;
    const { calls } = this.#thread(parts.shard % this.#options.threads);
    const conversation = new ThreadConversation(key, calls, shared, parts);
    this.#conversations.set(key, conversation);
    conversation.ended.then(() => this.#conversations.delete(key));
    return conversation;
  }

  /** See {@link FollowedTarget}. */
  async verify({ status, signal, onDamaged }: ScrubOptions): Promise<void> {
    const reports = [...this.#threads.values()].map((thread) =>
      this.#verifyIn(thread, { signal, onDamaged })
    );
    const add = () => {
      const sum = (name: "slots" | "position" | "damaged") =>
        reports.reduce((all, { report }) => all + report[name], 0);
      Object.assign(status, { slots: sum("slots"), position: sum("position"), damaged: sum("damaged") });
    };
    for (const each of reports) each.onReport = add;
    try {
      await Promise.all(reports.map(({ ended }) => ended));
    } catch (error) {
      status.error = error instanceof Error ? error.message : String(error);
      throw signal?.aborted ? signal.reason : error;
    } finally {
      add();
      status.endedAtMs = Date.now();
    }
  }

  #verifyIn(
    { calls }: OwnedThread,
    { signal }: Pick<ScrubOptions, "signal" | "onDamaged">,
  ): { report: VerifyStatus; onReport: () => void; ended: Promise<VerifyStatus> } {
    const key = ++this.#lastKey;
    const check = { report: NO_REPORT, onReport: () => {}, ended: calls.call("verify", { key }) };
    const giveUp = () => calls.tell("giveUp", { key, error: sendError(signal!.reason) });
    if (signal?.aborted) giveUp();
    signal?.addEventListener("abort", giveUp);
    this.#checks.set(key, (report) => {
      check.report = report;
      check.onReport();
    });
    check.ended.catch(() => {}).then(() => {
      signal?.removeEventListener("abort", giveUp);
      this.#checks.delete(key);
    });
    return check;
  }

  /** See {@link FollowedTarget}. */
  backUp(): Promise<void> {
    return Promise.reject(new ConflictError("Cannot back up: the follower runs with threads"));
  }

  /** See {@link FollowedTarget}. */
  async close(limitMs: number, others: Promise<void> = Promise.resolve()): Promise<number[]> {
    const deadline = performance.now() + limitMs;
    this.#isClosed = true;
    this.#directory?.store.close();
    await within(deadline, Promise.allSettled([this.#opening, others])).catch(() => {});
    const dirty = await Promise.all(
      [...this.#threads].map(([index, thread]) => this.#closeThread(index, thread, deadline)),
    );
    const completeness = this.#directory?.completeness;
    if (completeness !== undefined) {
      await within(deadline, completeness.settled()).catch(() => {});
      completeness.close();
    }
    await Promise.all([...this.#threads.values()].map((thread) => thread.terminate()));
    return dirty.flat().sort((a, b) => a - b);
  }

  async #closeThread(index: number, { calls }: OwnedThread, deadline: number): Promise<number[]> {
    const closing = calls.call("close", { ms: deadline - performance.now() });
    try {
      // It keeps the limit itself, and has to say so.
      await within(deadline + ANSWER_MS, closing);
      return await closing;
    } catch {
      const { shape } = this.#directory ?? {};
      return shape === undefined ? [] : shardsOf({ index, threads: this.#options.threads }, shape.shardCount);
    }
  }

  #thread(index: number): OwnedThread {
    const known = this.#threads.get(index);
    if (known !== undefined) return known;
    const { path, sync, divergence, maxSlots, times, limits, threads, directory } = this.#options;
    const thread = new OwnedThread({
      ...{ index, threads, path, sync, divergence, maxSlots, times, limits },
      pid: directory.pid,
    }, this.#service);
    this.#threads.set(index, thread);
    return thread;
  }

  async #create(shape: Shape): Promise<void> {
    const { files, path } = this.#options;
    await Directory.createFiles(files, path, shape);
    if (this.#isClosed) return;
    await this.#open(Directory.state(files, path)!);
    this.#options.onCreated(this.#directory!.store);
  }

  /** Has all threads open their shards, side by side. */
  async #open({ shape, completeness }: DirectoryState): Promise<void> {
    const { threads, onScanBegins, onScanEnds, onRepaired } = this.#options;
    const indices = Array.from({ length: Math.min(threads, shape.shardCount) }, (_, index) => index);
    // Before they are opened: what they record of their scans goes there.
    const shards: Shard[] = [];
    const directory = this.#opened = {
      shape,
      completeness,
      store: new Store(shape, shards, (shard) => completeness.isComplete(shard)),
    };
    await Promise.all(indices.map(async (index) => {
      const thread = this.#thread(index);
      await thread.open({ shape, scans: completeness.state }, { onScanBegins, onScanEnds, onRepaired });
      for (const [id, shard] of thread.mirrors!.shards) shards[id] = shard;
    }));
    for (const { id } of shards) this.#syncs[id] = new SyncReport();
    this.#directory = directory;
  }

  /** The directory, from when its shards begin to be opened. */
  #opened: FollowedDirectory | undefined;

  readonly #service: OwnerService = {
    create: (shape) => this.#opening ??= this.#create(shape),
    record: ({ shards, scans }) => this.#opened!.completeness.take(shards, scans),
    heard: ({ key, event }) => this.#conversations.get(key)?.hear(event),
    wake: () => {
      for (const { mirrors } of this.#threads.values()) mirrors?.hold();
    },
    damaged: (shard) => this.#options.onDamaged(shard),
    misrouted: (shard) => this.#options.onMisrouted(shard),
    synced: ({ shard, durationMs, syncedAtMs, error }) => {
      const sync = this.#syncs[shard];
      if (sync === undefined) return;
      sync.syncedAtMs = syncedAtMs;
      if (durationMs !== undefined) sync.durations.observe(durationMs);
      if (error === undefined) sync.lastError.clear();
      else sync.lastError.set(receiveError(error));
    },
    verified: ({ key, status }) => this.#checks.get(key)?.(status),
    longestSlice: (ms) => this.longestSliceMs = Math.max(this.longestSliceMs, ms),
  };
}

/** A thread that has closed in time may need so long to say so. */
const ANSWER_MS = 500;
const NO_REPORT: VerifyStatus = {
  startedAtMs: 0,
  endedAtMs: null,
  slots: 0,
  position: 0,
  damaged: 0,
  error: null,
};
