/** One connection of a follower, fed with anything: framer and session as a link drives them, without a socket. */

import { LeaderError, ProtocolError, ProtocolVersionError, ShapeError } from "../../src/errors.ts";
import { Histogram } from "../../src/histogram.ts";
import type { Effect } from "../../src/replication/effect.ts";
import { type Frame, Framer } from "../../src/replication/framer.ts";
import {
  ACK_FRAME_BYTES,
  decodeAck,
  decodeSyncRequest,
  FRAME_HEADER_BYTES,
  FrameType,
  MAX_PAYLOAD_BYTES,
} from "../../src/replication/protocol.ts";
import { MOST_ACKS_AHEAD } from "../../src/replication/scan_acks.ts";
import { Session } from "../../src/replication/session.ts";
import { DEFAULT_TIMES } from "../../src/replication/times.ts";
import { checkEvents } from "./codec_check.ts";
import type { Script } from "./frame_corpus.ts";
import type { Random } from "../harness/random.ts";
import { must, type Refusals } from "./refusal.ts";

/** A slot id this far beyond all that is known must be refused. */
const SLOT_SLACK = 65_536;
/** As many slots as a target makes room for; beyond it the connection ends. */
const MOST_SLOTS = 2 ** 28;
/** One that ends a phase, and one for what is overdue in the next. */
const MOST_TICKS = 2;
const ACKS = new Histogram();
const SESSION_ERRORS = [ProtocolError, LeaderError, ShapeError];
const END_ERRORS = [...SESSION_ERRORS, ProtocolVersionError];
const WAITING = ["greet", "apply", "sync", "judge"];

/** See the head of this file. */
export class SessionCase {
  /** Bytes that came out of the framer in whole frames. */
  consumed = 0;
  /** Whether the connection has come to its end. */
  isOver = false;
  /** Events applied. */
  events = 0;
  /** The farthest phase that was reached. */
  readonly phases = new Set<string>();
  readonly #framer = new Framer();
  readonly #session: Session;
  readonly #script: Script;
  readonly #random: Random;
  readonly #refusals: Refusals;
  readonly #syncBatches: boolean;
  #now = 1000;
  #knownSlots = 0;
  #longestChunk = 0;

