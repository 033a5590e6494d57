/** What an interop test needs: real leaders, followers of ours, a directory for both; all gone at its end. */
import { expect } from "bun:test";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { follow, type Follower, type FollowerEvent, type FollowOptions } from "../../mod.ts";
import { Proxy } from "../fakes/proxy.ts";
import { until } from "../harness/until.ts";
import { ArmdbPeer, type PeerShape, type PeerVersion } from "./armdb_peer.ts";
import { dumpText, type EqualOptions, slotDifferences } from "./equal.ts";

export type { PeerVersion } from "./armdb_peer.ts";

/** A case's limit: real processes on a busy machine. */
export const LIMIT_MS = 30_000;
/** Within this, everything that is awaited comes. */
export const SOON_MS = 15_000;

const state = ArmdbPeer.available();
if (!state.ok) console.log(`interop tests are skipped: ${state.why}`);

/** Whether real leaders can be started here. If not, it has been said why. */
export const canRun = state.ok;
/** Both versions of armdb: 1 is crate 0.1.14 and protocol 1, 2 is crate 0.15.0 and protocol 2. */
export const VERSIONS: readonly PeerVersion[] = [1, 2];

/** How a leader's store is made. */
export interface LeaderStart {
  /** Default `8x16`. */
  shape?: PeerShape;
  /** Default 1. */
  shards?: number;
  /** Default 0. */
  prefixBits?: number;
  /** Keys to put before it serves; default none. */
  fill?: number;
  /** Of those keys; default 1. */
  seed?: number;
  /** Its directory's name; default `leader`. */
  name?: string;
  /** Where it serves; default a free port of loopback. `false`: not yet. */
  listen?: string | false;
}

/** A real armdb with an open store, serving it. */
export class RealLeader {
  /** Where it serves: `HOST:PORT`; empty before it does. */
  address = "";

  constructor(readonly peer: ArmdbPeer, readonly dir: string, readonly shards: number) {}

  /** Sends a command to the process: see armdb/README.md. */
  command(line: string): Promise<string> {
    return this.peer.command(line);
  }

  /** Begins to serve. */
  async serve(listen = "127.0.0.1:0"): Promise<void> {
    this.address = await this.command(`serve ${listen}`);
  }

  /** A counter of the leader, summed over its shards: `streaming_events_sent`. */
  async metric(name: string): Promise<number> {
    return Number(await this.command(`metric armdb.fixed.${name}`));
  }

  /** Waits until a counter has come so far: the leader counts after it has sent. Answers the counter. */
  async reaches(name: string, least: number): Promise<number> {
    return Number(await this.command(`wait ${SOON_MS} >=${least} metric armdb.fixed.${name}`));
  }

  /** All keys and values, as {@linkcode dumpText} writes ours. */
  async dump(): Promise<string> {
    const path = `${this.dir}.dump`;
    await this.command(`dump ${path}`);
    return readFileSync(path, "utf8");
  }
}

/** A place for one test. Use with `await using`. */
export class Stage implements AsyncDisposable {
  /** A directory of its own, removed at the end. */
  readonly dir: string = mkdtempSync(join(tmpdir(), "slotcask-interop-"));
  /** All that followers told, in order. */
  readonly events: FollowerEvent[] = [];
  readonly #closing: (() => Promise<unknown>)[] = [];

  /** Has something closed at the end: the last one first. */
  onEnd(close: () => Promise<unknown>): void {
    this.#closing.push(close);
  }

  /** Starts a process without a store. */
  async peer(version: PeerVersion): Promise<ArmdbPeer> {
    const peer = await ArmdbPeer.start(version);
    this.onEnd(() => peer.kill());
    return peer;
  }

  /** Starts a leader over a directory, new or old. */
  async leader(version: PeerVersion, start: LeaderStart = {}): Promise<RealLeader> {
    const { shape = "8x16", shards = 1, prefixBits = 0, fill = 0, seed = 1, name = "leader" } = start;
    const leader = new RealLeader(await this.peer(version), join(this.dir, name), shards);
    await leader.command(`open ${leader.dir} ${shape} ${shards} ${prefixBits} 1024`);
    if (fill > 0) await leader.command(`fill ${fill} ${seed}`);
    if (start.listen !== false) await leader.serve(start.listen);
    return leader;
  }

  /** Starts a proxy. */
  async proxy(target: string): Promise<Proxy> {
    const proxy = await Proxy.start(target);
    this.onEnd(() => proxy.close());
    return proxy;
  }

  /** Follows, with short waits and intervals. */
  async follow(address: string, options: FollowOptions = {}): Promise<Follower> {
    const follower = await follow(address, {
      ...options,
      dir: join(this.dir, options.dir ?? "replica"),
      connectTimeoutMs: options.connectTimeoutMs ?? SOON_MS,
      backoff: { baseMs: 20, limitMs: 200, ...options.backoff },
      times: { catchUpOnlyMs: 1500, ...options.times },
      onEvent: (event) => {
        this.events.push(event);
        options.onEvent?.(event);
      },
    });
    this.onEnd(() => follower.close());
    return follower;
  }

  /** How often a connection of a follower ended for this reason. */
  ends(reason: string): number {
    return this.events.filter((event) => event.type === "end" && event.reason === reason).length;
  }

  /**
   * Resolves once a scan that the leader cuts has ended: right behind its CaughtUp, or before it came. A leader that
   * closes with Acks unread resets the connection, and who writes into that (the proxy of these tests, in Bun, once in
   * three times on a busy machine: "write ECONNRESET") never reads what lay before the reset.
   */
  async cutScanEnds(cut: () => Promise<unknown>): Promise<void> {
    const ends = () => this.ends("partial-scan") + this.ends("closed");
    const before = ends();
    await cut();
    await until(() => ends() > before, SOON_MS, "the end of a cut scan");
  }

  /** See the class. */
  async [Symbol.asyncDispose](): Promise<void> {
    for (const close of this.#closing.reverse()) await close();
    rmSync(this.dir, { recursive: true, force: true });
  }
}

/** Resolves once a follower is in a phase. */
export async function untilPhase(follower: Follower, phase: string, withinMs = SOON_MS): Promise<void> {
  await until(() => follower.status().phase === phase, withinMs, `phase ${phase}`)
    .catch((error) => {
      throw new Error(`${error.message}; status ${JSON.stringify(follower.status())}`);
    });
}

/** Resolves once both hold the same keys and values; the leader's must stand still. */
export async function untilSame(leader: RealLeader, follower: Follower, withinMs = SOON_MS): Promise<void> {
  const [keys, wanted] = [Number(await leader.command("len")), await leader.dump()];
  const isSame = () => follower.size === keys && dumpText(follower.entries()) === wanted;
  await until(isSame, withinMs, "the same keys and values").catch((error) => {
    throw new Error(`${error.message}; ${keys} keys there; status ${JSON.stringify(follower.status())}`);
  });
}

/** Asserts that a follower's directory equals its leader's, by its keys and its files: see equal.ts. */
export async function expectEqual(
  leader: RealLeader,
  follower: Follower,
  options: EqualOptions = {},
): Promise<void> {
  await untilSame(leader, follower);
  await leader.command("flush");
  const differences = () => slotDifferences(leader.dir, follower.dir, leader.shards, options);
  // Equal keys may come first: a slot that gave its key away can still be on its way.
  await until(() => differences().length === 0, SOON_MS).catch(() => {});
  expect(differences()).toEqual([]);
}
