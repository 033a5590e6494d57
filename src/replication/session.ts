/**
 * One connection to a leader, as a state machine without I/O.
 *
 * Inputs are method calls, each with `now` (ms of a monotonic clock); what is to be done comes out as effects, and
 * what an effect gave goes back in as an input (`greeted`, `applied`, `synced`, `judged`). After an effect marked
 * (waits) no frame may be put in until its input has come.
 *
 * ```text
 * start -> greeting -- ShardInfo --> [greet, waits] -> Acks, catching-up -- SlotBatch --> [apply, waits], Acks
 *   catching-up -- CaughtUp --> settling -- 250 ms, or a frame --> [judge, waits] -> live
 *   live (protocol 1) -- 6 s without a frame --> catch-up-only
 *   any -- Error, silence, bad frame --> [end]
 * ```
 */

import { ConnectionError, ProtocolError, ShapeError } from "../errors.ts";
import type { SlotEvents } from "../slot_events.ts";
import type { Effect, EndReason } from "./effect.ts";
import type { Frame } from "./framer.ts";
import { readErrorFrame } from "./error_frame.ts";
import { FullRun } from "./full_run.ts";
import {
  ACK_FRAME_BYTES,
  BatchDecoder,
  decodeCaughtUp,
  decodeError,
  decodeShardInfo,
  encodeSyncRequest,
  FrameType,
  frameTypeName,
  HEARTBEAT_FRAME,
  type ShardInfo,
  writeAck,
} from "./protocol.ts";
import { MOST_ACKS_AHEAD, ScanAcks } from "./scan_acks.ts";
import type { SessionOptions, SessionPhase } from "./session_options.ts";
import { SlotBounds } from "./slot_bounds.ts";
import { StreamPace } from "./stream_pace.ts";
import type { EventSource } from "./target.ts";

export type { SessionOptions, SessionPhase } from "./session_options.ts";

/** While catching up with Acks that wait for nothing, the disk is asked once in so many batches. */
const BATCHES_PER_SYNC = 64;

/** See the head of this file. */
export class Session {
  phase: SessionPhase = "greeting";
  /** The leader's answer to the SyncRequest. */
  info: ShardInfo | undefined;
  /** Frames, batches and events that came. */
  readonly received = { frames: 0, batches: 0, events: 0 };
  readonly #options: SessionOptions;
  readonly #effects: Effect[] = [];
  readonly #acks = new Uint8Array(MOST_ACKS_AHEAD * ACK_FRAME_BYTES);
  /** The first of them. */
  readonly #ack = this.#acks.subarray(0, ACK_FRAME_BYTES);
  #scanAcks: ScanAcks | undefined;
  #decoder: BatchDecoder | undefined;
  readonly #bounds = new SlotBounds();
  #phaseAt: number;
  #heardAt: number;
  #sentAt: number;
  #batchAt = 0;
  #hasStreamed = false;
  readonly #fullRun = new FullRun();
  readonly #pace = new StreamPace();
  #batchesSinceSync = 0;
  #ackIsDue = false;
  #ackIsHeld = false;
  #isJudging = false;

  /** A session whose connection has just been made. */
  constructor(options: SessionOptions, now: number) {
    this.#options = options;
    this.#phaseAt = this.#heardAt = this.#sentAt = now;
  }

  /** Whether a frame came behind CaughtUp: the leader streams to this connection. */
  get hasStreamed(): boolean {
    return this.#hasStreamed;
  }

  /** Whether CaughtUp is still to come: it may have, and be unread. */
  get scanIsOpen(): boolean {
    return this.phase === "greeting" || this.phase === "catching-up";
  }

  /** The first input: answers the SyncRequest. */
  start(now: number): readonly Effect[] {
    this.#effects.length = 0;
    const { shard, version, emptyState } = this.#options;
    this.#send(encodeSyncRequest({ shard, version, emptyState }), now);
    return this.#effects;
  }

