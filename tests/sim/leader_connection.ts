/** One connection of the leader's model, with the manners of armdb 0.1 and 0.15 (facts page, sections 2 and 3). */

import { DELETED, FREE, OCCUPIED, packMeta, statusOf, versionOf } from "../../src/fixed/meta.ts";
import { Framer } from "../../src/replication/framer.ts";
import {
  BatchEncoder,
  decodeSyncRequest,
  encodeCaughtUp,
  encodeError,
  encodeShardInfo,
  FrameType,
  HEARTBEAT_FRAME,
} from "../../src/replication/protocol.ts";
import type { LeaderModel, LeaderQueue } from "./leader_model.ts";
import type { LeaderSlot } from "./leader_store.ts";
import type { Acceptor, SimSocket } from "./network.ts";

const ACK_LIMIT_MS = 10_000;
const MOST_HEARTBEATS = 8;
const HEARTBEAT_MS = 5000;
const FIRST_FRAME_MS = 10_000;
/** Bytes that a socket takes before the leader's write would block. */
const SOCKET_BYTES = 256 << 10;
/** v2 waits so long for a frame of the follower, and then sleeps for a ms. */
const POLL_MS = 20, SLEEP_MS = 1;

/** See the head of this file. */
export class LeaderConnection implements Acceptor {
  readonly #leader: LeaderModel;
  readonly #socket: SimSocket;
  readonly #framer = new Framer();
  #shard = -1;
  #phase: "greeting" | "scanning" | "streaming" | "idle" | "over" = "greeting";
  #skipsDeleted = false;
  #queue: LeaderQueue | undefined;
  #encoder!: BatchEncoder;
  #position = 0;
  #slotCount = 0;
  #scanned = 0;
  #chunk: { first: number; slots: LeaderSlot[] } = { first: 0, slots: [] };
  #heartbeats = 0;
  #awaitsAck = false;
  /** Acks that the scan has not read yet: each lets one batch pass. */
  #acksAhead = 0;
  #cancelLimit = () => {};
  #cancelNext = () => {};
  #sentAt = 0;
  /** Frames that the follower sent and the streaming loop has not looked at: it takes one a turn. */
  #unread = 0;

  constructor(leader: LeaderModel, socket: SimSocket) {
    this.#leader = leader;
    this.#socket = socket;
    this.#limit(FIRST_FRAME_MS);
  }

  get shard(): number {
    return this.#shard;
  }

