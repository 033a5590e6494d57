/**
 * All links to one leader: who connects when, and when a shard is scanned again.
 *
 * Shard 0 goes first, since its ShardInfo tells shape and protocol; the connection stays and follows shard 0.
 */

import { ConnectionError, type DivergedError } from "../errors.ts";
import type { End } from "./conversation.ts";
import { Link, type LinkListener } from "./link.ts";
import { type LinkShared, ProtocolChoice } from "./link_shared.ts";
import type { Phase } from "./phase.ts";
import { RESCAN_TEXTS, type RescanReason } from "./rescan_reason.ts";
import { Retarget, type RetargetOptions } from "./retarget.ts";
import type { Address } from "../runtime/runtime.ts";
import type { ShardInfo } from "./protocol.ts";
import { ScanGate } from "./scan_gate.ts";
import type { ScanResult } from "./target.ts";
import { LONGEST_TIMEOUT_MS } from "../time_slice.ts";

/** When shards are scanned again. */
export interface RescanSettings {
  /** Between scans of a shard that only scans keep fresh, in ms, for each shard that there is; undefined: never. */
  catchUpOnlyMs: number | undefined;
  /** The least time between two scans for suspected drops, in ms. */
  suspectMs: number;
  /** Between side scans of a stream of protocol 1, in ms. */
  sideMs: number;
  /** A v2 link is scanned again only if this many events, at the most, come meanwhile: its queue holds 8,192. */
  mostEventsMeanwhile: number;
}

/** The product's figures. */
export const DEFAULT_RESCAN: RescanSettings = {
  catchUpOnlyMs: 60_000,
  suspectMs: 60_000,
  sideMs: 6 * 3_600_000,
  mostEventsMeanwhile: 4096,
};

/** Phases of a link that has not finished its scan. */
const SCANNING: readonly Phase[] = ["connecting", "greeting", "catching-up"];

/** What the owner hears. */
export interface LinksListener {
  /** A link's phase changed. */
  onPhase(link: Link): void;
  /** A link caught up: by a whole scan, or beside a stream by a side scan. */
  onCaughtUp(link: Link): void;
  /** A connection ended with an error, or a scan was postponed: a line for the log. */
  onNotice(link: Link, message: string): void;
  /** A connection ended. */
  onEnd(link: Link, end: End): void;
}

/** What the links are made with: see {@link LinkShared}. */
export interface LinksOptions extends Omit<LinkShared, "gate" | "catchUpOnlyRescanMs"> {
  /** When shards are scanned again. */
  rescan: RescanSettings;
}

/** See the head of this file. */
export class Links implements LinkListener {
  /** The links that began, by shard. */
  readonly links: Link[] = [];
  /** Connections made to a leader of protocol 1. */
  v1Connections = 0;
  readonly #shared: LinkShared;
  readonly #rescan: RescanSettings;
  readonly #listener: LinksListener;
  readonly #sides = new Map<number, Link>();
  readonly #lastScanAt = new Map<number, number>();
  readonly #planned = new Map<Link, ReturnType<typeof setTimeout>>();
  readonly #running = new Set<Promise<void>>();
  #shardCount = 1;
  #isStopped = false;
  #isPaused = false;
  #retarget: Retarget | undefined;
  #reject!: (error: unknown) => void;
  /** Rejects with the error that stopped the links; resolves when they were stopped from outside. */
  readonly done: Promise<void>;
  #resolve!: () => void;

