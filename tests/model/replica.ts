/** A follower's store and its watchers, driven as links drive them, over files in memory. */

import { Directory } from "../../src/directory/directory.ts";
import { ReplicaTarget } from "../../src/replica/replica_target.ts";
import { type Change, WatchHub } from "../../src/replica/watch.ts";
import type { Store } from "../../src/fixed/store.ts";
import type { StorageKind } from "../../src/storage/slot_file.ts";
import { TimeSlice } from "../../src/time_slice.ts";
import { MemoryTree } from "../fuzz/memory_tree.ts";
import { eventsOf, type ModelEvent, type ModelLeader, SHAPE, SLOTS } from "./model_leader.ts";

const PATH = "/replica";

/** Where a shard's connection stands. */
interface Connection {
  phase: "down" | "scanning" | "live";
  /** The next slot of the scan. */
  position: number;
  /** Events that wait for the scan to end. */
  queue: ModelEvent[];
  /** Whether the leader leaves DELETED slots out of the scan. */
  skipsDeleted: boolean;
}

/** See the head of this file. */
export class Replica {
  /** One a shard. */
  readonly connections: Connection[] = [0, 1].map(() => (
    { phase: "down", position: 0, queue: [], skipsDeleted: false }
  ));
  readonly #kind: StorageKind;
  readonly #leader: ModelLeader;
  readonly #slice = new TimeSlice(1000);
  #tree = new MemoryTree();
  #hub = new WatchHub();
  #target!: ReplicaTarget;
  #reason: "reconnect" | "rescan" = "reconnect";

  private constructor(kind: StorageKind, leader: ModelLeader) {
    this.#kind = kind;
    this.#leader = leader;
    this.#tree.makeDirectory(PATH);
  }

  /** A follower of a leader, without a connection and without a store. */
  static async begin(kind: StorageKind, leader: ModelLeader): Promise<Replica> {
    const replica = new Replica(kind, leader);
    await replica.#open();
    return replica;
  }

  /** The store, once a leader has told its shape. */
  get store(): Store | undefined {
    return this.#target.directory?.store;
  }

  /** Changes from now on, beginning with what is there. */
  watch(queue: number): AsyncIterableIterator<Change> {
    return this.#hub.watch(() => this.store, { initial: true, queue });
  }

  /** The leader wrote: live it is applied, during a scan it waits, without a connection it is lost. */
  hear(event: ModelEvent): void {
    const connection = this.connections[event.shard];
    if (connection.phase === "scanning") connection.queue.push({ ...event });
    if (connection.phase === "live") this.#apply(event.shard, [event], "stream");
  }

  /** Ends a shard's connection. */
  disconnect(shard: number): void {
    const connection = this.connections[shard];
    if (connection.phase === "scanning") this.#target.abortScan(shard);
    connection.phase = "down";
    connection.queue = [];
  }

  /** Connects, and begins a whole scan. */
  async connect(shard: number, reason: "reconnect" | "rescan" = "reconnect"): Promise<void> {
    this.disconnect(shard);
    this.#reason = reason;
    const skipsDeleted = this.#target.isEmpty(shard);
    await this.#target.beginScan(shard, "scan", { ...SHAPE, slotCount: SLOTS });
    Object.assign(this.connections[shard], { phase: "scanning", position: 0, skipsDeleted });
  }

  /** Takes so many slots of a scan, and ends it behind the last. Answers how many events there were. */
  async scan(shard: number, slots: number): Promise<number> {
    const connection = this.connections[shard];
    const end = Math.min(SLOTS, connection.position + slots);
    const events = this.#leader.shards[shard].slice(connection.position, end).filter((event) =>
      event !== undefined &&
      !(connection.skipsDeleted && event.value === undefined && event.key !== undefined)
    ) as ModelEvent[];
    connection.position = end;
    this.#apply(shard, events, "scan");
    if (end === SLOTS) await this.#endScan(shard);
    return events.length;
  }

  /** Stops as asked for, and starts again. */
  async reopen(): Promise<void> {
    await this.close();
    await this.#open();
  }

  /** Stops as asked for. */
  async close(): Promise<void> {
    for (const shard of [0, 1]) this.disconnect(shard);
    this.#hub.close();
    const dirty = await this.#target.close(10_000);
    if (dirty.length > 0) throw new Error(`Shards ${dirty} are not closed cleanly`);
    if (this.#tree.openCount > 0) throw new Error(`${this.#tree.openCount} files stay open`);
  }

  /** As kill -9: what was written is there, and nobody ends anything. */
  async crash(): Promise<void> {
    const left = this.#tree.copy();
    for (const connection of this.connections) Object.assign(connection, { phase: "down", queue: [] });
    this.#hub.close();
    await this.#target.close(10_000);
    this.#tree = left;
    await this.#open();
  }

  async #endScan(shard: number): Promise<void> {
    const { unconfirmed, unverified } = await this.#target.endScan(shard, "scan");
    if (unconfirmed + unverified > 0) throw new Error(`${unconfirmed} unconfirmed, ${unverified} unverified`);
    const connection = this.connections[shard];
    connection.phase = "live";
    this.#apply(shard, connection.queue, "stream");
    connection.queue = [];
  }

  #apply(shard: number, events: readonly ModelEvent[], source: "scan" | "stream"): void {
    if (events.length === 0) return;
    this.#target.apply(shard, eventsOf(events), source);
    this.#target.flush(shard);
  }

  async #open(): Promise<void> {
    const { files } = this.#tree;
    const hub = this.#hub = new WatchHub();
    const options = { storage: this.#kind, pid: 1, slice: this.#slice };
    const directory = await Directory.open(files, PATH, options);
    this.#target = new ReplicaTarget({
      files,
      path: PATH,
      directory: options,
      sync: "none",
      // This leader never loses anything: whatever looks like it is a fault.
      divergence: { mode: "hold", limit: 0 },
      leader: () => "leader:9100",
      protocol: () => 2,
      slice: this.#slice,
      onScanBegins: (shard, isFirst) => hub.scanBegins(shard, isFirst ? undefined : this.#reason),
      onScanEnds: (shard, diverged) => hub.scanEnds(shard, diverged > 0),
      onCreated: (store) => hub.attach(store),
    }, directory);
    if (directory !== undefined) hub.attach(directory.store);
  }
}
