/** What an operator may ask of a running follower: each is a method of {@link Follower}, which tells what it does. */

import { formatAddress, parseAddress } from "../address.ts";
import { ConflictError, PermissionError, UsageError } from "../errors.ts";
import type { Links } from "../replication/links.ts";
import type { Runtime } from "../runtime/runtime.ts";
import { LONGEST_TIMEOUT_MS, type TimeSlice } from "../time_slice.ts";
import type { ReplicaTarget } from "./replica_target.ts";
import type { BackupStatus, FollowerStatus, VerifyStatus } from "./status.ts";
import { Upkeep } from "./upkeep.ts";
import { Waiters } from "./waiters.ts";

/** Options of `Follower.rescan`. */
export interface RescanOptions {
  /** The shard; all without it. */
  shard?: number;
  /** Ends the waiting, not the scan. */
  signal?: AbortSignal;
}

/** What operations work on. */
export interface OperationsParts {
  runtime: Runtime;
  links: Links;
  target: ReplicaTarget;
  /** Measures the steps. */
  slice: TimeSlice;
  /** How long a new leader may take to answer. */
  connectTimeoutMs: number;
}

/** See the head of this file. */
export class Operations {
  readonly #parts: OperationsParts;
  readonly #upkeep: Upkeep;
  /** By shard: who waits for its next scan. */
  readonly #scanned = new Map<number, Waiters>();
  #isRetargeting = false;

  /** Operations on a follower whose directory there is by the time that the first one is asked for. */
  constructor(parts: OperationsParts) {
    this.#parts = parts;
    this.#upkeep = new Upkeep(parts.runtime.files, parts.slice);
  }

  /** Their part of the status. */
  status(): Pick<FollowerStatus, "paused" | "verify" | "backup"> {
    const { verifyStatus, backupStatus } = this.#upkeep;
    return {
      paused: this.#parts.links.isPaused,
      verify: verifyStatus === null ? null : { ...verifyStatus },
      backup: backupStatus === null ? null : { ...backupStatus },
    };
  }

  /** A shard was scanned. */
  scanned(shard: number): void {
    this.#scanned.get(shard)?.resolve();
  }

  /** A shard has diverged: its scan does not come to its end. */
  diverged(shard: number, error: Error): void {
    this.#scanned.get(shard)?.reject(error);
  }

  /** Ends what is under way; resolves once none of it touches the directory any more. */
  async end(error: Error): Promise<void> {
    for (const waiters of this.#scanned.values()) waiters.reject(error);
    await this.#upkeep.end(error);
  }

  /** See `Follower.rescan`. */
  async rescan({ shard, signal }: RescanOptions): Promise<void> {
    const { shardCount } = this.#parts.target.directory!.shape;
    if (shard !== undefined && !(Number.isInteger(shard) && shard >= 0 && shard < shardCount)) {
      throw new UsageError(`Cannot rescan: shard is ${shard}, allowed are 0 to ${shardCount - 1}`);
    }
    this.#requireUnpaused("rescan");
    const shards = shard === undefined ? [...Array(shardCount).keys()] : [shard];
    await Promise.all(shards.map((each) => this.#scan(each, signal)));
  }

  #scan(shard: number, signal: AbortSignal | undefined): Promise<void> {
    const waiters = this.#scanned.get(shard) ?? new Waiters();
    this.#scanned.set(shard, waiters);
    const scanned = waiters.wait(signal);
    this.#parts.links.scan(shard, "asked");
    return scanned;
  }

  /** See `Follower.pause`. */
  async pause(): Promise<void> {
    await this.#parts.links.pause();
  }

  /** See `Follower.retarget`. */
  async retarget(leader: string, signal: AbortSignal | undefined): Promise<void> {
    const { links, runtime, connectTimeoutMs } = this.#parts;
    const address = parseAddress(leader);
    const name = formatAddress(address);
    this.#requireUnpaused("retarget");
    if (this.#isRetargeting) throw new ConflictError("Cannot retarget: another one is under way");
    const missing = runtime.network.missingPermission(address);
    if (missing !== undefined) {
      throw new PermissionError(`Cannot retarget to ${name}: Deno was not given ${missing}`);
    }
    signal?.throwIfAborted();
    this.#isRetargeting = true;
    try {
      const timeoutMs = Math.min(connectTimeoutMs, LONGEST_TIMEOUT_MS);
      await links.retarget(address, { leader: name, timeoutMs, signal });
    } finally {
      this.#isRetargeting = false;
    }
  }

  /** See `Follower.verify`. */
  async verify(signal: AbortSignal | undefined): Promise<VerifyStatus> {
    const { links, target } = this.#parts;
    const onDamaged = (shard: number) => links.scan(shard, "damage");
    return await this.#upkeep.verify(target.directory!, onDamaged, signal);
  }

  /** See `Follower.backup`. */
  async backup(parent: string, signal: AbortSignal | undefined): Promise<BackupStatus> {
    return await this.#upkeep.backup(this.#parts.target.directory!, parent, signal);
  }

  #requireUnpaused(what: string): void {
    if (this.#parts.links.isPaused) throw new ConflictError(`Cannot ${what}: the follower is paused`);
  }
}
