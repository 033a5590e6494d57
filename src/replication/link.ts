/**
 * One shard's way to the leader: one conversation after the other, and what lies between them.
 */

import { DivergedError, ProtocolVersionError, SlotcaskError } from "../errors.ts";
import { Backoff } from "./backoff.ts";
import { Conversation, type ConversationListener, type End } from "./conversation.ts";
import { LinkCounters } from "./counters.ts";
import { LastError } from "../last_error.ts";
import type { LinkShared } from "./link_shared.ts";
import type { Phase } from "./phase.ts";
import type { RescanReason } from "./rescan_reason.ts";
import type { ShardInfo } from "./protocol.ts";
import type { Session } from "./session.ts";
import type { ScanResult } from "./target.ts";
import { LONGEST_TIMEOUT_MS } from "../time_slice.ts";

/** What the owner of the links hears from one. */
export interface LinkListener {
  /** The phase changed. */
  onPhase(link: Link): void;
  /** A connection is about to be tried; what it throws stops the link. */
  onConnecting(link: Link): void;
  /** A connection was made. */
  onConnected(link: Link): void;
  /** The leader's ShardInfo came, and the store is ready. */
  onGreeted(link: Link, info: ShardInfo): void;
  /** A whole scan was judged and recorded; what it left may ask for another. */
  onScanned(link: Link, result: ScanResult): void;
  /** Events may have been dropped: a scan is due. */
  onSuspectDrops(link: Link): void;
  /** A connection ended, or could not be made. */
  onEnd(link: Link, end: End): void;
  /** An error came that no reconnect mends: whether the link is to go on all the same. */
  onFatal(link: Link, error: Error): boolean;
}

/** Waits after "shard already streaming" shortly behind an end of ours: the leader has not seen it yet. */
const QUICK_RETRIES_MS = [50, 100, 200, 400];
const QUICK_RETRY_WITHIN_MS = 2000;

/** See the head of this file. */
export class Link implements ConversationListener {
  /** Where the link stands, in the product's words. */
  phase: Phase = "connecting";
  /** What it counted. */
  readonly counters: LinkCounters = new LinkCounters();
  /** When the copy of this shard was last proven current (Unix ms); undefined before the first whole scan. */
  freshAtMs: number | undefined;
  /** How long the last whole scan took, in ms. */
  lastScanMs = 0;
  /** Why the last connection ended, until the next whole scan. */
  readonly lastError: LastError = new LastError();
  /**
   * Whether only scans keep the shard fresh: the last link that caught up was never streamed to, and the next one is not
   * called live before it is.
   */
  isCatchUpOnly = false;
  /** Why the next scan is made, where it was asked for. */
  rescanReason: RescanReason | undefined;
  /** Why the link waits for an operator, if it does: pause and resume do not end that. */
  divergence: DivergedError | undefined;

  readonly #shared: LinkShared;
  readonly #listener: LinkListener;
  readonly #backoff: Backoff;
  #conversation: Conversation | undefined;
  #leaveGate = () => {};
  #wake: (() => void) | undefined;
  #isStopped = false;
  #isPaused = false;
  #pausing: PromiseWithResolvers<void> | undefined;
  #scanStartedAt = 0;
  #scanStartedAtMs = 0;
  #endedAt = -Infinity;
  #quickRetries = 0;
  #rescanTimer: ReturnType<typeof setTimeout> | undefined;

  /** A link that does nothing until {@link run}. A side link makes one side scan and ends. */
  constructor(readonly shard: number, shared: LinkShared, listener: LinkListener, readonly isSide = false) {
    this.#shared = shared;
    this.#listener = listener;
    this.#backoff = new Backoff(shared.settings.backoff, shared.random);
  }

  /** The session of the open connection. */
  get session(): Session | undefined {
    return this.#conversation?.session;
  }

  /** Whether the open connection is streamed to, as far as is known: a rescan over a new one would end that. */
  get isStreaming(): boolean {
    return this.session?.phase === "live" && (this.session.hasStreamed || !this.isCatchUpOnly);
  }