  /** A frame came. Throws ProtocolError, LeaderError, ShapeError; then the connection is to be closed. */
  frame(frame: Frame, now: number): readonly Effect[] {
    this.#effects.length = 0;
    // A leader says it once it streams: in a scan it tells of a CaughtUp that was lost, and must not keep the scan open.
    if (frame.type !== FrameType.Heartbeat || this.phase !== "catching-up") this.#heardAt = now;
    this.received.frames++;
    switch (frame.type) {
      case FrameType.ShardInfo:
        this.#onShardInfo(frame.payload);
        break;
      case FrameType.SlotBatch:
        this.#onBatch(frame.payload, now);
        break;
      case FrameType.CaughtUp:
        this.#onCaughtUp(frame.payload, now);
        break;
      case FrameType.Heartbeat:
        this.#onHeartbeat(now);
        break;
      case FrameType.Error:
        this.#onError(decodeError(frame.payload));
        break;
      default:
        throw new ProtocolError(
          `Cannot accept ${frameTypeName(frame.type)} from a leader in phase ${this.phase}`,
        );
    }
    return this.#effects;
  }

  /** The next slot of the scan. */
  get scanPosition(): number {
    return this.#bounds.scanPosition;
  }

  /** The store is ready for the scan; it has room for `slotCount` slots. */
  greeted(slotCount: number, now: number): readonly Effect[] {
    this.#effects.length = 0;
    this.#bounds.begin(Math.max(slotCount, this.info!.slotCount));
    this.#enter("catching-up", now);
    this.#heardAt = now;
    this.#sendAcks(this.#scanAcks!.ahead, now);
    return this.#effects;
  }