  /** Links that begin with {@link start}. */
  constructor(options: LinksOptions, listener: LinksListener) {
    const { rescan, versions, settings: { limits } } = options;
    this.#rescan = rescan;
    this.#listener = listener;
    this.#shared = {
      ...options,
      gate: new ScanGate(() => versions.current === 2 ? limits.scansAtOnce : Infinity),
      catchUpOnlyRescanMs: () =>
        rescan.catchUpOnlyMs === undefined ? Infinity : rescan.catchUpOnlyMs * this.#shardCount,
    };
    this.done = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    this.done.catch(() => {});
  }

  /** The protocol version in use. */
  get versions(): ProtocolChoice {
    return this.#shared.versions;
  }

  /** The leader, as it was named. */
  get leader(): string {
    return this.#shared.leader;
  }

  /** Whether the links are closed until {@link resume}. */
  get isPaused(): boolean {
    return this.#isPaused;
  }

  /** Between whole scans of a shard that only scans keep fresh, in ms; undefined: never. */
  get catchUpOnlyRescanMs(): number | undefined {
    const ms = this.#shared.catchUpOnlyRescanMs();
    return ms === Infinity ? undefined : ms;
  }

  /** Begins with shard 0. */
  start(): void {
    this.#startLink(0);
  }

  /** Ends all links; resolves when the last has ended. */
  async stop(): Promise<void> {
    if (!this.#isStopped) {
      this.#isStopped = true;
      this.#retarget?.cancel();
      for (const timer of this.#planned.values()) clearTimeout(timer);
      for (const link of [...this.links, ...this.#sides.values()]) link.stop();
      this.#shared.gate.wake();
    }
    await Promise.all(this.#running);
    this.#resolve();
  }

  /** Ends all connections; resolves once there is none. */
  async pause(): Promise<void> {
    this.#isPaused = true;
    this.#retarget?.cancel();
    this.#endSides();
    await Promise.all(this.links.map((link) => link.pause()));
  }

  /** Connects again, each shard with a whole scan. */
  resume(): void {
    this.#isPaused = false;
    for (const link of this.links) link.resume();
  }

  /**
   * Goes over to another leader. Resolves once it has told a shape that is ours; rejects with what it answered else,
   * or the signal's reason, and the links go back to the leader that they had.
   */
  async retarget(address: Address, options: RetargetOptions): Promise<void> {
    const former = { address: this.#shared.address, leader: this.#shared.leader };
    const divergences = this.links.map((link) => link.divergence);
    const connections = this.v1Connections;
    const retarget = this.#retarget = new Retarget(options);
    try {
      this.#goTo({ address, leader: options.leader }, 0);
      await retarget.greeted;
    } catch (error) {
      this.#goTo(former, connections, divergences);
      throw error;
    } finally {
      retarget.end();
      this.#retarget = undefined;
      if (!this.#isPaused) this.resume();
    }
  }

  /** Shard 0 goes first: what the leader has to say against us, it says to one. */
  #goTo(
    to: { address: Address; leader: string },
    v1Connections: number,
    divergences: (DivergedError | undefined)[] = [],
  ): void {
    this.#endSides();
    Object.assign(this.#shared, to);
    this.versions.reset();
    this.v1Connections = v1Connections;
    const [first, ...others] = this.links;
    for (const link of others) void link.pause();
    for (const [shard, link] of this.links.entries()) link.retarget(divergences[shard]);
    if (!this.#isPaused) first.resume();
  }

  #endSides(): void {
    for (const side of this.#sides.values()) side.stop();
  }

  /** See {@link LinkListener}. */
  onPhase(link: Link): void {
    if (!link.isSide) this.#listener.onPhase(link);
  }

  /** See {@link LinkListener}. Throws where the leader could not stand one more. */
  onConnecting(): void {
    const { limits } = this.#shared.settings;
    // Each leaks a thread stack there: the follower stops long before that kills the leader.
    if (this.versions.current === 2 || this.v1Connections < limits.v1Connections) return;
    throw new ConnectionError(
      `Cannot connect again: ${this.v1Connections} connections were made to a leader of protocol 1, which leaks a ` +
        `thread stack at each; the limit is ${limits.v1Connections}. Restart the leader, then the follower`,
      { remedy: "stop" },
    );
  }

  /** See {@link LinkListener}. */
  onConnected(): void {
    if (this.versions.current === 1) this.v1Connections++;
  }

  /** See {@link LinkListener}. */
  onGreeted(link: Link, info: ShardInfo): void {
    this.#shardCount = info.shardCount;
    this.#shared.gate.wake();
    for (let shard = this.links.length; shard < info.shardCount; shard++) this.#startLink(shard);
    if (!link.isSide) this.#lastScanAt.set(link.shard, this.#shared.now());
    this.#retarget?.succeed();
  }

  /** See {@link LinkListener}. An error of a new leader only ends the attempt to follow it. */
  onFatal(_link: Link, error: Error): boolean {
    if (this.#retarget === undefined) return false;
    this.#retarget.fail(error);
    return true;
  }

  /** See {@link LinkListener}. */
  onScanned(link: Link, { unconfirmed, unverified }: ScanResult): void {
    this.#listener.onCaughtUp(link);
    this.#unplan(link);
    if (unconfirmed > 0) {
      // Even at the price of a v1 stream: beside a stream a scan proves nothing of what it does not see.
      this.#scanAgain(link, "unconfirmed", false);
    } else if (unverified > 0) {
      this.#plan(link, this.#rescan.suspectMs, "damage");
    } else if (this.versions.current === 1) {
      this.#plan(link, this.#rescan.sideMs, "clock");
    }
  }

  /** See {@link LinkListener}. */
  onSuspectDrops(link: Link): void {
    if (!link.isSide) this.#scanSoon(link, "suspected-drops");
  }

  /** A read came upon a slot that went bad: a scan brings it again. */
  foundDamage(shard: number): void {
    if (shard < this.links.length) this.#scanSoon(this.links[shard], "damage");
  }

  #scanSoon(link: Link, reason: RescanReason): void {
    const since = this.#shared.now() - (this.#lastScanAt.get(link.shard) ?? -Infinity);
    const wait = Math.max(0, this.#rescan.suspectMs - since);
    if (wait === 0) this.#scanAgain(link, reason);
    else this.#plan(link, wait, reason);
  }

  /** See {@link LinkListener}. */
  onEnd(link: Link, end: End): void {
    if (link.isSide) {
      this.#onSideEnd(this.links[link.shard], end);
    } else {
      // What was planned is for this connection; the next one begins with a scan, unless it must wait for a person.
      this.#unplan(link);
      // A side scan beside a new whole scan would look like a leader that is ahead of itself.
      this.#sides.get(link.shard)?.stop();
    }
    if (end.error !== undefined) this.#retarget?.note(end.error);
    this.#listener.onEnd(link, end);
  }

  #onSideEnd(main: Link, { reason }: End): void {
    if (reason !== "scanned") return this.#plan(main, this.#rescan.suspectMs, "side-scan-failed");
    main.counters.sideScans++;
    this.#listener.onCaughtUp(main);
    if (!this.#planned.has(main)) this.#plan(main, this.#rescan.sideMs, "clock");
  }

  /** Scans a shard again: beside a stream of protocol 1, and over a new connection else. */
  scan(shard: number, reason: RescanReason): void {
    // A link that has not begun begins with a scan.
    if (shard < this.links.length) this.#scanAgain(this.links[shard], reason);
  }

  #scanAgain(link: Link, reason: RescanReason, mayGoBeside = true): void {
    this.#unplan(link);
    // A scan that is under way, or about to be, is what was asked for; ending it may cost a v1 stream.
    if (this.#isStopped || this.#isPaused || SCANNING.includes(link.phase)) return;
    // A scan of a leader that contradicts the copy takes more of its state: only an operator may want that.
    if (link.divergence !== undefined && reason !== "asked") return;
    if (mayGoBeside && this.versions.current === 1 && link.isStreaming) {
      return this.#startSideScan(link, reason);
    }
    if (link.phase === "live" && !this.#canReconnect(link, reason)) return;
    this.#lastScanAt.set(link.shard, this.#shared.now());
    link.rescan(reason);
  }

  /** A v2 rescan ends a healthy stream: a rate that the stream carries may overflow the queue in every scan. */
  #canReconnect(link: Link, reason: RescanReason): boolean {
    const rate = link.counters.streamRate(this.#shared.now());
    const meanwhile = rate * link.lastScanMs / 1000;
    if (meanwhile < this.#rescan.mostEventsMeanwhile) return true;
    this.#listener.onNotice(
      link,
      `scan postponed (${RESCAN_TEXTS[reason]}): at ${Math.round(rate)} events/s ${
        Math.round(meanwhile)
      } would come meanwhile, ` +
        `the limit is ${this.#rescan.mostEventsMeanwhile}`,
    );
    this.#plan(link, this.#rescan.suspectMs, reason);
    return false;
  }

  #startSideScan(link: Link, reason: RescanReason): void {
    if (this.#sides.has(link.shard)) return this.#plan(link, this.#rescan.suspectMs, reason);
    this.#lastScanAt.set(link.shard, this.#shared.now());
    this.#listener.onNotice(link, `side scan (${RESCAN_TEXTS[reason]})`);
    link.counters.addRescan(reason);
    const side = new Link(link.shard, this.#shared, this, true);
    this.#sides.set(link.shard, side);
    this.#run(side).finally(() => this.#sides.delete(link.shard));
  }

  #startLink(shard: number): void {
    if (this.#isStopped) return;
    const link = new Link(shard, this.#shared, this);
    this.links.push(link);
    if (this.#isPaused) void link.pause();
    this.#run(link);
  }

  #run(link: Link): Promise<void> {
    const run = link.run().catch((error) => {
      this.#reject(error);
      this.stop();
    }).finally(() => this.#running.delete(run));
    this.#running.add(run);
    return run;
  }

  /** Scans again in a while; a plan takes the place of the one before. */
  #plan(link: Link, ms: number, reason: RescanReason): void {
    this.#unplan(link);
    if (this.#isStopped || this.#isPaused) return;
    this.#planned.set(
      link,
      setTimeout(() => this.#scanAgain(link, reason), Math.min(ms, LONGEST_TIMEOUT_MS)),
    );
  }

  #unplan(link: Link): void {
    clearTimeout(this.#planned.get(link));
    this.#planned.delete(link);
  }
}