  /** Follows until {@link stop}. Rejects with an error that no reconnect can mend. */
  async run(): Promise<void> {
    try {
      while (!this.#isStopped) {
        if (this.#isPaused) await this.#rest();
        else if (this.divergence !== undefined) await this.#hold(this.divergence);
        else await this.#turn();
      }
    } finally {
      this.#setPhase("stopped");
      this.#pausing?.resolve();
    }
  }

  async #rest(): Promise<void> {
    await this.#sleep(Infinity, () => {
      this.#setPhase("paused");
      this.#pausing?.resolve();
    });
  }

  async #hold(divergence: DivergedError): Promise<void> {
    this.lastError.set(divergence);
    await this.#sleep(Infinity, () => this.#setPhase("diverged"));
  }

  /** One connection and the wait behind it. */
  async #turn(): Promise<void> {
    const end = await this.#converse();
    this.#isStopped ||= this.isSide;
    if (this.#isStopped || this.#isPaused) return;
    const delay = this.#delayAfter(end);
    if (delay > 0) await this.#sleep(delay, () => this.#setPhase("backing-off"));
  }

  /** Ends the connection and the link. */
  stop(): void {
    this.#isStopped = true;
    this.#conversation?.end({ reason: "closed" });
    this.#wake?.();
  }

  /** Ends the connection; resolves once there is none. The link waits for {@link resume}. */
  async pause(): Promise<void> {
    this.#isPaused = true;
    if (this.phase === "paused" || this.phase === "stopped") return;
    this.#pausing ??= Promise.withResolvers();
    this.#conversation?.end({ reason: "paused" });
    this.#wake?.();
    this.#shared.gate.wake();
    await this.#pausing.promise;
  }

  /** Connects again. */
  resume(): void {
    this.#isPaused = false;
    this.#pausing?.resolve();
    this.#pausing = undefined;
    if (this.phase === "paused") this.#wake?.();
  }

  /**
   * Goes on with another leader, whose address is there already: nothing of what the last one did counts. Back at one
   * that had contradicted the copy, it waits for an operator as before.
   */
  retarget(divergence?: DivergedError): void {
    this.divergence = divergence;
    this.isCatchUpOnly = false;
    this.#versionSwitches = this.#quickRetries = this.#quickReturns = 0;
    this.#endedAt = -Infinity;
    this.#backoff.reset();
    if (this.#conversation !== undefined) this.#conversation.end({ reason: "retarget" });
    else this.#wake?.();
  }

  /** Begins a new whole scan, over a new connection. */
  rescan(reason: RescanReason): void {
    this.rescanReason = reason;
    this.divergence = undefined;
    this.counters.addRescan(reason);
    if (this.#conversation !== undefined) this.#conversation.end({ reason: "rescan" });
    else this.#wake?.();
  }

  /** See {@link ConversationListener}. */
  onConnected(): void {
    this.#listener.onConnected(this);
  }

  /** See {@link ConversationListener}. */
  onProgress({ phase, hasStreamed }: Session): void {
    if (phase === "ended") return;
    if (phase === "catch-up-only" && this.#rescanTimer === undefined) this.#restUntilRescan();
    if (phase === "live" && hasStreamed) this.#isStreamed();
    // The leader has scanned; what is left is to see that the link stays.
    if (phase === "settling") this.#leaveGate();
    const shown = phase === "live" && this.isCatchUpOnly ? "catch-up-only" : phase;
    this.#setPhase(shown === "settling" ? "catching-up" : shown);
  }

  /** A stream that came late must not be given up for the scan that was to stand in for it. */
  #isStreamed(): void {
    this.isCatchUpOnly = false;
    clearTimeout(this.#rescanTimer);
    this.#rescanTimer = undefined;
  }

  /** See {@link ConversationListener}. */
  onGreeted(info: ShardInfo): void {
    this.#versionSwitches = 0;
    if (this.#shared.versions.current === 2) this.isCatchUpOnly = false;
    this.#setPhase("catching-up");
    this.#listener.onGreeted(this, info);
  }

  /** See {@link ConversationListener}. */
  onFresh(cameAtMs: number): void {
    this.freshAtMs = cameAtMs;
  }

  /** See {@link ConversationListener}. */
  onScanned(result: ScanResult, cameAtMs: number): void {
    this.#leaveGate();
    // A scan proves nothing of what was written behind it, unless a stream goes on from there.
    const isStreamed = this.#shared.versions.current === 2 || this.session!.hasStreamed;
    this.freshAtMs = isStreamed ? cameAtMs : this.#scanStartedAtMs;
    this.lastScanMs = this.#shared.now() - this.#scanStartedAt;
    this.lastError.clear();
    this.rescanReason = undefined;
    this.#quickRetries = 0;
    this.counters.wholeScans++;
    this.onProgress(this.session!);
    this.#listener.onScanned(this, result);
  }

  /** See {@link ConversationListener}. */
  onSuspectDrops(): void {
    this.#listener.onSuspectDrops(this);
  }

  /** One connection, from the wait for a place among the scans to its end. */
  async #converse(): Promise<End> {
    this.#setPhase("connecting");
    this.#leaveGate = await this.#shared.gate.enter();
    const startedAt = this.#shared.now();
    const sinceEnd = startedAt - this.#endedAt;
    this.#scanStartedAt = startedAt;
    this.#scanStartedAtMs = Date.now();
    try {
      if (this.#isStopped) return { reason: "closed" };
      if (this.#isPaused) return { reason: "paused" };
      const end = await this.#runConversation();
      this.#isSoonAfterEnd = sinceEnd < QUICK_RETRY_WITHIN_MS;
      this.#note(end);
      return end;
    } finally {
      this.#leaveGate();
    }
  }

  async #runConversation(): Promise<End> {
    this.#listener.onConnecting(this);
    this.counters.connections++;
    const conversation = new Conversation(this.shard, this.isSide, this.#shared, this.counters, this);
    this.#conversation = conversation;
    conversation.start();
    const end = await conversation.ended;
    this.#conversation = undefined;
    const now = this.#shared.now();
    this.#lastedMs = now - (conversation.connectedAt ?? now);
    // A link that was refused held nothing that the leader would have to notice the end of.
    if (end.reason !== "already-streaming" && conversation.session?.info !== undefined) this.#endedAt = now;
    clearTimeout(this.#rescanTimer);
    this.#rescanTimer = undefined;
    if (!this.isSide) this.#shared.target.abortScan(this.shard);
    return end;
  }

  #lastedMs = 0;
  #isSoonAfterEnd = false;
  #versionSwitches = 0;
  #quickReturns = 0;

  #note(end: End): void {
    this.counters.ends[end.reason] = (this.counters.ends[end.reason] ?? 0) + 1;
    if (end.error !== undefined) this.lastError.set(end.error);
    if (!this.#isStopped) this.#listener.onEnd(this, end);
  }

  /** ms until the next connection, if it is not held back by a divergence. Throws what no reconnect can mend. */
  #delayAfter(end: End): number {
    const isAsked = end.reason === "rescan" && this.rescanReason === "asked";
    if (isAsked || ["paused", "retarget"].includes(end.reason)) return 0;
    if (["rescan", "dropped"].includes(end.reason) && this.#mayReturnAtOnce()) return 0;
    if (end.reason === "version-mismatch" && this.#adoptVersion(end.error!)) {
      // Leaders of both versions behind one address would send us to and fro without a pause.
      return this.#versionSwitches++ === 0 ? 0 : this.#backoff.next(0);
    }
    if (end.error instanceof DivergedError) {
      this.divergence = end.error;
      return 0;
    }
    if (end.error instanceof SlotcaskError && end.error.remedy !== "reconnect") {
      if (this.#listener.onFatal(this, end.error)) return 0;
      throw end.error;
    }
    if (
      end.reason === "already-streaming" && this.#isSoonAfterEnd &&
      this.#quickRetries < QUICK_RETRIES_MS.length
    ) {
      return QUICK_RETRIES_MS[this.#quickRetries++];
    }
    return this.#backoff.next(this.#lastedMs);
  }

  /**
   * Whether a connection that asks for another one is one of few, or lasted: a leader that brings about nothing but
   * "events dropped", or rescans that nobody asked for, would have us spin.
   */
  #mayReturnAtOnce(): boolean {
    const { backoff, limits } = this.#shared.settings;
    if (this.#lastedMs >= backoff.healthyMs) this.#quickReturns = 0;
    return this.#quickReturns++ < limits.quickReturns;
  }

  /** Another link may have learnt the leader's version meanwhile; then this one only has to try again. */
  #adoptVersion(error: Error): boolean {
    const [, leader, ours] = /is (\d+) at the leader, and (\d+) here/.exec(error.message) ?? [];
    return error instanceof ProtocolVersionError && leader !== ours &&
      this.#shared.versions.adopt(Number(leader));
  }

  /** Only scans keep the copy fresh now: it is as fresh as the begin of the last, and the next one is due. */
  #restUntilRescan(): void {
    this.isCatchUpOnly = true;
    this.freshAtMs = this.#scanStartedAtMs;
    const dueMs = this.#shared.catchUpOnlyRescanMs();
    if (dueMs === Infinity) return;
    const wait = this.#scanStartedAt + dueMs - this.#shared.now();
    this.#rescanTimer = setTimeout(
      () => this.rescan("catch-up-only"),
      Math.min(Math.max(0, wait), LONGEST_TIMEOUT_MS),
    );
  }

  #setPhase(phase: Phase): void {
    if (this.phase === phase) return;
    this.phase = phase;
    this.#listener.onPhase(this);
  }

  /** `tell` is called once the sleep can be ended: whoever hears of the phase may do so at once. */
  async #sleep(ms: number, tell: () => void): Promise<void> {
    let timer: ReturnType<typeof setTimeout> | undefined;
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
      tell();
      if (this.#isStopped) resolve();
      else if (ms !== Infinity) timer = setTimeout(resolve, ms);
    });
    clearTimeout(timer);
    this.#wake = undefined;
  }
}
