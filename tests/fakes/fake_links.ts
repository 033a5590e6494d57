/** Links over a fake network and a fake store, and what they told. */

import type { End } from "../../src/replication/conversation.ts";
import { DEFAULT_BACKOFF } from "../../src/replication/backoff.ts";
import type { Link } from "../../src/replication/link.ts";
import { type LinkSettings, ProtocolChoice } from "../../src/replication/link_shared.ts";
import { DEFAULT_LIMITS, type LinkLimits } from "../../src/replication/limits.ts";
import { DEFAULT_RESCAN, Links, type RescanSettings } from "../../src/replication/links.ts";
import { decodeSyncRequest } from "../../src/replication/protocol.ts";
import { DEFAULT_TIMES, type SessionTimes } from "../../src/replication/times.ts";
import { TimeSlice } from "../../src/time_slice.ts";
import { until } from "../harness/until.ts";
import { type FakeConnection, FakeNetwork } from "./fake_network.ts";
import { FakeTarget } from "./fake_target.ts";
import { caughtUp, infoFrame } from "./leader_frames.ts";

/** Short intervals; long enough for a busy machine. */
export const SHORT_TIMES: SessionTimes = {
  ...DEFAULT_TIMES,
  greetingMs: 1000,
  settleMs: 5,
  catchUpOnlyMs: 40,
};

/** What a fake setting may be given. */
export interface FakeOptions {
  settings?: Partial<LinkSettings>;
  times?: Partial<SessionTimes>;
  rescan?: Partial<RescanSettings>;
  limits?: Partial<LinkLimits>;
  protocol?: "auto" | 1 | 2;
}

/** See the head of this file. */
export class FakeLinks implements AsyncDisposable {
  readonly network = new FakeNetwork();
  readonly target = new FakeTarget();
  /** Phases, notices and ends, in words. */
  readonly told: string[] = [];
  readonly links: Links;
  /** Is told of each change of phase, while it happens. */
  onPhase: (link: Link) => void = () => {};

  constructor(options: FakeOptions = {}) {
    this.links = new Links({
      network: this.network,
      address: { host: "127.0.0.1", port: 9 },
      leader: "127.0.0.1:9",
      target: this.target,
      settings: {
        times: { ...SHORT_TIMES, ...options.times },
        backoff: { ...DEFAULT_BACKOFF, baseMs: 10, limitMs: 20 },
        syncBatches: false,
        nudgeMs: () => undefined,
        limits: { ...DEFAULT_LIMITS, readAheadBytes: 1 << 20, ...options.limits },
        ...options.settings,
      },
      versions: new ProtocolChoice(options.protocol ?? "auto"),
      slice: new TimeSlice(),
      now: () => performance.now(),
      random: () => 1,
      rescan: { ...DEFAULT_RESCAN, ...options.rescan },
    }, {
      onPhase: (link) => {
        this.told.push(`${link.shard} ${link.phase}`);
        this.onPhase(link);
      },
      onCaughtUp: (link) => void this.told.push(`${link.shard} caught up`),
      onNotice: (link, message) => void this.told.push(`${link.shard} notice ${message}`),
      onEnd: (link, end) =>
        void this.told.push(`${link.shard}${link.isSide ? " side" : ""} end ${endWords(end)}`),
    });
  }

  /** Starts, and answers the first connection. */
  start(): Promise<FakeConnection> {
    this.links.start();
    return this.network.connection(0);
  }

  /** Shards of all connections so far, as their SyncRequests name them. */
  get shardsTried(): number[] {
    return this.network.connections.map(shardOf);
  }

  /** Waits for something that was told. */
  async heard(words: string, times = 1): Promise<void> {
    const count = () => this.told.filter((told) => told.startsWith(words)).length;
    await until(
      () => count() >= times,
      2000,
      `to hear "${words}" ${times} times; heard ${this.told.join(", ")}`,
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.links.stop();
  }
}

function endWords({ reason, error }: End): string {
  return error === undefined ? reason : `${reason}: ${error.name}: ${error.message}`;
}

/** The shard that a connection asked for. */
export function shardOf(connection: FakeConnection): number {
  return decodeSyncRequest(connection.written[0].subarray(5)).shard;
}

/** The protocol version that a connection asked for. */
export function versionOf(connection: FakeConnection): number {
  return decodeSyncRequest(connection.written[0].subarray(5)).version;
}

/** Answers with a scan of no events. */
export function scanNothing(connection: FakeConnection, shardCount = 1): void {
  const shard = shardOf(connection);
  connection.receive(infoFrame({ shardCount }), caughtUp(0, shard));
}
