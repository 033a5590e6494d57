/** A follower that does what a test says, and notes what it was asked for. */

import type { AdminFollower } from "../../admin/follower_port.ts";
import { Histogram } from "../../src/histogram.ts";
import type { BackupStatus, FollowerStatus, ShardStatus, VerifyStatus } from "../../src/replica/status.ts";

/** A live shard of ten slots, proven current `ageMs` ago. */
export function liveShard(changes: Partial<ShardStatus> = {}, ageMs = 0): ShardStatus {
  const empty = new Histogram().snapshot();
  return {
    shard: 0,
    phase: "live",
    catchUpOnly: false,
    keys: 3,
    slots: { total: 10, occupied: 3, deleted: 2, free: 5, unverified: 0 },
    complete: true,
    freshAtMs: Date.now() - ageMs,
    wholeScanAtMs: Date.now() - ageMs,
    scan: null,
    applied: { occupied: 0, deleted: 0, reset: 0 },
    skipped: { same: 0, older: 0 },
    staleCleanups: 0,
    crcErrors: 0,
    diverged: 0,
    misrouted: false,
    maxVersion: 0,
    connections: 1,
    ends: {},
    scans: { whole: 1, side: 0 },
    rescans: {},
    seconds: { apply: empty, ack: empty, sync: empty },
    received: { bytes: 0, batches: 0, events: 0 },
    syncedAtMs: null,
    error: null,
    ...changes,
  };
}

/** The status of a live follower of one shard. */
export function liveStatus(changes: Partial<FollowerStatus> = {}): FollowerStatus {
  return {
    leader: "leader:9100",
    dir: "./replica",
    phase: "live",
    protocol: 2,
    shape: { shardCount: 1, keyLength: 8, valueLength: 16, prefixBits: 0 },
    keys: 3,
    complete: true,
    freshAtMs: Date.now(),
    paused: false,
    rescanIntervalMs: 60_000,
    verify: null,
    backup: null,
    startedAtMs: Date.now(),
    longestSliceMs: 0.5,
    v1Connections: 0,
    error: null,
    shards: [liveShard()],
    ...changes,
  };
}

/** See the head of this file. What a test does not replace resolves at once. */
export class FakeFollower implements AdminFollower {
  /** What `status()` answers. */
  current: FollowerStatus = liveStatus();
  /** The methods that were called, with what they were given but for signals. */
  readonly calls: unknown[][] = [];
  /** The signal that the last action was given. */
  signal: AbortSignal | undefined;
  /** What the next actions do: resolve, unless a test says otherwise. */
  act: () => Promise<unknown> = () => Promise.resolve();

  get leader(): string {
    return this.current.leader;
  }

  status(): FollowerStatus {
    return this.current;
  }

  lookup(): ReturnType<AdminFollower["lookup"]> {
    return { found: "no", shard: 0, freshAtMs: undefined } as ReturnType<AdminFollower["lookup"]>;
  }

  async *watch(): ReturnType<AdminFollower["watch"]> {}

  page(): ReturnType<AdminFollower["page"]> {
    return { entries: [] };
  }

  regions(shard: number, count: number): ReturnType<AdminFollower["regions"]> {
    this.calls.push(["regions", shard, count]);
    return Promise.resolve([{ first: 0, slots: 10, occupied: 3, deleted: 2, free: 5, unverified: 0 }]);
  }

  rescan({ shard, signal }: { shard?: number; signal?: AbortSignal } = {}): Promise<void> {
    return this.#act(["rescan", shard], signal) as Promise<void>;
  }

  pause(): Promise<void> {
    this.current = { ...this.current, paused: true };
    return this.#act(["pause"]) as Promise<void>;
  }

  resume(): void {
    this.current = { ...this.current, paused: false };
    this.calls.push(["resume"]);
  }

  verify({ signal }: { signal?: AbortSignal } = {}): Promise<VerifyStatus> {
    return this.#act(["verify"], signal) as Promise<VerifyStatus>;
  }

  retarget(leader: string, { signal }: { signal?: AbortSignal } = {}): Promise<void> {
    return this.#act(["retarget", leader], signal) as Promise<void>;
  }

  backup(parent: string, { signal }: { signal?: AbortSignal } = {}): Promise<BackupStatus> {
    return this.#act(["backup", parent], signal) as Promise<BackupStatus>;
  }

  #act(call: unknown[], signal?: AbortSignal): Promise<unknown> {
    this.calls.push(call);
    this.signal = signal;
    return this.act();
  }
}
