/**
 * One follower at a leader: SyncRequest, ShardInfo, a scan of all slots batch by batch, then changes as they come.
 *
 * What is streamed is the present state of each slot that changed, not every change in between: a follower ends
 * up equal either way, and a slot that is written a thousand times while the follower is slow costs one event.
 */

import { asError } from "../error_code.ts";
import { ProtocolError } from "../errors.ts";
import type { Connection, ConnectionHandlers } from "../runtime/runtime.ts";
import { nextTurn, TimeSlice } from "../time_slice.ts";
import { type Frame, Framer } from "./framer.ts";
import {
  BatchEncoder,
  decodeAck,
  decodeSyncRequest,
  encodeCaughtUp,
  encodeError,
  encodeShardInfo,
  FrameType,
  frameTypeName,
  HEARTBEAT_FRAME,
} from "./protocol.ts";
import type { ReplicationSource, SlotWants } from "./source.ts";

/** Intervals and limits of the serving side. */
export interface LeaderLimits {
  /** Until the SyncRequest, and until the Ack of a scan's batch, in ms. */
  silenceMs: number;
  /** Until a follower that does not read is cut, in ms. */
  stallMs: number;
  /** Between Heartbeats on an idle link, in ms. */
  heartbeatMs: number;
  /** Slots that may wait for a slow follower; over it, it is told to scan again. */
  pendingSlots: number;
  /** Heartbeats that a follower may send before one Ack. */
  heartbeatsPerAck: number;
}

/** armdb's own figures, but for the queue: ours holds slots, not events, so a hot slot takes one place. */
export const DEFAULT_LEADER_LIMITS: LeaderLimits = {
  silenceMs: 10_000,
  stallMs: 10_000,
  heartbeatMs: 5000,
  pendingSlots: 65_536,
  heartbeatsPerAck: 8,
};

/** How long the message of a refusal has to reach the follower. */
const REFUSAL_MS = 1000;
/** The protocol versions that are served. */
const VERSIONS = [1, 2];

/** See the head of this file. */
export class LeaderConnection implements ConnectionHandlers {
  /** Events sent. */
  eventsSent = 0;
  /** The most slots that waited for the follower. */
  pendingHighWater = 0;
  readonly #connection: Connection;
  readonly #source: ReplicationSource;
  readonly #limits: LeaderLimits;
  readonly #onEnd: (connection: LeaderConnection, why: string | undefined) => void;
  readonly #framer = new Framer();
  readonly #slice = new TimeSlice();
  readonly #pending = new Set<number>();
  #encoder!: BatchEncoder;
  #wants!: SlotWants;
  #shard = -1;
  #position = 0;
  #slotCount = 0;
  #phase: "greeting" | "scanning" | "streaming" | "over" = "greeting";
  #heartbeats = 0;
  /** Acks that let no batch pass yet: a follower may send some ahead. */
  #acks = 0;
  /** Ends the scan's wait for an Ack, or for room. */
  #goOn: (() => void) | undefined;
  #isStalled = false;
  #isFlushing = false;
  #isGone = false;
  #refusal: string | undefined;
  #unsubscribe = () => {};
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** Serves a connection that was just accepted. */
  constructor(
    connection: Connection,
    source: ReplicationSource,
    options: { limits: LeaderLimits; onEnd: (connection: LeaderConnection, why: string | undefined) => void },
  ) {
    this.#connection = connection;
    this.#source = source;
    this.#limits = options.limits;
    this.#onEnd = options.onEnd;
    this.#expect(options.limits.silenceMs, "it sent no SyncRequest");
  }

  /** The follower's address. */
  get peer(): string {
    return this.#connection.peer;
  }

  /** The shard that is followed; -1 before the SyncRequest. */
  get shard(): number {
    return this.#shard;
  }

