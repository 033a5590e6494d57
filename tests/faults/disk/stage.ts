/** A leader of ours, and a follower of it through the public `follow` path, whose disk can be made to fail. */

import { readFileSync } from "node:fs";

import { parseAddress } from "../../../src/address.ts";
import { type FollowOptions, resolveFollowOptions } from "../../../src/replica/follow_options.ts";
import { Follower } from "../../../src/replica/follower.ts";
import type { ShardStatus } from "../../../src/replica/status.ts";
import { detectRuntime } from "../../../src/runtime/mod.ts";
import type { StorageKind } from "../../../src/storage/slot_file.ts";
import { QUICK, TemporaryDirectory } from "../../fakes/followed.ts";
import { keyOf, valueOf } from "../../fakes/leader_frames.ts";
import { OwnLeader } from "../../fakes/own_leader.ts";
import "../../harness/load_maps.ts";
import { until } from "../../harness/until.ts";
import { FaultyFiles } from "./faulty_files.ts";

/** One shard, keys of 8 bytes, values of 16: slots of 32 bytes, with no padding. */
export const ONE_SHARD = { shardCount: 1, keyLength: 8, valueLength: 16, prefixBits: 0 };
/** Two of them. */
export const TWO_SHARDS = { ...ONE_SHARD, shardCount: 2 };
/** Bytes of a slot of those shapes. */
export const SLOT_BYTES = 32;
/** Bytes before the first slot. */
export const HEADER_BYTES = 4096;

/** Waits as long as a busy machine may take. */
export const PATIENCE_MS = 4000;

/** How a stage is set. */
export interface StageOptions extends FollowOptions {
  /** Keys that the leader begins with; default 100. */
  keys?: number;
  /** The shape; default one shard. */
  shape?: typeof ONE_SHARD;
  /** Where the replica lies; default: in the stage's own temporary directory. */
  dir?: string;
}

/** See the head of this file. */
export class DiskStage implements AsyncDisposable {
  readonly leader: OwnLeader;
  readonly faults = new FaultyFiles(detectRuntime().files);
  follower!: Follower;
  readonly dir: string;
  readonly #temporary: TemporaryDirectory;
  readonly #options: FollowOptions;

  private constructor(leader: OwnLeader, dir: string, temporary: TemporaryDirectory, options: FollowOptions) {
    this.leader = leader;
    this.dir = dir;
    this.#temporary = temporary;
    this.#options = options;
  }

  /** A leader with keys 0 to `keys` - 1, each with value 1, and no follower yet. */
  static async set(
    { keys = 100, shape = ONE_SHARD, dir, ...options }: StageOptions = {},
  ): Promise<DiskStage> {
    const temporary = new TemporaryDirectory();
    const leader = await OwnLeader.start(temporary.of("leader"), { keys, shape });
    return new DiskStage(leader, dir ?? temporary.of("replica"), temporary, options);
  }

  /** The same, with a follower that has caught up and is live. */
  static async live(options: StageOptions = {}): Promise<DiskStage> {
    const stage = await DiskStage.set(options);
    try {
      await stage.follow();
      await stage.isLive();
      return stage;
    } catch (error) {
      await stage[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Starts the follower: again, where there was one. */
  async follow(options: FollowOptions = {}, leader = this.leader.address): Promise<Follower> {
    const storage = this.#options.storage ?? "resident";
    return this.follower = await Follower.start(
      { ...detectRuntime(), files: this.faults.files },
      parseAddress(leader),
      resolveFollowOptions({
        ...QUICK,
        dir: this.dir,
        sync: 5,
        rescan: { suspectMs: 20 },
        ...this.#options,
        ...options,
        storage,
        times: { ...QUICK.times, silenceMs: 3000, greetingMs: 2000 },
      }),
    );
  }

  /** Resolves once every shard is live. */
  async isLive(): Promise<void> {
    await until(() => this.follower.status().phase === "live", PATIENCE_MS, "live");
  }

  /** The storage. */
  get storage(): StorageKind {
    return this.#options.storage ?? "resident";
  }

  /** The status of a shard. */
  shard(id = 0): ShardStatus {
    return this.follower.status().shards[id];
  }

  /** Puts keys at the leader, each with a value. */
  put(value: number, keys: Iterable<number>): void {
    for (const key of keys) this.leader.store.put(keyOf(key), valueOf(value));
  }

  /** Deletes keys at the leader. */
  delete(keys: Iterable<number>): void {
    for (const key of keys) this.leader.store.delete(keyOf(key));
  }

  /** Resolves once a shard's status tells an error that matches. */
  async tells(pattern: RegExp, shard = 0): Promise<void> {
    const message = () => this.shard(shard)?.error?.message ?? "";
    await until(() => pattern.test(message()), PATIENCE_MS, `an error like ${pattern}`);
  }

  /** Resolves once the copy equals the leader, is complete, and no shard has an error. */
  async healed(): Promise<void> {
    const wanted = dump(this.leader.store.entries());
    const isGood = () => {
      const { complete, phase, shards } = this.follower.status();
      return complete && phase === "live" && shards.every(({ error }) => error === null) &&
        dump(this.follower.entries()) === wanted;
    };
    await until(isGood, PATIENCE_MS, "healed").catch((error) => {
      const { shards } = this.follower.status();
      const seen = shards.map(({ phase, error, slots, complete }) => ({ phase, error, slots, complete }));
      throw new Error(`${error.message}: ${JSON.stringify(seen)}`);
    });
  }

  /** The data file of a shard. */
  dataPath(shard = 0): string {
    return `${this.dir}/shard_${String(shard).padStart(3, "0")}/fixed.data`;
  }

  /** The header of a shard's data file. */
  header(shard = 0): Uint8Array {
    return readFileSync(this.dataPath(shard)).subarray(0, HEADER_BYTES);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.faults.heal();
    await this.follower?.close();
    await this.leader[Symbol.asyncDispose]();
    this.#temporary[Symbol.dispose]();
  }
}

/** Entries as text, sorted. */
export function dump(entries: Iterable<[Uint8Array, Uint8Array]>): string {
  return [...entries].map(([key, value]) => `${hex(key)}=${hex(value)}`).sort().join("\n");
}

function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** The numbers from `first` on, so many. */
export function range(count: number, first = 0): number[] {
  return Array.from({ length: count }, (_, i) => first + i);
}