  /** The follower's side of a connection, its SyncRequest sent. */
  constructor(script: Script, random: Random, refusals: Refusals) {
    this.#script = script;
    this.#random = random;
    this.#refusals = refusals;
    this.#syncBatches = random.oneIn(4);
    this.#session = new Session({
      shard: script.shard,
      version: script.version,
      emptyState: random.oneIn(2),
      side: random.oneIn(8),
      syncBatches: this.#syncBatches,
      nudgeMs: random.oneIn(2) ? 2 : undefined,
      times: DEFAULT_TIMES,
      acks: ACKS,
      progress: () => ({ applied: this.events, maxVersion: 9 }),
    }, this.#now);
    this.#perform(this.#session.start(this.#now));
  }

  /** The most bytes that waited in the framer. */
  get highWater(): number {
    return this.#framer.highWater;
  }

  /** Bytes arrive; they are the socket's again afterwards. */
  receive(chunk: Uint8Array): void {
    const borrowed = chunk.slice();
    this.#longestChunk = Math.max(this.#longestChunk, chunk.length);
    try {
      this.#framer.push(borrowed);
      for (let frame = this.#framer.next(); frame !== undefined; frame = this.#framer.next()) {
        this.consumed += frame.bytes;
        this.#handle(frame);
        if (this.isOver) break;
        // What came with it waits while an effect does.
        if (this.#random.oneIn(4)) {
          this.#framer.retain();
          borrowed.fill(0xee);
        }
      }
    } catch (error) {
      this.#refuse(error);
    }
    borrowed.fill(0xee);
    const most = FRAME_HEADER_BYTES + MAX_PAYLOAD_BYTES + this.#longestChunk;
    must(this.#framer.highWater <= most, () => `the framer held ${this.#framer.highWater} bytes of ${most}`);
  }

  /** Time passes up to the deadline: what is due then is done, and does not come up again and again. */
  wait(): void {
    const { deadline } = this.#session;
    must(deadline >= 0, () => `deadline is ${deadline}`);
    if (deadline === Infinity) return;
    this.#now = Math.max(this.#now, deadline);
    for (let ticks = 1; !this.isOver && this.#session.deadline <= this.#now; ticks++) {
      must(ticks <= MOST_TICKS, () => `a deadline comes again and again in phase ${this.#session.phase}`);
      this.#perform(this.#session.tick(this.#now));
    }
  }

  /** The peer closes. */
  close(): void {
    const { reason, error } = this.#session.closed();
    must(reason === "closed" || reason === "partial-scan", () => `it closed with ${reason}`);
    must(error.message !== "", () => "an end without words");
    this.isOver = true;
  }

  #handle(frame: Frame): void {
    const session = this.#session;
    this.#now += this.#random.below(40);
    this.phases.add(session.phase);
    if (frame.type === FrameType.SlotBatch && session.mustJudgeFirst) {
      this.#perform(session.judgeNow());
      if (this.isOver) return;
    }
    this.#perform(session.frame(frame, this.#now));
  }

  /** As a link does: in order, and what waits is last. */
  #perform(effects: readonly Effect[]): void {
    let list: readonly Effect[] | undefined = effects;
    for (let rounds = 0; list !== undefined && !this.isOver; rounds++) {
      must(rounds < 8, () => `effects that do not end: ${list!.map(({ type }) => type)}`);
      const { length }: readonly Effect[] = list;
      must(length <= 4, () => `${length} effects of one input`);
      let next: readonly Effect[] | undefined;
      for (let i = 0; i < length; i++) {
        must(i === length - 1 || !WAITING.includes(list[i].type), () => `${list![i].type} is not last`);
        next = this.#performOne(list[i]);
      }
      list = next;
    }
  }

  #performOne(effect: Effect): readonly Effect[] | undefined {
    switch (effect.type) {
      case "send":
        return this.#checkSent(effect.frame);
      case "greet":
        return this.#greet(effect.info.slotCount);
      case "apply":
        return this.#apply(effect);
      case "sync":
        return this.#session.synced(this.#now);
      case "judge":
        return this.#session.judged(this.#now);
      case "end":
        return this.#end(effect.error);
    }
  }

  #greet(slotCount: number): readonly Effect[] {
    if (slotCount > MOST_SLOTS) throw new ProtocolError("Cannot make room");
    this.#knownSlots = slotCount;
    return this.#session.greeted(slotCount, this.#now);
  }

  #apply({ events, highestSlot, source }: Effect & { type: "apply" }): readonly Effect[] {
    const { info } = this.#session;
    checkEvents(events, { ...info!, version: this.#script.version });
    let highest = -1;
    for (let i = 0; i < events.count; i++) {
      must(source !== "scan" || events.slots[i] > highest, () => "a scan that goes back");
      highest = Math.max(highest, events.slots[i]);
    }
    must(highest === highestSlot, () => `highest slot is ${highest}, not ${highestSlot}`);
    must(highest < this.#knownSlots + SLOT_SLACK, () => `slot ${highest} of ${this.#knownSlots}`);
    this.#knownSlots = Math.max(this.#knownSlots, highest + 1);
    this.events += events.count;
    return this.#session.applied(this.#now);
  }

  #checkSent(frame: Uint8Array): undefined {
    const payload = frame.subarray(FRAME_HEADER_BYTES);
    if (frame[0] === FrameType.Ack) this.#checkAcks(frame);
    else if (frame[0] === FrameType.SyncRequest) {
      must(decodeSyncRequest(payload).shard === this.#script.shard, () => "a SyncRequest for another shard");
    } else must(frame[0] === FrameType.Heartbeat && frame.length === 5, () => `it sent ${frame.toHex()}`);
  }

  /** One, or several of a scan. */
  #checkAcks(frames: Uint8Array): void {
    const count = frames.length / ACK_FRAME_BYTES;
    const most = this.#session.phase === "catching-up" ? MOST_ACKS_AHEAD : 1;
    must(Number.isInteger(count) && count <= most, () => `${count} Acks`);
    for (let at = 0; at < frames.length; at += ACK_FRAME_BYTES) {
      must(frames[at] === FrameType.Ack, () => "an Ack in pieces");
      const { applied } = decodeAck(frames.subarray(at + FRAME_HEADER_BYTES, at + ACK_FRAME_BYTES));
      must(applied === this.events, () => "an Ack of other events");
    }
  }

  #end(error: Error | undefined): undefined {
    if (error !== undefined && error.name !== "ConnectionError") this.#refusals.take(error, END_ERRORS);
    must(this.#session.phase === "ended", () => `an end in phase ${this.#session.phase}`);
    this.isOver = true;
  }

  #refuse(error: unknown): void {
    this.#refusals.take(error, SESSION_ERRORS);
    this.isOver = true;
  }
}
