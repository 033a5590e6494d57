/**
 * One connection from its begin to its end: feeds the session, performs its effects, owns socket and timer.
 */

import { asError } from "../error_code.ts";
import { ConnectionError, SlotcaskError } from "../errors.ts";
import type { Connection } from "../runtime/runtime.ts";
import { nextTurn } from "../time_slice.ts";
import { Arrival } from "./arrival.ts";
import { BatchApplier } from "./batch_applier.ts";
import { LinkCounters } from "./counters.ts";
import { type Frame, Framer } from "./framer.ts";
import type { LinkShared } from "./link_shared.ts";
import { PatientTimer } from "./patient_timer.ts";
import { FrameType, type ShardInfo } from "./protocol.ts";
import type { Effect, EndReason } from "./effect.ts";
import { Session } from "./session.ts";
import type { ScanResult } from "./target.ts";

/** How a connection ended. */
export interface End {
  /** Why. */
  reason: EndReason;
  /** What to tell people; undefined for an end that we wanted. */
  error?: Error;
}

/** What a link hears from its conversation. */
export interface ConversationListener {
  /** The connection was made. */
  onConnected(): void;
  /** The session may have entered another phase. */
  onProgress(session: Session): void;
  /** ShardInfo came, and the store is ready. */
  onGreeted(info: ShardInfo): void;
  /** A live link is as current as a frame that came then (Unix ms). */
  onFresh(cameAtMs: number): void;
  /** A whole scan was judged, whose end came then (Unix ms); what it left may ask for another. */
  onScanned(result: ScanResult, cameAtMs: number): void;
  /** Events may have been dropped. */
  onSuspectDrops(): void;
}

/** A timer that comes so early counts as one in time: to wait for the rest would be an awakening of its own. */
const EARLY_MS = 0.5;
/** slot_id and meta. */
const EVENT_HEAD_BYTES = 8;

/** A disk that hangs must not keep a link from ending: then `ended` does not wait for it any longer. */
const WORK_LIMIT_MS = 300;
const NO_EFFECTS: readonly Effect[] = [];