  /** The last batch was applied. */
  applied(now: number): readonly Effect[] {
    this.#effects.length = 0;
    const { syncBatches, side } = this.#options;
    if (this.phase === "catching-up") {
      this.#effects.push({ type: side ? "flush" : "flush-later" });
      if (syncBatches && ++this.#batchesSinceSync % BATCHES_PER_SYNC === 0) {
        this.#effects.push({ type: "sync" });
      }
    } else if (syncBatches) {
      this.#ackIsDue = true;
      this.#effects.push({ type: "flush" }, { type: "sync" });
    } else {
      this.#ackIsHeld = this.#mayHoldAck();
      if (!this.#ackIsHeld) this.#sendAck(now);
      this.#effects.push({ type: "flush" });
    }
    return this.#effects;
  }

  /** The disk has what was flushed. */
  synced(now: number): readonly Effect[] {
    this.#effects.length = 0;
    if (this.#ackIsDue) this.#sendAck(now);
    if (this.#isJudging) this.#effects.push({ type: "judge" });
    return this.#effects;
  }

  /** The whole scan was judged and recorded. */
  judged(now: number): readonly Effect[] {
    this.#effects.length = 0;
    this.#isJudging = false;
    if (this.#options.side) this.#end("scanned");
    else this.#enter("live", now);
    return this.#effects;
  }

  /** The connection ended by itself: why, as the link should see it. */
  closed(): { reason: EndReason; error: Error } {
    const phase = this.phase;
    this.phase = "ended";
    const isPartial = phase === "settling" && !this.#isJudging;
    const error = new ConnectionError(
      isPartial
        ? "The leader closed the connection right after CaughtUp: it was stopped in the middle of the scan"
        : `The leader closed the connection (phase ${phase})`,
    );
    return { reason: isPartial ? "partial-scan" : "closed", error };
  }

  /** The moment at which `tick` is to be called, if no other input comes before. */
  get deadline(): number {
    return Math.min(this.#sendDeadline(), this.#phaseDeadline());
  }

  /** The deadline has come. */
  tick(now: number): readonly Effect[] {
    this.#effects.length = 0;
    if (now >= this.#sendDeadline()) this.#sendDue(now);
    if (now >= this.#phaseDeadline()) this.#onPhaseDeadline(now);
    return this.#effects;
  }

  #onShardInfo(payload: Uint8Array): void {
    if (this.phase !== "greeting") {
      throw new ProtocolError(
        `Cannot accept ShardInfo in phase ${this.phase}: it comes once, in phase greeting`,
      );
    }
    this.info = decodeShardInfo(payload);
    const { shardCount } = this.info;
    if (this.#options.shard >= shardCount) {
      throw new ShapeError(
        `Cannot follow shard ${this.#options.shard}: shard count is ${shardCount} at the leader`,
      );
    }
    this.#decoder = new BatchDecoder(this.info);
    this.#scanAcks = new ScanAcks(this.info);
    this.#effects.push({ type: "greet", info: this.info });
  }

  #onBatch(payload: Uint8Array, now: number): void {
    if (this.#decoder === undefined) {
      throw new ProtocolError("Cannot accept SlotBatch in phase greeting: ShardInfo comes first");
    }
    const events = this.#decoder.decode(payload, this.#options);
    const highestSlot = this.#bounds.requireKnown(events);
    if (this.#ackIsHeld) this.#sendAck(now);
    this.#batchAt = now;
    if (this.phase === "catching-up") this.#onScanned(events, now);
    this.received.batches++;
    this.received.events += events.count;
    if (this.phase !== "catching-up") this.#onStreamed(events.count, payload.length);
    if (this.phase === "catch-up-only") this.phase = "live";
    this.#effects.push({ type: "apply", events, highestSlot, source: this.#source() });
  }

  /** Acks go out before their batches are applied: they promise nothing, as a scan that does not end begins anew. */
  #onScanned(events: SlotEvents, now: number): void {
    this.#bounds.advanceScan(events);
    const acks = this.#scanAcks!.add();
    if (acks > 0) this.#sendAcks(acks, now);
  }

  #onStreamed(events: number, payloadBytes: number): void {
    this.#hasStreamed = true;
    this.#pace.add(events);
    if (this.#fullRun.add(events, payloadBytes)) this.#effects.push({ type: "suspect-drops" });
  }

  #onCaughtUp(payload: Uint8Array, now: number): void {
    const { shard, scanned } = decodeCaughtUp(payload);
    if (shard !== this.#options.shard) {
      throw new ProtocolError(
        `Cannot accept CaughtUp: shard_id is ${shard}, expected ${this.#options.shard}`,
      );
    }
    if (this.phase !== "catching-up") {
      throw new ProtocolError(
        `Cannot accept CaughtUp in phase ${this.phase}: it comes once, in phase catching-up`,
      );
    }
    if (scanned !== this.received.events) return this.#onLossyScan(scanned);
    this.#bounds.endScan();
    this.#enter("settling", now);
  }

  /** A leader that is ahead does not miss the Ack of a batch that was lost on the way; its count tells. */
  #onLossyScan(sent: number): void {
    const came = this.received.events;
    const error = new ConnectionError(`The scan is not whole: the leader sent ${sent} events, ${came} came`);
    this.#end("partial-scan", error);
  }

  #onHeartbeat(now: number): void {
    // Nothing was sent that it could be the answer to, so it is the stream's.
    if (this.phase !== "greeting" && this.phase !== "catching-up") this.#hasStreamed = true;
    if (this.phase === "catch-up-only") this.#enter("live", now);
    if (this.#fullRun.end()) this.#effects.push({ type: "suspect-drops" });
  }

  #onError(message: string): void {
    const { reason, error } = readErrorFrame(message, this.#options);
    this.#end(reason, error);
  }

  #onPhaseDeadline(now: number): void {
    const waited = Math.round(now - this.#heardAt);
    if (this.phase === "settling") this.#settle();
    else if (this.phase === "live" && !this.#hasStreamed && this.#options.version === 1) {
      this.#enter("catch-up-only", now);
    } else if (this.phase !== "catch-up-only") {
      this.#end(
        "silent",
        new ConnectionError(`The leader said nothing for ${waited} ms (phase ${this.phase})`),
      );
    }
  }

  #settle(): void {
    this.#isJudging = true;
    this.#effects.push(this.#options.syncBatches ? { type: "sync" } : { type: "judge" });
  }

  /** Whether a batch that is next must wait: it proves that the scan was whole, which is judged first. */
  get mustJudgeFirst(): boolean {
    return this.phase === "settling" && !this.#isJudging;
  }

  /** A batch came behind CaughtUp: see {@link mustJudgeFirst}. */
  judgeNow(): readonly Effect[] {
    this.#effects.length = 0;
    this.#settle();
    return this.#effects;
  }

  #phaseDeadline(): number {
    const { times, version } = this.#options;
    switch (this.phase) {
      case "greeting":
        return this.#phaseAt + times.greetingMs;
      case "catching-up":
        return this.#heardAt + times.silenceMs + this.#scanAllowanceMs();
      case "settling":
        return this.#isJudging ? Infinity : this.#phaseAt + times.settleMs;
      case "live":
        if (version === 1 && !this.#hasStreamed) return this.#phaseAt + times.catchUpOnlyMs;
        return this.#heardAt + (version === 1 ? times.silenceV1Ms : times.silenceMs);
      default:
        return Infinity;
    }
  }

  /** A leader says nothing while it scans free slots. */
  #scanAllowanceMs(): number {
    const { slotCount, slotSize } = this.info!;
    return slotCount * slotSize / this.#options.times.scanBytesPerMs;
  }

