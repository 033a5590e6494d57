/** What a thread does: it keeps some shards of a directory, and holds their conversations with the leader. */

import { Completeness, type CompletenessState } from "../directory/completeness.ts";
import { Directory, type DirectoryOptions } from "../directory/directory.ts";
import { ClosedError, ConnectionError } from "../errors.ts";
import { type CopyProgress, LocalPart } from "../replica/backup_part.ts";
import { ReplicaTarget } from "../replica/replica_target.ts";
import { newVerifyStatus, scrubStore } from "../replica/scrub.ts";
import { Conversation } from "../replication/conversation.ts";
import { LinkCounters } from "../replication/counters.ts";
import { type ConversationListener, ProtocolChoice, type SessionView } from "../replication/link_shared.ts";
import type { Runtime } from "../runtime/runtime.ts";
import type { ThreadPort } from "../runtime/threads.ts";
import type { Shape } from "../slot_events.ts";
import { TimeSlice } from "../time_slice.ts";
import { Calls, type Service } from "./calls.ts";
import { sendError } from "./error_transport.ts";
import {
  type ConversationEvent,
  type ConversationOrder,
  type OwnerService,
  type Progress,
  type SentEnd,
  shardsOf,
  type ThreadData,
  type ThreadService,
} from "./messages.ts";
import { ShardPublisher } from "./shard_publisher.ts";

/** How often the owner hears how far a check is, and of the longest step. */
const REPORT_MS = 100;

/** A backup that was begun and has not ended. */
interface OpenBackup {
  part: LocalPart;
  giveUp: AbortController;
  progress: CopyProgress;
  copying: Promise<void> | undefined;
}

/** See the head of this file. */
export class ShardThread implements ThreadService {
  readonly #runtime: Runtime;
  readonly #data: ThreadData;
  readonly #owner: Calls<OwnerService>;
  readonly #publisher: ShardPublisher;
  readonly #slice = new TimeSlice();
  readonly #target: ReplicaTarget;
  readonly #conversations = new Map<number, Conversation>();
  readonly #checks = new Map<number, AbortController>();
  readonly #backups = new Map<number, OpenBackup>();
  #directory: Directory | undefined;
  /** As the last conversation was ordered with. */
  #leader = "";
  #version: 1 | 2 = 2;
  #longestToldMs = 0;

