/**
 * A TCP proxy on loopback that knows armdb's frames, and so can fail at the n-th frame of a kind, at a byte of it.
 *
 * It passes frames on once they are whole. What it does at a spot is up to the test: see faults.ts.
 */
import { type AddressInfo, createConnection, createServer, type Server, type Socket } from "node:net";

import { Pipe, type PipeHost } from "./pipe.ts";
import { FAIR, type Way, type Weather } from "./weather.ts";

export type { Way, Weather } from "./weather.ts";

/** A byte of a stream of frames. Frames count from when the spot is armed, on each connection by itself. */
export interface Spot {
  /** Default `down`. */
  way?: Way;
  /** The type byte. */
  frame: number;
  /** Which of that type on a connection, from 1; default 1. */
  nth?: number;
  /** How many of its bytes pass before; negative ones count from its end. Default 0, none; Infinity is all. */
  byte?: number;
  /** Of connections that asked for this shard; default any. */
  shard?: number;
  /** Which of that type, instead of `nth`: the first that this is true of. */
  which?: (frame: Uint8Array) => boolean;
}

/** A follower's connection and the proxy's own to the leader. */
export interface Proxied {
  /** The shard that the follower asked for; -1 before it did. */
  shard: number;
  /** The follower's side. */
  near: Socket;
  /** The leader's side. */
  far: Socket;
  /** Leader to follower. */
  down: Pipe;
  /** Follower to leader. */
  up: Pipe;
}

interface Trap {
  spot: Spot;
  act(connection: Proxied): void;
  edit(frame: Uint8Array): Uint8Array;
  struck(connection: Proxied): void;
}

const SYNC_REQUEST = 1;
const HEADER_BYTES = 5;

/** See the head of this file. */
export class FaultProxy implements AsyncDisposable, PipeHost {
  /** Connections accepted so far. */
  accepted = 0;
  /** Whether a new connection is closed at once. */
  slams = false;
  /** Where new connections go to: `HOST:PORT`. */
  target: string;
  /** Connections that are open. */
  readonly open = new Set<Proxied>();
  /** The follower's side is still there, and nothing comes of it. */
  readonly #silent = new Set<Proxied>();
  #weather: Weather = FAIR;
  #server: Server | undefined;
  #port = 0;
  #trap: Trap | undefined;

  private constructor(target: string) {
    this.target = target;
  }

  /** Listens on a free port, for connections to `target`. */
  static async start(target: string): Promise<FaultProxy> {
    const proxy = new FaultProxy(target);
    await proxy.reopen();
    return proxy;
  }

  /** Where it listens, as `HOST:PORT`, or listened. */
  get address(): string {
    return `127.0.0.1:${this.#port}`;
  }

  /** How bytes get through, on all connections. */
  get weather(): Weather {
    return this.#weather;
  }
  set weather(weather: Weather) {
    this.#weather = weather;
    for (const { down, up } of this.open) {
      down.changed();
      up.changed();
    }
  }

  /** Acts once a spot is reached, with the bytes before it passed on. Resolves then. One at a time. */
  arm(spot: Spot, act: (connection: Proxied) => void): Promise<Proxied> {
    return this.#arm(spot, { act });
  }

  /** Changes the frame at a spot, once. Resolves when it has. */
  edit(spot: Spot, edit: (frame: Uint8Array) => Uint8Array): Promise<Proxied> {
    return this.#arm(spot, { edit });
  }

  /** Ends all connections, both sides, behind all that was passed on. */
  cut(): void {
    for (const connection of [...this.open]) this.close(connection);
  }

  /**
   * Ends a connection on both sides, behind all that was passed on. The follower's side goes on to be read: what lies unread at a
   * close makes it a reset, which may cost what was passed on last.
   */
  close(connection: Proxied): void {
    this.#forget(connection);
    this.#silent.add(connection);
    connection.near.end();
    connection.near.resume();
    connection.far.destroySoon();
  }

  /** Resets a connection on both sides. */
  reset(connection: Proxied): void {
    this.#forget(connection);
    connection.near.resetAndDestroy();
    connection.far.resetAndDestroy();
  }