  onData(bytes: Uint8Array): void {
    if (this.#phase === "over") return;
    this.#framer.push(bytes);
    for (let frame = this.#framer.next(); frame !== undefined; frame = this.#framer.next()) {
      this.#onFrame(frame.type, frame.payload);
    }
  }

  onClose(): void {
    this.#over();
  }

  /** The leader is stopped: in mid-scan it says CaughtUp all the same, with its partial count. */
  stop(): void {
    if (this.#phase === "scanning") {
      // Should the end of the connection come late, a follower takes this for the end of a whole scan.
      this.#leader.hasSentPartialScan = true;
      this.#write(encodeCaughtUp({ shard: this.#shard, scanned: this.#scanned }));
    }
    this.close();
  }

  /** Closes, behind what was written. */
  close(): void {
    this.#over();
    this.#socket.leaderCloses();
  }

  /** The leader's queue has something new. */
  wake(): void {
    // v2 looks when its read returns, v1 all the time.
    if (this.#phase === "streaming" && !this.#awaitsAck) this.#next(this.#pollMs());
  }

  #over(): void {
    if (this.#phase === "over") return;
    this.#phase = "over";
    this.#cancelLimit();
    this.#cancelNext();
    this.#leader.left(this, this.#queue);
  }

  #onFrame(type: number, payload: Uint8Array): void {
    if (this.#phase === "greeting") return this.#onRequest(type, payload);
    if (this.#phase === "scanning") return this.#onScanFrame(type);
    if (this.#phase === "idle" && type === FrameType.Heartbeat) this.#write(HEARTBEAT_FRAME);
    if (this.#phase !== "streaming" || this.#leader.protocol === 1) return;
    this.#unread++;
    // A frame ends the wait for it.
    this.#awaitsAck = false;
    this.#next(0.05);
  }

  #onRequest(type: number, payload: Uint8Array): void {
    if (type !== FrameType.SyncRequest) return this.close();
    const { shard, version, emptyState } = decodeSyncRequest(payload);
    const { protocol, store } = this.#leader;
    if (version !== protocol) {
      return this.#refuse(`protocol version mismatch: leader ${protocol}, follower ${version}`);
    }
    if (shard >= store.shape.shardCount) return this.#refuse("invalid shard_id");
    this.#shard = shard;
    this.#skipsDeleted = emptyState;
    this.#encoder = new BatchEncoder(store.shape);
    this.#slotCount = store.shards[shard].slots.length;
    const slotSize = Math.ceil((8 + store.shape.keyLength + store.shape.valueLength) / 8) * 8;
    this.#write(encodeShardInfo({ ...store.shape, slotSize, slotCount: this.#slotCount }));
    this.#queue = this.#leader.claim(shard, this);
    if (this.#queue === undefined && protocol === 2) return this.#refuse("shard already streaming");
    this.#cancelLimit();
    this.#phase = "scanning";
    this.#encoder.reset(shard);
    this.#next(this.#leader.scanMs());
  }

  #refuse(message: string): void {
    this.#write(encodeError(message));
    this.close();
  }

  #onScanFrame(type: number): void {
    if (type === FrameType.Ack) {
      this.#acksAhead++;
      if (this.#awaitsAck) this.#onAcked();
    } else if (type !== FrameType.Heartbeat || ++this.#heartbeats > MOST_HEARTBEATS) this.close();
  }

  #onAcked(): void {
    this.#acksAhead--;
    this.#awaitsAck = false;
    this.#heartbeats = 0;
    this.#cancelLimit();
    this.#encoder.reset(this.#shard);
    this.#next(this.#leader.scanMs());
  }

  /** A part of the scan: up to the next batch, or to the end of a chunk, which is read at one moment. */
  #scan(): void {
    const { slots } = this.#leader.store.shards[this.#shard];
    while (this.#position < this.#slotCount) {
      if (this.#position >= this.#chunk.first + this.#chunk.slots.length) {
        const end = Math.min(this.#slotCount, this.#position + this.#leader.chunkSlots);
        this.#chunk = { first: this.#position, slots: slots.slice(this.#position, end) };
      }
      const slot = this.#position++;
      this.#addScanned(slot, this.#chunk.slots[slot - this.#chunk.first]);
      if (this.#encoder.count >= this.#leader.scanBatch) return this.#sendScanned();
      if (this.#position === this.#chunk.first + this.#chunk.slots.length) {
        return this.#next(this.#leader.scanMs());
      }
    }
    if (this.#encoder.count > 0) return this.#sendScanned();
    this.#caughtUp();
  }

  #addScanned(slot: number, { meta, record }: LeaderSlot): void {
    const status = statusOf(meta);
    if (status === DELETED && this.#skipsDeleted) return;
    // The crate sends a reset only for a slot whose version is not 0.
    if (status === FREE && (this.#leader.protocol === 1 || versionOf(meta) === 0)) return;
    this.#add(slot, meta, record);
    this.#scanned++;
  }

  #add(slot: number, meta: number, record: Uint8Array): void {
    const status = statusOf(meta);
    if (status === OCCUPIED) this.#encoder.addOccupied(slot, meta, record, 0);
    else if (status === DELETED) this.#encoder.addDeleted(slot, meta, record, 0);
    else this.#encoder.addReset(slot, packMeta(versionOf(meta), FREE));
  }

  #sendScanned(): void {
    this.#awaitsAck = true;
    this.#limit(ACK_LIMIT_MS);
    this.#write(this.#encoder.finish());
    if (this.#acksAhead > 0) this.#onAcked();
  }

  #caughtUp(): void {
    this.#write(encodeCaughtUp({ shard: this.#shard, scanned: this.#scanned }));
    if (this.#leader.protocol === 2) this.#unread = this.#acksAhead;
    this.#phase = this.#queue === undefined ? "idle" : "streaming";
    this.#sentAt = this.#leader.clock.now;
    if (this.#phase === "streaming") this.#next(this.#pollMs());
  }

  /** One turn of the streaming loop. */
  #stream(): void {
    const queue = this.#queue!;
    this.#awaitsAck = false;
    if (this.#unread > 0) this.#unread--;
    if (queue.hasDropped && this.#leader.protocol === 2) {
      queue.hasDropped = false;
      return this.#refuse("events dropped, rescan required");
    }
    const { now } = this.#leader.clock;
    if (queue.events.length > 0) {
      this.#encoder.reset(this.#shard);
      let taken = 0;
      while (taken < queue.events.length && !this.#encoder.full) {
        const { slot, written } = queue.events[taken++];
        this.#add(slot, written.meta, written.record);
      }
      queue.events.splice(0, taken);
      this.#write(this.#encoder.finish());
      this.#awaitsAck = this.#leader.protocol === 2 && this.#unread === 0;
      this.#next(this.#leader.protocol === 1 ? 0.05 : this.#unread > 0 ? 0.05 : POLL_MS);
    } else {
      if (now - this.#sentAt >= HEARTBEAT_MS - SLEEP_MS) {
        this.#write(HEARTBEAT_FRAME);
        this.#sentAt = now;
      }
      // Nothing happens before the next heartbeat, the next frame or the next event, which wakes it.
      this.#next(this.#unread > 0 ? SLEEP_MS : HEARTBEAT_MS - (now - this.#sentAt));
    }
  }

  #pollMs(): number {
    return this.#leader.protocol === 1 ? SLEEP_MS : this.#leader.random.float() * (POLL_MS + SLEEP_MS);
  }

  #nextAt = Infinity;

  /** Goes on in so many ms, or earlier where that was planned. */
  #next(ms: number): void {
    const at = this.#leader.clock.now + ms;
    if (at >= this.#nextAt) return;
    this.#cancelNext();
    this.#nextAt = at;
    this.#cancelNext = this.#leader.clock.after(ms, () => {
      this.#nextAt = Infinity;
      if (this.#phase === "scanning") this.#scan();
      else if (this.#phase === "streaming") this.#stream();
    });
  }

  #limit(ms: number): void {
    this.#cancelLimit();
    this.#cancelLimit = this.#leader.clock.after(ms, () => this.close());
  }

  #write(frame: Uint8Array): void {
    if (this.#socket.inFlight > SOCKET_BYTES) return this.close();
    this.#socket.leaderWrites(frame);
  }
}
