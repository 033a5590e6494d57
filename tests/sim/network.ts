/**
 * TCP between one follower and one leader, as the {@link VirtualClock} has it come: in pieces, late, broken or never.
 */

import { errorWithCode } from "../../src/error_code.ts";
import type {
  Address,
  Connection,
  ConnectionHandlers,
  Listener,
  Network,
} from "../../src/runtime/runtime.ts";
import type { VirtualClock } from "./clock.ts";
import type { Random } from "./random.ts";

/** What the leader's end of a connection hears. */
export interface Acceptor {
  /** Bytes came from the follower: those of one write, as they were written, unless the network cuts them. */
  onData(bytes: Uint8Array): void;
  /** The connection is gone, as far as this end can know. */
  onClose(): void;
}

/** What the network does, in ms and probabilities; faults.ts draws it. */
export interface NetworkTemper {
  /** The least time from one end to the other. */
  delayMs: number;
  /** As much again, at the most. */
  jitterMs: number;
  /** The most pieces that one write arrives in. */
  pieces: number;
  /** A connection is refused. */
  refuse: number;
  /** A connection is never answered. */
  hang: number;
}

/** See the head of this file. */
export class SimNetwork implements Network {
  /** Open connections, by their begin. */
  readonly sockets = new Set<SimSocket>();
  /** Connections asked for. */
  tried = 0;
  /** Whether a leader listens, and what it makes of a connection. */
  accept: ((socket: SimSocket) => Acceptor) | undefined;

  /** What it does when nothing is wrong. */
  readonly calm: Readonly<NetworkTemper>;

  /** A network that does what `temper` says at each moment. */
  constructor(readonly clock: VirtualClock, readonly random: Random, readonly temper: NetworkTemper) {
    this.calm = { ...temper };
  }

  connect(
    _address: Address,
    handlers: ConnectionHandlers,
    timeoutMs: number,
    signal?: AbortSignal,
  ): Promise<Connection> {
    this.tried++;
    const { promise, resolve, reject } = Promise.withResolvers<Connection>();
    const { random, temper } = this;
    if (random.chance(temper.hang)) {
      this.clock.processWork(timeoutMs, () => reject(errorWithCode("connect ETIMEDOUT", "ETIMEDOUT")));
      return promise;
    }
    const isRefused = random.chance(temper.refuse);
    this.clock.processWork(this.delay(), () => {
      if (signal?.aborted) return reject(signal.reason);
      if (isRefused || this.accept === undefined) {
        return reject(errorWithCode("connect ECONNREFUSED", "ECONNREFUSED"));
      }
      const socket = new SimSocket(this, handlers);
      this.sockets.add(socket);
      socket.acceptor = this.accept(socket);
      signal?.addEventListener("abort", () => socket.destroy());
      resolve(socket);
    });
    return promise;
  }

  missingPermission(): undefined {}

  listen(): Promise<Listener> {
    throw new Error("Cannot listen: the leader of a simulation is its model");
  }

  /** The time that a piece takes. */
  delay(): number {
    return this.temper.delayMs + this.random.skewed(0, this.temper.jitterMs);
  }

  /** The process is gone: the kernel closes its connections. */
  killProcess(): void {
    for (const socket of this.sockets) socket.abandon();
  }
}

/** One connection: the follower's end by its own methods, the leader's by those that are named so. */
export class SimSocket implements Connection {
  readonly peer = "leader:9100";
  acceptor!: Acceptor;
  /** Bytes under way to the follower, or kept while it reads no more. */
  inFlight = 0;
  readonly #network: SimNetwork;
  readonly #handlers: ConnectionHandlers;
  #toLeaderAt = 0;
  #toFollowerAt = 0;
  #isOpenHere = true;
  #isOpenThere = true;
  #isGone = false;
  #isPaused = false;
  /** Bytes go nowhere, either way, and nobody is told. */
  isBlackHole = false;
  /** Nothing arrives before this moment. */
  stalledUntil = 0;
  readonly #kept: (Uint8Array | undefined)[] = [];

  constructor(network: SimNetwork, handlers: ConnectionHandlers) {
    this.#network = network;
    this.#handlers = handlers;
  }

  /** Whether the leader may still write to it. */
  get isOpenThere(): boolean {
    return this.#isOpenThere;
  }

  write(bytes: Uint8Array): boolean {
    if (!this.#isOpenHere) return false;
    requireWholeFrames(bytes);
    const copy = bytes.slice();
    if (this.isBlackHole) return true;
    this.#toLeaderAt = this.#arrival(this.#toLeaderAt);
    this.#network.clock.after(this.#toLeaderAt - this.#network.clock.now, () => {
      if (this.#isOpenThere && !this.isBlackHole) this.acceptor.onData(copy);
    });
    return true;
  }