  /** Heartbeats go by the clock, never as an answer: a v1 leader in catch-up-only mode answers every one. */
  #sendDeadline(): number {
    if (this.phase !== "live") return Infinity;
    const { times, version, nudgeMs } = this.#options;
    if (version === 1) return this.#hasStreamed ? this.#sentAt + times.heartbeatV1Ms : Infinity;
    if (nudgeMs === undefined) return this.#sentAt + times.heartbeatMs;
    if (this.#ackIsHeld) return this.#heardAt + this.#pace.ackMs(nudgeMs, times);
    return Math.max(this.#sentAt, this.#heardAt) + this.#pace.nudgeMs(nudgeMs, times);
  }

  #sendDue(now: number): void {
    if (this.#ackIsHeld) return this.#sendAck(now);
    this.#pace.rest();
    this.#send(HEARTBEAT_FRAME, now);
  }

  /** A full batch has others behind it. Protocol 1 does not wait for Acks, and so gathers nothing meanwhile. */
  #mayHoldAck(): boolean {
    const { version, nudgeMs } = this.#options;
    return this.phase === "live" && version === 2 && nudgeMs !== undefined && !this.#fullRun.isOpen;
  }

  #source(): EventSource {
    if (this.#options.side) return "side";
    return this.phase === "catching-up" ? "scan" : "stream";
  }

  #enter(phase: SessionPhase, now: number): void {
    this.phase = phase;
    this.#phaseAt = now;
  }

  #send(frame: Uint8Array, now: number): void {
    this.#sentAt = now;
    this.#effects.push({ type: "send", frame });
  }

  #sendAck(now: number): void {
    this.#ackIsDue = this.#ackIsHeld = false;
    this.#options.acks.observe(now - this.#batchAt);
    this.#sendAcks(1, now);
  }

  /** In one write. */
  #sendAcks(count: number, now: number): void {
    const { applied, maxVersion } = this.#options.progress();
    writeAck(this.#ack, { shard: this.#options.shard, applied, maxVersion });
    for (let i = 1; i < count; i++) this.#acks.set(this.#ack, i * ACK_FRAME_BYTES);
    this.#send(count === 1 ? this.#ack : this.#acks.subarray(0, count * ACK_FRAME_BYTES), now);
  }

  #end(reason: EndReason, error?: Error): void {
    this.phase = "ended";
    this.#effects.push({ type: "end", reason, error });
  }
}