  /** See {@link ConnectionHandlers}. */
  onData(bytes: Uint8Array): void {
    if (this.#phase === "over") return;
    try {
      this.#framer.push(bytes);
      for (let frame = this.#framer.next(); frame !== undefined; frame = this.#framer.next()) {
        this.#onFrame(frame);
        if (this.#isOver) return;
      }
    } catch (error) {
      this.cut(asError(error).message);
    }
  }

  /** See {@link ConnectionHandlers}. */
  onDrain(): void {
    this.#isStalled = false;
    this.#goOn?.();
    if (this.#phase !== "streaming") return;
    this.#beatLater();
    this.#flush();
  }

  /** See {@link ConnectionHandlers}. */
  onClose(): void {
    this.cut(undefined);
  }

  /** Ends the connection. `why` goes to the log; undefined where the follower just left. */
  cut(why: string | undefined): void {
    if (this.#isGone) return;
    this.#isGone = true;
    this.#phase = "over";
    clearTimeout(this.#timer);
    this.#unsubscribe();
    this.#connection.destroy();
    this.#goOn?.();
    this.#onEnd(this, this.#refusal ?? why);
  }

  get #isOver(): boolean {
    return this.#phase === "over";
  }

  #onFrame({ type, payload }: Frame): void {
    if (this.#phase === "greeting") {
      if (type !== FrameType.SyncRequest) {
        throw new ProtocolError(`it sent ${frameTypeName(type)} before a SyncRequest`);
      }
      this.#onSyncRequest(payload);
    } else if (type === FrameType.Ack) {
      decodeAck(payload);
      this.#heartbeats = 0;
      this.#acks++;
      this.#goOn?.();
    } else if (type === FrameType.Heartbeat) {
      if (this.#phase === "scanning" && ++this.#heartbeats > this.#limits.heartbeatsPerAck) {
        throw new ProtocolError(`it sent ${this.#heartbeats} Heartbeats instead of an Ack`);
      }
    } else {
      throw new ProtocolError(`it sent ${frameTypeName(type)} in phase ${this.#phase}`);
    }
  }

  #onSyncRequest(payload: Uint8Array): void {
    const { shard, version, emptyState } = decodeSyncRequest(payload);
    const { shape } = this.#source;
    if (!VERSIONS.includes(version)) {
      return this.#refuse(`protocol version mismatch: leader 2, follower ${version}`);
    }
    if (shard >= shape.shardCount) return this.#refuse("invalid shard_id");
    this.#shard = shard;
    this.#wants = { resets: version === 2, skipDeleted: emptyState };
    this.#slotCount = this.#source.slotCount(shard);
    this.#encoder = new BatchEncoder(shape);
    const slotSize = (8 + shape.keyLength + shape.valueLength + 7) & ~7;
    this.#phase = "scanning";
    this.#connection.write(encodeShardInfo({ ...shape, slotSize, slotCount: this.#slotCount }));
    // Slots behind the scan's position are still to come; those before it, and new ones, must be sent again.
    this.#unsubscribe = this.#source.subscribe(shard, (slot) => this.#onChange(slot));
    this.#scan().catch((error) => this.cut(asError(error).message));
  }

  #refuse(message: string): void {
    this.#connection.write(encodeError(message));
    this.#phase = "over";
    this.#refusal = message;
    this.#unsubscribe();
    this.#connection.end();
    // One that does not read would never let the message through.
    this.#expect(REFUSAL_MS, "it did not take its refusal");
    this.#goOn?.();
  }

  async #scan(): Promise<void> {
    let scanned = 0;
    clearTimeout(this.#timer);
    this.#slice.begin();
    while (this.#position < this.#slotCount && !this.#isOver) {
      await this.#fillBatch();
      scanned += this.#encoder.count;
      if (this.#encoder.count > 0 && !this.#isOver) await this.#sendAndAwaitAck();
    }
    if (this.#isOver) return;
    this.#phase = "streaming";
    this.#connection.write(encodeCaughtUp({ shard: this.#shard, scanned }));
    this.#beatLater();
    this.#flush();
  }

  /** The next batch of the scan, full or at the end; free slots cost time too, so it looks at the clock. */
  async #fillBatch(): Promise<void> {
    const encoder = this.#encoder;
    encoder.reset(this.#shard);
    while (this.#position < this.#slotCount && !encoder.full) {
      this.#source.addSlot(encoder, { shard: this.#shard, slot: this.#position++ }, this.#wants);
      if (this.#position % 256 === 0 && this.#slice.isOver) await this.#slice.yield();
    }
  }

  async #sendAndAwaitAck(): Promise<void> {
    this.#send();
    // One that does not read is sent no more, whatever it acknowledges, and has the time of `#send` for it.
    while (this.#isStalled && !this.#isOver) await this.#something();
    if (this.#acks === 0 && !this.#isOver) {
      this.#expect(this.#limits.silenceMs, "it did not acknowledge a batch");
      while (this.#acks === 0 && !this.#isOver) await this.#something();
    }
    if (!this.#isOver) clearTimeout(this.#timer);
    this.#acks--;
  }

  /** An Ack came, or there is room, or all is over. */
  async #something(): Promise<void> {
    await new Promise<void>((resolve) => this.#goOn = resolve);
    this.#slice.begin();
  }

  #onChange(slot: number): void {
    if (this.#phase === "scanning" && slot >= this.#position && slot < this.#slotCount) return;
    this.#pending.add(slot);
    if (this.#pending.size > this.pendingHighWater) this.pendingHighWater = this.#pending.size;
    if (this.#pending.size > this.#limits.pendingSlots) {
      return this.#refuse("events dropped, rescan required");
    }
    if (this.#phase === "streaming") this.#flushLater();
  }

  /** Changes of one turn of the event loop travel together. */
  #flushLater(): void {
    if (this.#isFlushing || this.#isStalled) return;
    this.#isFlushing = true;
    setImmediate(() => {
      this.#isFlushing = false;
      if (!this.#isOver) this.#flush();
    });
  }

  #flush(): void {
    if (this.#isFlushing) return;
    this.#isFlushing = true;
    this.#flushAll().catch((error) => this.cut(String(error))).finally(() => {
      this.#isFlushing = false;
      // Changes that came since the last batch was filled have nobody else to send them.
      if (this.#pending.size > 0 && !this.#isOver) this.#flushLater();
    });
  }

  async #flushAll(): Promise<void> {
    this.#slice.begin();
    while (this.#pending.size > 0 && !this.#isStalled && !this.#isOver) {
      this.#fillFromPending();
      if (this.#encoder.count > 0) this.#send();
      if (this.#slice.isOver) await nextTurn().then(() => this.#slice.begin());
    }
  }

  #fillFromPending(): void {
    const encoder = this.#encoder;
    encoder.reset(this.#shard);
    const wants = { resets: this.#wants.resets, skipDeleted: false };
    for (const slot of this.#pending) {
      this.#pending.delete(slot);
      this.#source.addSlot(encoder, { shard: this.#shard, slot }, wants);
      if (encoder.full) break;
    }
  }

  #send(): void {
    this.eventsSent += this.#encoder.count;
    if (!this.#connection.write(this.#encoder.finish())) {
      this.#isStalled = true;
      this.#expect(this.#limits.stallMs, "it does not read");
    } else if (this.#phase === "streaming") this.#beatLater();
  }

  #beatLater(): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#connection.write(HEARTBEAT_FRAME);
      this.#beatLater();
    }, this.#limits.heartbeatMs);
  }

  #expect(withinMs: number, otherwise: string): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.cut(`${otherwise} within ${withinMs} ms`), withinMs);
  }
}