  end(): void {
    this.destroy();
  }

  destroy(): void {
    if (!this.#isOpenHere) return;
    this.#isOpenHere = false;
    this.#network.clock.processWork(0.01, () => this.#closeHere());
    this.#tellLeader();
  }

  pause(): void {
    this.#isPaused = true;
  }

  resume(): void {
    this.#isPaused = false;
    this.#network.clock.processWork(0.01, () => this.#deliverKept());
  }

  /** The leader writes. */
  leaderWrites(bytes: Uint8Array): void {
    if (!this.#isOpenThere || this.isBlackHole) return;
    const { random, temper } = this.#network;
    const pieces = Math.min(bytes.length, random.between(1, temper.pieces));
    let at = 0;
    for (let piece = 1; piece <= pieces; piece++) {
      const end = piece === pieces ? bytes.length : random.between(at, bytes.length);
      if (end > at) this.#send(bytes.slice(at, end));
      at = end;
    }
  }

  /** The leader closes, behind what it wrote. */
  leaderCloses(): void {
    if (!this.#isOpenThere) return;
    this.#isOpenThere = false;
    if (!this.isBlackHole) this.#send(undefined);
  }

  /** The network breaks it: what is under way is lost, both ends are told. */
  reset(): void {
    if (this.#isGone) return;
    this.isBlackHole = true;
    const { clock } = this.#network;
    clock.after(this.#network.delay(), () => this.#closeThere());
    clock.processWork(this.#network.delay(), () => this.#closeHere());
  }

  /** From now on bytes go nowhere; the leader gives up after so many ms, as its kernel does. */
  swallow(leaderEndsAfterMs: number): void {
    if (this.#isGone || this.isBlackHole) return;
    this.isBlackHole = true;
    this.#network.clock.after(leaderEndsAfterMs, () => this.#closeThere());
  }

  /** The follower's process is gone; the leader hears of it. */
  abandon(): void {
    this.#isOpenHere = false;
    this.#isGone = true;
    this.#network.sockets.delete(this);
    this.#tellLeader();
  }

  #tellLeader(): void {
    if (this.isBlackHole) return;
    this.#toLeaderAt = this.#arrival(this.#toLeaderAt);
    const { clock } = this.#network;
    clock.after(this.#toLeaderAt - clock.now, () => this.#closeThere());
  }

  #closeThere(): void {
    if (!this.#isOpenThere) return;
    this.#isOpenThere = false;
    this.acceptor.onClose();
  }

  #closeHere(): void {
    if (this.#isGone) return;
    this.#isGone = true;
    this.#isOpenHere = false;
    this.#network.sockets.delete(this);
    this.#handlers.onClose();
  }

  /** Bytes, or the end, on their way to the follower. */
  #send(bytes: Uint8Array | undefined): void {
    this.inFlight += bytes?.length ?? 0;
    this.#toFollowerAt = this.#arrival(this.#toFollowerAt);
    const { clock } = this.#network;
    clock.after(this.#toFollowerAt - clock.now, () => this.#arrive(bytes));
  }

  #arrive(bytes: Uint8Array | undefined): void {
    if (this.isBlackHole || this.#isGone || !this.#isOpenHere) return;
    const { now } = this.#network.clock;
    if (now < this.stalledUntil || this.#kept.length > 0 || this.#isPaused) {
      this.#kept.push(bytes);
      if (!this.#isPaused) this.#network.clock.after(this.stalledUntil - now, () => this.#deliverKept());
      return;
    }
    this.#deliver(bytes);
  }

  #deliverKept(): void {
    if (this.#network.clock.now < this.stalledUntil) return;
    while (this.#kept.length > 0 && !this.#isPaused && this.#isOpenHere && !this.isBlackHole) {
      this.#deliver(this.#kept.shift());
    }
  }

  #deliver(bytes: Uint8Array | undefined): void {
    if (bytes === undefined) return this.#closeHere();
    this.inFlight -= bytes.length;
    this.#handlers.onData(bytes);
    // They belonged to the callee only until it returned.
    bytes.fill(0xee);
  }

  #arrival(before: number): number {
    const { clock } = this.#network;
    return Math.max(before + 0.001, clock.now + this.#network.delay());
  }
}

/** A v1 leader breaks on a frame that comes in pieces. */
function requireWholeFrames(bytes: Uint8Array): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  let at = 0;
  while (at + 5 <= bytes.length) at += 5 + view.getUint32(at + 1, true);
  if (at !== bytes.length) throw new Error(`Cannot accept a write of ${bytes.length} bytes: it cuts a frame`);
}
