/**
 * The store of a replica whose shards are kept by threads: each has every n-th shard, with its files and its link.
 * This one has the directory's lock and its record of scans, and reads what the threads keep.
 */

import { Directory, type DirectoryState } from "../directory/directory.ts";
import { within } from "../directory/deadline.ts";
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
import type { Shape } from "../slot_events.ts";
import { asError } from "../error_code.ts";
import { type BackupOptions, backupParts } from "../replica/backup.ts";
import type { Calls } from "./calls.ts";
import { receiveError } from "./error_transport.ts";
import {
  type ConversationEvent,
  type OwnerService,
  type Progress,
  shardsOf,
  type ThreadService,
} from "./messages.ts";
import { OwnedThread } from "./owned_thread.ts";
import { ThreadBackup } from "./thread_backup.ts";
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
  /** Once the directory is open: those that have shards. */
  readonly #threads: OwnedThread[];
  readonly #syncs: SyncReport[] = [];
  readonly #conversations = new Map<number, ThreadConversation>();
  /** By key: who hears of damaged shards. */
  readonly #checks = new Map<number, (shard: number) => void>();
  readonly #reports = new Map<number, (progress: Progress) => void>();
  #directory: FollowedDirectory | undefined;
  #opening: Promise<void> | undefined;
  #isClosed = false;
  #lastKey = 0;

  /** Starts all threads: that takes 0.1 s, and nobody knows yet of how many shards they have to share. */
  constructor(options: ThreadedTargetOptions) {
    this.#options = options;
    const { path, sync, divergence, maxSlots, times, limits, threads, directory: { pid } } = options;
    const data = { path, pid, sync, divergence, maxSlots, times, limits, threads };
    this.#threads = Array.from(
      { length: threads },
      (_, index) => new OwnedThread({ ...data, index }, this.#service),
    );
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
    const { calls } = this.#threads[parts.shard % this.#options.threads];
    const conversation = new ThreadConversation(key, calls, shared, parts);
    this.#conversations.set(key, conversation);
    conversation.ended.then(() => this.#conversations.delete(key));
    return conversation;
  }

  #hear(key: number, event: ConversationEvent): void {
    const conversation = this.#conversations.get(key);
    try {
      conversation?.hear(event);
    } catch (error) {
      conversation!.fail(asError(error));
    }
  }

  /** See {@link FollowedTarget}. */
  async verify({ status, signal, onDamaged }: ScrubOptions): Promise<void> {
    try {
      await this.#withReports(status, async (keys) => {
        for (const key of keys) this.#checks.set(key, onDamaged);
        const checks = this.#threads.map(({ calls }, i) => verifyIn(calls, keys[i], signal));
        // Each ends by the signal too; none is left behind.
        await Promise.allSettled(checks);
        await Promise.all(checks);
      });
    } catch (error) {
      status.error = asError(error).message;
      throw signal?.aborted ? signal.reason : error;
    } finally {
      status.endedAtMs = Date.now();
    }
  }

  /** See {@link FollowedTarget}. */
  async backUp(parent: string, options: BackupOptions): Promise<void> {
    await this.#withReports(options.status, async (keys) => {
      const parts = this.#threads.map((thread, i) => new ThreadBackup(keys[i], thread, options.signal));
      await backupParts(this.#directory!, parts, parent, options);
    });
  }

  /** Has work done in all threads, which report by a key each how far they are: the status shows the sum. */
  async #withReports(status: object, work: (keys: number[]) => Promise<void>): Promise<void> {
    const reports = new Map<number, Progress>();
    const keys = this.#threads.map(() => ++this.#lastKey);
    for (const key of keys) {
      this.#reports.set(key, (report) => Object.assign(status, sumOf(reports.set(key, report))));
    }
    try {
      await work(keys);
    } finally {
      for (const key of keys) {
        this.#reports.delete(key);
        this.#checks.delete(key);
      }
    }
  }

  /** See {@link FollowedTarget}. */
  async close(limitMs: number, others: Promise<void> = Promise.resolve()): Promise<number[]> {
    const deadline = performance.now() + limitMs;
    this.#isClosed = true;
    this.#directory?.store.close();
    await within(deadline, Promise.allSettled([this.#opening, others])).catch(() => {});
    const dirty = await Promise.all(
      this.#threads.map((thread, index) => this.#closeThread(index, thread, deadline)),
    );
    const completeness = this.#directory?.completeness;
    if (completeness !== undefined) {
      await within(deadline, completeness.settled()).catch(() => {});
      completeness.close();
    }
    await Promise.all(this.#threads.map((thread) => thread.terminate()));
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

  async #create(shape: Shape): Promise<void> {
    const { files, path } = this.#options;
    await Directory.createFiles(files, path, shape);
    if (this.#isClosed) return;
    await this.#open(Directory.state(files, path)!);
    this.#options.onCreated(this.#directory!.store);
  }

  /** Has the threads open their shards, side by side. */
  async #open({ shape, completeness }: DirectoryState): Promise<void> {
    const { onScanBegins, onScanEnds, onRepaired } = this.#options;
    for (const idle of this.#threads.splice(shape.shardCount)) await idle.terminate();
    const shards: Shard[] = [];
    const store = new Store(shape, shards, (shard) => completeness.isComplete(shard));
    // Before they are opened: what they record of their scans goes there.
    this.#opened = { shape, completeness, store };
    await Promise.all(this.#threads.map(async (thread) => {
      await thread.open({ shape, scans: completeness.state }, { onScanBegins, onScanEnds, onRepaired });
      for (const [id, shard] of thread.mirrors!.shards) shards[id] = shard;
    }));
    for (const { id } of shards) this.#syncs[id] = new SyncReport();
    this.#directory = this.#opened;
  }

  /** The directory, from when its shards begin to be opened. */
  #opened: FollowedDirectory | undefined;

  readonly #service: Omit<OwnerService, "wake"> = {
    create: (shape) => this.#opening ??= this.#create(shape),
    record: ({ shards, scans }) => this.#opened!.completeness.take(shards, scans),
    heard: ({ key, event }) => this.#hear(key, event),
    damaged: ({ shard, check }) => {
      if (check === undefined) this.#options.onDamaged(shard);
      else this.#checks.get(check)?.(shard);
    },
    misrouted: (shard) => this.#options.onMisrouted(shard),
    synced: ({ shard, durationMs, syncedAtMs, error }) => {
      const sync = this.#syncs[shard];
      if (sync === undefined) return;
      sync.syncedAtMs = syncedAtMs;
      if (durationMs !== undefined) sync.durations.observe(durationMs);
      if (error === undefined) sync.lastError.clear();
      else sync.lastError.set(receiveError(error));
    },
    progress: ({ key, progress }) => this.#reports.get(key)?.(progress),
    longestSlice: (ms) => this.longestSliceMs = Math.max(this.longestSliceMs, ms),
  };
}

/** A thread that has closed in time may need so long to say so. */
const ANSWER_MS = 500;

/** Checks the slots of one thread. Rejects with what ended it, which may be the signal. */
async function verifyIn(
  thread: Calls<ThreadService>,
  key: number,
  signal: AbortSignal | undefined,
): Promise<void> {
  const giveUp = () => thread.tell("giveUp", { key });
  const check = thread.call("verify", { key });
  if (signal?.aborted) giveUp();
  signal?.addEventListener("abort", giveUp);
  try {
    await check;
  } finally {
    signal?.removeEventListener("abort", giveUp);
  }
}

/** The sums of what several have reported. */
function sumOf(reports: Map<number, Progress>): Progress {
  const sum: Progress = {};
  for (const report of reports.values()) {
    for (const [name, value] of Object.entries(report)) sum[name] = (sum[name] ?? 0) + value;
  }
  return sum;
}