/** See the head of this file. */
export class Conversation {
  /** The protocol's state; undefined until the connection is made. */
  session: Session | undefined;
  /** When the connection was made; undefined before. */
  connectedAt: number | undefined;
  /** Resolves when the connection has ended, and nothing of it is under way in the store any more. */
  readonly ended: Promise<End>;
  readonly #framer = new Framer();
  readonly #arrival = new Arrival();
  readonly #abort = new AbortController();
  readonly #batches: BatchApplier;
  #connection: Connection | undefined;
  #resolveEnd!: (end: End) => void;
  #isOver = false;
  #end: End | undefined;
  #isBusy = false;
  #isPaused = false;
  #closedByPeer = false;
  readonly #timer = new PatientTimer({
    now: () => this.shared.now(),
    isWanted: () => !this.#isOver && !this.#isBusy,
    onDue: (now) => this.#onDue(now),
  });
  #workLimit: ReturnType<typeof setTimeout> | undefined;
  #hasDroppedEarly = false;

  /** A conversation that begins with {@link start}. */
  constructor(
    readonly shard: number,
    readonly isSide: boolean,
    readonly shared: LinkShared,
    readonly counters: LinkCounters,
    readonly listener: ConversationListener,
  ) {
    this.ended = new Promise((resolve) => this.#resolveEnd = resolve);
    this.#batches = new BatchApplier(shard, {
      target: shared.target,
      slice: shared.slice,
      counters,
      now: () => shared.now(),
      isOver: () => this.#isOver,
    });
  }

  /** Connects and sends the SyncRequest. Failures arrive through `ended`. */
  async start(): Promise<void> {
    const { network, address, settings, leader } = this.shared;
    const handlers = {
      onData: (bytes: Uint8Array) => this.#onData(bytes),
      onClose: () => this.#onClose(),
    };
    const { connectMs } = settings.times;
    try {
      const connection = await network.connect(address, handlers, connectMs, this.#abort.signal);
      if (this.#isOver) return connection.destroy();
      this.#connection = connection;
      const now = this.connectedAt = this.shared.now();
      this.listener.onConnected();
      this.session = this.#newSession(now);
      this.#run(() => this.session!.start(now));
    } catch (error) {
      this.end({ reason: "error", error: connectionError(error, leader) });
    }
  }

  /** Ends the connection, for a reason of ours. */
  end(end: End): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#timer.stop();
    this.#abort.abort();
    this.#end = end;
    if (!this.#isBusy) return this.#resolveEnd(end);
    this.#workLimit = setTimeout(() => this.#resolveEnd(end), WORK_LIMIT_MS);
  }

  #workEnded(): void {
    clearTimeout(this.#workLimit);
    this.#resolveEnd(this.#end!);
  }

  #newSession(now: number): Session {
    const { target, settings, versions } = this.shared;
    return new Session({
      shard: this.shard,
      version: versions.current,
      // What waits in a queue of protocol 1 may be older than the scan: a put that comes again for a slot that the scan
      // left out, as it was DELETED by then, would be served until its delete comes again too.
      emptyState: versions.current === 2 && target.isEmpty(this.shard),
      side: this.isSide,
      syncBatches: settings.syncBatches,
      nudgeMs: settings.nudgeMs(),
      times: settings.times,
      acks: this.counters.ack,
      progress: () => ({
        applied: target.appliedTotal(this.shard),
        maxVersion: target.maxVersion(this.shard),
      }),
    }, now);
  }

  #onData(bytes: Uint8Array): void {
    if (this.#isOver) return;
    this.counters.receivedBytes += bytes.length;
    this.#arrival.received(bytes.length, Date.now());
    try {
      this.#framer.push(bytes);
      if (this.#framer.highWater > this.counters.bufferedHighWater) {
        this.counters.bufferedHighWater = this.#framer.highWater;
      }
      if (this.#isBusy || this.session === undefined) this.#readAhead();
      else this.#run();
    } catch (error) {
      this.end(errorEnd(error));
    }
  }

  /** All that came before is handled first: an Error frame may be among it. */
  #onClose(): void {
    this.#closedByPeer = true;
    if (!this.#isBusy) this.#endByPeer();
  }

  #endByPeer(): void {
    const closed = this.session?.closed();
    this.end(
      closed ?? { reason: "closed", error: new ConnectionError("The leader closed the connection at once") },
    );
  }

  /** Performs a step, then handles all frames that are there. One run at a time; data meanwhile is read ahead. */
  #run(first?: () => readonly Effect[]): void {
    this.#isBusy = true;
    void this.#drain(first);
  }

  /**
   * Runs without a pause until an effect waits, or the time slice is over. What fails ends it before this returns,
   * not a promise later: more data may come in the same turn of the event loop, and would find half a chunk handled.
   */
  async #drain(first?: () => readonly Effect[]): Promise<void> {
    try {
      const { slice } = this.shared;
      // Data may share its turn of the event loop with data before it; a timer's turn is new.
      if (first === undefined) {
        slice.goOn();
      } else {
        slice.begin();
        const waits = this.#perform(first());
        if (waits !== undefined) await this.#pause(waits);
      }
      while (!this.#isOver) {
        const frame = this.#framer.next();
        if (frame === undefined) break;
        const { bytes } = frame;
        const waits = this.#handle(frame);
        if (waits !== undefined) await this.#pause(waits);
        this.#handled(bytes);
        if (slice.isOver) await this.#pause(nextTurn());
      }
      slice.end();
      this.#drained();
    } catch (error) {
      this.#fail(error);
    }
  }

  #drained(): void {
    this.#isBusy = false;
    if (this.#isOver) return this.#workEnded();
    this.listener.onProgress(this.session!);
    if (this.#closedByPeer) return this.#endByPeer();
    // Whoever was told of the progress may have ended it.
    if (!this.#isOver) this.#timer.arm(this.session!.deadline);
  }

  /** Lets the event loop run until `work` is done; what came meanwhile is kept. */
  async #pause(work: Promise<void>): Promise<void> {
    this.#framer.retain();
    this.shared.slice.end();
    await work;
    this.shared.slice.begin();
    if (this.#isPaused && !this.#isOver) {
      this.#isPaused = false;
      this.#connection?.resume();
    }
  }

  #handle(frame: Frame): Promise<void> | undefined {
    const session = this.session!;
    const now = this.shared.now();
    if (frame.type === FrameType.SlotBatch && session.mustJudgeFirst) {
      const kept = { ...frame, payload: frame.payload.slice() };
      return this.#performBoth(session.judgeNow(), () => session.frame(kept, this.shared.now()));
    }
    return this.#perform(session.frame(frame, now));
  }

  #handled(bytes: number): void {
    if (this.#isOver) return;
    this.#arrival.handled(bytes);
    if (this.session!.phase === "live") this.listener.onFresh(this.#arrival.handledMs);
  }

  async #performBoth(first: readonly Effect[], then: () => readonly Effect[]): Promise<void> {
    await this.#perform(first);
    if (!this.#isOver) await this.#perform(then());
  }

  /** Performs effects, and those of the inputs that they lead to. A promise where one has to be waited for. */
  #perform(effects: readonly Effect[]): Promise<void> | undefined {
    let list: readonly Effect[] | undefined = effects;
    while (list !== undefined && !this.#isOver) {
      let next: readonly Effect[] | undefined;
      // The session reuses its list: the input that leads to the next one is always performed last.
      for (let i = 0, count: number = list.length; i < count; i++) {
        const result = this.#performOne(list[i]);
        if (result instanceof Promise) {
          return result.then((later) => this.#isOver ? undefined : this.#perform(later));
        }
        next = result;
      }
      list = next;
    }
  }

  #performOne(effect: Effect): readonly Effect[] | Promise<readonly Effect[]> | undefined {
    const { target } = this.shared;
    switch (effect.type) {
      case "send":
        this.#connection!.write(effect.frame);
        return;
      case "greet":
        return this.#greet(effect.info);
      case "apply": {
        const work = this.#batches.apply(effect);
        return work === undefined ? this.session!.applied(this.shared.now()) : this.#appliedAfter(work);
      }
      case "flush":
        target.flush(this.shard);
        return;
      case "flush-later":
        target.flushLater(this.shard);
        return;
      case "sync":
        return target.sync(this.shard).then(() => this.session!.synced(this.shared.now()));
      case "judge":
        return this.#judge();
      case "suspect-drops":
        this.listener.onSuspectDrops();
        return;
      case "end":
        this.end({ reason: effect.reason, error: effect.error });
        return;
    }
  }

  async #greet(info: ShardInfo): Promise<readonly Effect[]> {
    const { target } = this.shared;
    await target.beginScan(this.shard, this.isSide ? "side" : "scan", info);
    if (this.#isOver) return NO_EFFECTS;
    this.listener.onGreeted(info);
    return this.session!.greeted(target.slotCount(this.shard), this.shared.now());
  }

  async #appliedAfter(work: Promise<void>): Promise<readonly Effect[]> {
    await work;
    return this.#isOver ? NO_EFFECTS : this.session!.applied(this.shared.now());
  }

  async #judge(): Promise<readonly Effect[]> {
    const result = await this.shared.target.endScan(this.shard, this.isSide ? "side" : "scan");
    if (this.#isOver) return NO_EFFECTS;
    const effects = this.session!.judged(this.shared.now());
    if (!this.isSide) this.listener.onScanned(result, this.#arrival.handledMs);
    // Dropped behind the scan: it does not make them good.
    if (this.#hasDroppedEarly) this.listener.onSuspectDrops();
    return effects;
  }

  /** Keeps what came while a frame waits: up to a bound, and then as the leader's protocol allows. */
  #readAhead(): void {
    this.#framer.retain();
    if (this.#framer.buffered <= this.#readAheadLimit()) return;
    const isScanning = this.session === undefined || this.session.scanIsOpen;
    if (this.shared.versions.current === 1 && !isScanning) return this.#dropReadAhead();
    this.#isPaused = true;
    this.#connection!.pause();
  }

  /**
   * So many events, in the bytes that they take at the most, and no more than so many bytes. While a scan of protocol
   * 1 waits, all those bytes: its last batch was acknowledged already, and the stream may lie behind it.
   */
  #readAheadLimit(): number {
    const { readAheadBytes, readAheadEvents } = this.shared.settings.limits;
    const info = this.session?.info;
    const mayStream = this.shared.versions.current === 1 && this.session?.scanIsOpen;
    if (info === undefined || mayStream) return readAheadBytes;
    return Math.min(readAheadBytes, readAheadEvents * (EVENT_HEAD_BYTES + info.keyLength + info.valueLength));
  }

  /** A v1 leader drops a link whose socket is full, and never streams again: better lose events and scan for them. */
  #dropReadAhead(): void {
    while (this.#framer.next() !== undefined) this.counters.droppedFrames++;
    if (this.session!.phase === "settling") this.#hasDroppedEarly = true;
    else this.listener.onSuspectDrops();
  }

  #onDue(now: number): void {
    const { deadline } = this.session!;
    if (now + EARLY_MS < deadline) this.#timer.arm(deadline);
    else this.#run(() => this.session!.tick(Math.max(now, deadline)));
  }

  #fail(error: unknown): void {
    this.#isBusy = false;
    if (this.#isOver) this.#workEnded();
    else this.end(errorEnd(error));
  }
}

function errorEnd(error: unknown): End {
  return { reason: "error", error: asError(error) };
}

/** A permission that was not given is not given by trying again. */
function connectionError(error: unknown, leader: string): Error {
  if (error instanceof SlotcaskError) return error;
  const reason = asError(error).message;
  const isDenied = reason.includes("--allow-net");
  const options = { cause: error, remedy: isDenied ? "stop" as const : undefined };
  return new ConnectionError(`Cannot connect to ${leader}: ${reason}`, options);
}