  /** A thread that waits for its owner's calls. */
  constructor(runtime: Runtime, data: ThreadData, port: ThreadPort, mail: (message: unknown) => void) {
    this.#runtime = runtime;
    this.#data = data;
    this.#owner = new Calls<OwnerService>(port, this as unknown as Service);
    const words = new Int32Array(data.words);
    this.#publisher = new ShardPublisher({
      words,
      mail,
      wake: () => this.#owner.tell("wake", undefined),
      onBackup: (key) => this.#backups.get(key)?.part.begin(),
    });
    this.#target = this.#newTarget();
  }

  #newTarget(): ReplicaTarget {
    const publisher = this.#publisher;
    const { path, sync, divergence, maxSlots } = this.#data;
    return new ReplicaTarget({
      files: this.#runtime.files,
      path,
      directory: this.#directoryOptions(),
      sync,
      divergence,
      maxSlots,
      slice: this.#slice,
      leader: () => this.#leader,
      protocol: () => this.#version,
      create: async (shape) => {
        await this.#owner.call("create", shape);
        return this.#directory!;
      },
      onScanBegins: (shard, isFirst) => publisher.note({ type: "scan-begins", shard, isFirst }),
      onScanEnds: (shard, diverged) => publisher.note({ type: "scan-ends", shard, diverged }),
      onRepaired: (shard) => publisher.note({ type: "repaired", shard }),
      onDamaged: (shard) => this.#owner.tell("damaged", { shard }),
      onMisrouted: (shard) => this.#owner.tell("misrouted", shard),
      onSync: (shard, durationMs) => this.#tellSync(shard, durationMs),
    }, undefined);
  }

  #directoryOptions(): DirectoryOptions {
    return { storage: "resident", pid: this.#data.pid, slice: this.#slice };
  }

  /** See {@link ThreadService}. */
  async open({ shape, scans }: { shape: Shape; scans: CompletenessState }): Promise<void> {
    const { files } = this.#runtime;
    const { path } = this.#data;
    const shards = shardsOf(this.#data, shape.shardCount);
    const record = (state: CompletenessState) => this.#owner.call("record", { shards, scans: state });
    const completeness = new Completeness(files, path, scans, record);
    const part = { shards, completeness };
    const directory = await Directory.open(files, path, { ...this.#directoryOptions(), part });
    this.#directory = directory!;
    for (const shard of this.#directory.store.shards) this.#publisher.add(shard);
    this.#target.adopt(this.#directory);
  }

  /** See {@link ThreadService}. */
  async converse(order: ConversationOrder): Promise<SentEnd> {
    const { key, shard, isSide, address, leader, version, nudgeMs } = order;
    this.#leader = leader;
    this.#version = version;
    const { times, limits, sync, clockOriginMs } = this.#data;
    const offsetMs = performance.timeOrigin - clockOriginMs;
    const counters = new LinkCounters(order.counters);
    const conversation = new Conversation({
      network: this.#runtime.network,
      target: this.#target,
      slice: this.#slice,
      address,
      leader,
      versions: new ProtocolChoice(version),
      now: () => performance.now() + offsetMs,
      settings: { times, limits, syncBatches: sync === "batch", nudgeMs: () => nudgeMs },
    }, { shard, isSide, counters, listener: this.#listener(key, counters) });
    this.#conversations.set(key, conversation);
    conversation.start();
    const { reason, error } = await conversation.ended;
    this.#conversations.delete(key);
    return { reason, ...error === undefined ? {} : { error: sendError(error) } };
  }

  #listener(key: number, counters: LinkCounters): ConversationListener {
    const tell = (event: ConversationEvent) => this.#owner.tell("heard", { key, event });
    let told: SessionView["phase"] | undefined;
    let toldStreamed = false;
    const progress = ({ phase, hasStreamed }: SessionView) => {
      this.#tellLongestSlice();
      if (phase === told && hasStreamed === toldStreamed) return;
      told = phase;
      toldStreamed = hasStreamed;
      tell({ type: "progress", phase, hasStreamed });
    };
    return {
      onConnected: () => tell({ type: "connected" }),
      onGreeted: (info) => tell({ type: "greeted", info }),
      onSuspectDrops: () => tell({ type: "suspect-drops" }),
      onFresh: (cameAtMs) => counters.setFresh(cameAtMs),
      onProgress: progress,
      onScanned: (result, cameAtMs) => {
        // The link asks its session where the scan has led to.
        progress(this.#conversations.get(key)!.session!);
        tell({ type: "scanned", result, cameAtMs });
      },
    };
  }

  #tellLongestSlice(): void {
    const { longestMs } = this.#slice;
    if (longestMs === this.#longestToldMs) return;
    this.#longestToldMs = longestMs;
    this.#owner.tell("longestSlice", longestMs);
  }

  #tellSync(shard: number, durationMs: number | undefined): void {
    const { syncedAtMs, lastError } = this.#target.syncOf(shard)!;
    const error = lastError.error === undefined ? {} : { error: sendError(lastError.error) };
    this.#owner.tell("synced", { shard, durationMs, syncedAtMs, ...error });
  }

  /** See {@link ThreadService}. */
  end({ key, reason }: Parameters<ThreadService["end"]>[0]): void {
    this.#conversations.get(key)?.end({ reason });
  }

  /** See {@link ThreadService}. */
  async verify({ key }: { key: number }): Promise<void> {
    const giveUp = new AbortController();
    this.#checks.set(key, giveUp);
    const status = newVerifyStatus();
    await this.#reporting(key, () => {
      const { slots, position, damaged } = status;
      return { slots, position, damaged };
    }, async () => {
      await scrubStore(this.#requireDirectory().store, {
        slice: this.#slice,
        signal: giveUp.signal,
        status,
        onDamaged: (shard) => this.#owner.tell("damaged", { shard, check: key }),
      });
    }).finally(() => this.#checks.delete(key));
  }

  /** Tells the owner how far some work is, and at its end too. */
  async #reporting(key: number, progress: () => Progress, work: () => Promise<void>): Promise<void> {
    const tell = () => this.#owner.tell("progress", { key, progress: progress() });
    const report = setInterval(tell, REPORT_MS);
    try {
      await work();
    } finally {
      clearInterval(report);
      tell();
    }
  }

  /** See {@link ThreadService}. */
  giveUp({ key }: { key: number }): void {
    this.#checks.get(key)?.abort(new ClosedError("Cannot go on: the check was given up"));
  }

  /** See {@link ThreadService}. */
  async prepareBackup({ key, path }: { key: number; path: string }): Promise<void> {
    const giveUp = new AbortController();
    const progress: CopyProgress = { slots: 0, position: 0, bytes: 0 };
    const { files } = this.#runtime;
    const options = { files, slice: this.#slice, signal: giveUp.signal, progress };
    const part = new LocalPart(this.#requireDirectory().store.shards, options);
    const backup: OpenBackup = { part, giveUp, progress, copying: undefined };
    this.#backups.set(key, backup);
    await part.prepare(path);
  }

  /** See {@link ThreadService}. */
  async copyBackup({ key }: { key: number }): Promise<void> {
    const backup = this.#backups.get(key)!;
    // If nothing has changed since, it has not begun.
    this.#publisher.hold();
    backup.copying = backup.part.copy();
    await this.#reporting(key, () => ({ ...backup.progress }), () => backup.copying!);
    this.#backups.delete(key);
  }

  /** See {@link ThreadService}. */
  async abandonBackup({ key }: { key: number }): Promise<void> {
    const backup = this.#backups.get(key);
    if (backup === undefined) return;
    backup.giveUp.abort(new ClosedError("Cannot go on: the backup was given up"));
    await backup.copying?.catch(() => {});
    await backup.part.abandon();
    this.#backups.delete(key);
  }

  /** See {@link ThreadService}. */
  async close({ ms }: { ms: number }): Promise<number[]> {
    return await this.#target.close(ms);
  }

  #requireDirectory(): Directory {
    if (this.#directory === undefined) throw new ConnectionError("Cannot go on: there is no directory yet");
    return this.#directory;
  }
}