  /** The leader's side is gone, and the follower is never told. */
  vanish(connection: Proxied): void {
    this.#forget(connection);
    connection.far.destroy();
    this.#silent.add(connection);
  }

  /** Nobody listens any more; connections stay. */
  shut(): void {
    this.#server?.close();
    this.#server = undefined;
  }

  /** Listens again, at the same address. */
  async reopen(): Promise<void> {
    const server = this.#server = createServer((near) => this.#accept(near));
    await new Promise<void>((resolve, reject) => {
      server.on("error", reject);
      server.listen(this.#port, "127.0.0.1", resolve);
    });
    this.#port = (server.address() as AddressInfo).port;
  }

  /** Ends every fault. What lost bytes to one is reset. */
  async clear(): Promise<void> {
    this.#trap = undefined;
    this.slams = false;
    if (this.#weather.kind === "swallow") { for (const connection of [...this.open]) this.reset(connection); }
    for (const { near } of this.#silent) near.resetAndDestroy();
    this.#silent.clear();
    this.weather = FAIR;
    if (this.#server === undefined) await this.reopen();
  }

  /** Ends all. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.slams = true;
    const server = this.#server;
    const closed = new Promise<void>((resolve) =>
      server === undefined ? resolve() : server.close(() => resolve())
    );
    for (const connection of [...this.open, ...this.#silent]) {
      this.#forget(connection);
      connection.near.destroy();
      connection.far.destroy();
    }
    await closed;
  }

  /** See {@linkcode PipeHost}. */
  onFrame(pipe: Pipe, frame: Uint8Array): void {
    const connection = [...this.open].find(({ down, up }) => down === pipe || up === pipe);
    if (connection === undefined) return;
    if (frame[0] === SYNC_REQUEST) connection.shard = frame[HEADER_BYTES];
    const trap = this.#trap;
    if (trap === undefined || !isAt(trap.spot, { pipe, connection, frame })) return pipe.pass(frame);
    this.#trap = undefined;
    const edited = trap.edit(frame);
    const { byte = 0 } = trap.spot;
    const before = byte < 0 ? edited.length + byte : Math.min(byte, edited.length);
    pipe.pass(edited.subarray(0, before));
    trap.act(connection);
    pipe.pass(edited.subarray(before));
    trap.struck(connection);
  }

  #arm(spot: Spot, { act = () => {}, edit = (frame) => frame }: Partial<Trap>): Promise<Proxied> {
    for (const { down, up } of this.open) {
      down.counts.clear();
      up.counts.clear();
    }
    return new Promise((struck) => this.#trap = { spot, act, edit, struck });
  }

  #accept(near: Socket): void {
    this.accepted++;
    near.on("error", () => {});
    if (this.slams) return void near.destroy();
    const at = this.target.lastIndexOf(":");
    const far = createConnection({ host: this.target.slice(0, at), port: Number(this.target.slice(at + 1)) });
    far.on("error", () => {});
    near.setNoDelay(true);
    far.setNoDelay(true);
    const down = new Pipe("down", { from: far, to: near, host: this });
    const up = new Pipe("up", { from: near, to: far, host: this });
    const connection = { shard: -1, near, far, down, up };
    this.open.add(connection);
    near.on("close", () => this.#gone(connection));
    far.on("close", () => this.#gone(connection));
  }

  /** A side is gone without our doing: the other gets what was sent before, if the weather allows. */
  #gone(connection: Proxied): void {
    if (connection.near.destroyed && connection.far.destroyed) this.#forget(connection);
  }

  #forget(connection: Proxied): void {
    this.open.delete(connection);
    this.#silent.delete(connection);
    connection.down.kill();
    connection.up.kill();
  }
}

/** Where a frame is. */
interface Place {
  pipe: Pipe;
  connection: Proxied;
  frame: Uint8Array;
}

function isAt(spot: Spot, { pipe, connection, frame }: Place): boolean {
  const { way = "down", nth = 1, shard, which } = spot;
  const [type] = frame;
  if (pipe.way !== way || spot.frame !== type) return false;
  if (shard !== undefined && shard !== connection.shard) return false;
  return which === undefined ? pipe.counts.get(type) === nth : which(frame);
}
