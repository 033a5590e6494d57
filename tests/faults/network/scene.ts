/** A real leader, the proxy of these tests before it, and a follower of ours behind: what a fault befalls. */
import { expect } from "bun:test";

import { type Follower, type FollowerEvent, type FollowOptions } from "../../../mod.ts";
import { until } from "../../harness/until.ts";
import { dumpText, type EqualOptions } from "../../interop/equal.ts";
import {
  expectEqual,
  type LeaderStart,
  type PeerVersion,
  type RealLeader,
  SOON_MS,
  Stage,
} from "../../interop/stage.ts";
import { FaultProxy } from "./fault_proxy.ts";
import { History } from "./history.ts";

/** Keys before the follower comes: two batches a shard. */
const KEYS = 800;
/** Keys that bursts choose from. */
const KEYSPACE = 1000;
/** Shards: one is struck at a spot, and the other goes on. */
export const SHARDS = 2;
/** Without a frame, a live link and a scan end after this. */
export const SILENCE_MS = 900;
/** What a busy machine may add to a limit. */
export const SLACK_MS = 1500;

/** Short enough for tests, long enough for a busy machine. */
const QUICK: FollowOptions = {
  sync: "none",
  rescanMs: 150,
  connectTimeoutMs: SOON_MS,
  times: {
    greetingMs: SILENCE_MS,
    silenceMs: SILENCE_MS,
    silenceV1Ms: SILENCE_MS,
    settleMs: 30,
    catchUpOnlyMs: 600,
    connectMs: 1000,
  },
  backoff: { baseMs: 20, limitMs: 60 },
};

/** What a connection ended with. */
export type End = FollowerEvent & { type: "end" };

/** The scene could not be set, as the machine stood still: a stream of protocol 1 that is lost does not come back. */
export class SceneError extends Error {}

/** See the head of this file. */
export class Scene {
  /** The follower, once it has started. */
  follower!: Follower;
  /** How the follower's start goes. */
  starting!: Promise<Follower>;
  readonly #stage: Stage;

  private constructor(
    stage: Stage,
    readonly version: PeerVersion,
    readonly leader: RealLeader,
    readonly history: History,
    readonly proxy: FaultProxy,
  ) {
    this.#stage = stage;
  }

  /** Starts leader and proxy. */
  static async set(stage: Stage, version: PeerVersion): Promise<Scene> {
    const leader = await stage.leader(version, { shards: SHARDS });
    const history = new History(leader, KEYSPACE);
    await history.fill(KEYS);
    const proxy = await FaultProxy.start(leader.address);
    stage.onEnd(() => proxy[Symbol.asyncDispose]());
    return new Scene(stage, version, leader, history, proxy);
  }

  /** Starts another leader, of any shape. */
  other(start: LeaderStart): Promise<RealLeader> {
    return this.#stage.leader(this.version, { shards: SHARDS, name: "other", ...start });
  }

  /** Begins to follow: `follower` is there once that has resolved. */
  start(options: FollowOptions = {}): Promise<Follower> {
    const starting = this.#stage.follow(this.proxy.address, {
      ...QUICK,
      ...options,
      times: { ...QUICK.times, ...options.times },
    });
    starting.then((follower) => this.follower = follower, () => {});
    return this.starting = starting;
  }

  /** Follows until each shard was streamed to. */
  async startLive(options: FollowOptions = {}): Promise<void> {
    await this.start(options);
    await this.follower.caughtUp();
    const events = () => this.follower.status().shards.map(({ received }) => received.events);
    const scanned = events();
    const isStreaming = async () => {
      const isLate = this.ends().some((end) => /^(silent|rescan)/.test(end));
      if (isLate) throw new SceneError(this.ends().join("; "));
      await this.history.burst(4);
      return events().every((count, shard) => count > scanned[shard]) &&
        this.follower.status().phase === "live";
    };
    await until(isStreaming, SOON_MS, "a stream to each shard");
    await this.expectEqual({});
  }

  /** All that the follower told, from the `from`th on. */
  events(from = 0): FollowerEvent[] {
    return this.#stage.events.slice(from);
  }

  /** Connections that ended, from the `from`th event on, as `reason: message`. */
  ends(from = 0): string[] {
    return this.events(from).flatMap((event) =>
      event.type === "end" ? [`${event.reason}: ${event.error?.name}: ${event.error?.message}`] : []
    );
  }

  /** Resolves once a connection has ended so, after the `from`th event. */
  async untilEnd(pattern: RegExp, from = 0): Promise<void> {
    const isThere = () => this.ends(from).some((end) => pattern.test(end));
    await until(isThere, SOON_MS).catch(() => {
      throw new Error(`No connection ended with ${pattern}; these did: ${JSON.stringify(this.ends(from))}`);
    });
  }

  /** Keys and values as text. */
  dump(): string {
    return dumpText(this.follower.entries());
  }

  /** Asserts that what is served is what the leader has, and what was served meanwhile what it had. */
  async expectEqual(options: EqualOptions = { otherMetas: false }): Promise<void> {
    this.expectKnown();
    await expectEqual(this.leader, this.follower, options);
  }

  /**
   * Has each shard scanned as a whole. Beside a stream of protocol 1 a rescan is a side scan, which takes nothing back:
   * there only a new connection does.
   */
  async scanWhole(): Promise<void> {
    // One that is under way would be what was asked for.
    const isFollowing = () =>
      this.follower.status().shards.every(({ phase }) => ["live", "catch-up-only"].includes(phase));
    await until(isFollowing, SOON_MS, "shards that follow");
    if (this.version === 2) return await this.follower.rescan();
    const scans = () => this.follower.status().shards.map((shard) => shard.scans.whole);
    const before = scans();
    await this.follower.pause();
    this.follower.resume();
    await until(() => scans().every((count, shard) => count > before[shard]), SOON_MS, "a whole scan");
  }

  /** Resolves once what is served and what is on disk is what the leader has. */
  untilEqual(): Promise<void> {
    return expectEqual(this.leader, this.follower, { otherMetas: false });
  }

  /** Asserts that each key has a value that the leader had for it once. */
  expectKnown(): void {
    this.history.expectKnown(this.follower.entries());
  }

  /** Asserts that no shard stays live for longer than silence allows. */
  async expectNotLive(): Promise<void> {
    const from = performance.now();
    const isLive = () => this.follower.status().shards.some(({ phase }) => phase === "live");
    await until(() => !isLive(), SILENCE_MS + SLACK_MS, "no live shard");
    expect(performance.now() - from).toBeLessThan(SILENCE_MS + SLACK_MS);
  }
}
