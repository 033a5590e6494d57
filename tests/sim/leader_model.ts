/**
 * A leader as armdb is one: its data, its queues, who holds its streams. Both protocols; what it does on the wire is
 * in leader_connection.ts.
 */

import type { VirtualClock } from "./clock.ts";
import { LeaderConnection } from "./leader_connection.ts";
import type { LeaderSlot, LeaderStore } from "./leader_store.ts";
import type { SimNetwork } from "./network.ts";
import type { Random } from "./random.ts";

const V1_QUEUE_EVENTS = 8192;

/** How a leader is made. */
export interface LeaderOptions {
  protocol: 1 | 2;
  /** Events that wait in a shard's queue, at the most: 8,192 in armdb. */
  queueEvents: number;
  /** Slots that a scan reads at one moment. */
  chunkSlots: number;
  /** Events of a batch of a scan. */
  scanBatch: number;
  /** The most that a step of a scan takes, in ms. */
  scanMs: number;
}

/** What waits to be streamed. */
export interface LeaderQueue {
  readonly events: { slot: number; written: LeaderSlot }[];
  /** Whether events were dropped since the queue was claimed. */
  hasDropped: boolean;
  holder: LeaderConnection | undefined;
  /** v1 gives it away once. */
  wasClaimed: boolean;
}

/** See the head of this file. */
export class LeaderModel {
  readonly protocol: 1 | 2;
  readonly chunkSlots: number;
  readonly scanBatch: number;
  /** Connections that were accepted. */
  accepted = 0;
  /** Events that v1 dropped without a word. */
  dropped = 0;
  /** Whether it was stopped in mid-scan, and said CaughtUp all the same. */
  hasSentPartialScan = false;
  readonly #options: LeaderOptions;
  readonly #queues: LeaderQueue[];
  readonly #connections = new Set<LeaderConnection>();
  /** The queues fill from the first connection on. */
  #isTapped = false;

  /** A leader that has just started, and listens. */
  constructor(
    readonly clock: VirtualClock,
    readonly random: Random,
    readonly network: SimNetwork,
    readonly store: LeaderStore,
    options: LeaderOptions,
  ) {
    this.#options = options;
    this.protocol = options.protocol;
    this.chunkSlots = options.chunkSlots;
    this.scanBatch = options.scanBatch;
    this.#queues = store.shards.map(() => ({
      events: [],
      hasDropped: false,
      holder: undefined,
      wasClaimed: false,
    }));
    for (const [id, shard] of store.shards.entries()) {
      shard.onWrite = (slot, written) => this.#onWrite(this.#queues[id], slot, written);
    }
    network.accept = (socket) => {
      this.accepted++;
      this.#isTapped = true;
      const connection = new LeaderConnection(this, socket);
      this.#connections.add(connection);
      return connection;
    };
  }

  /** Stops as its program would have it, or is killed: no word to anybody. */
  stop(isKilled: boolean): void {
    this.network.accept = undefined;
    for (const shard of this.store.shards) shard.onWrite = () => {};
    for (const connection of [...this.#connections]) {
      if (isKilled) connection.close();
      else connection.stop();
    }
  }

  /** How long a step of a scan takes. */
  scanMs(): number {
    return this.random.skewed(0.02, this.#options.scanMs);
  }

  /** The stream of a shard, where the connection may have it. */
  claim(shard: number, connection: LeaderConnection): LeaderQueue | undefined {
    const queue = this.#queues[shard];
    if (queue.holder !== undefined || (this.protocol === 1 && queue.wasClaimed)) return undefined;
    queue.holder = connection;
    queue.wasClaimed = true;
    if (this.protocol === 2) {
      queue.events.length = 0;
      queue.hasDropped = false;
    }
    return queue;
  }

  /** A connection has ended. */
  left(connection: LeaderConnection, queue: LeaderQueue | undefined): void {
    this.#connections.delete(connection);
    if (queue !== undefined) queue.holder = undefined;
  }

  /** What a follower knows of v1's silent drops rests on the real size of its queue. */
  get #mostQueued(): number {
    return this.protocol === 1 ? V1_QUEUE_EVENTS : this.#options.queueEvents;
  }

  #onWrite(queue: LeaderQueue, slot: number, written: LeaderSlot): void {
    if (!this.#isTapped || (this.protocol === 1 && queue.wasClaimed && queue.holder === undefined)) return;
    if (queue.events.length >= this.#mostQueued) {
      queue.hasDropped = true;
      this.dropped++;
      return;
    }
    queue.events.push({ slot, written });
    queue.holder?.wake();
  }
}
