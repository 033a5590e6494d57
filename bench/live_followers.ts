/** Followers of both makers that stay: what the benches of a live link ask them. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";

import type { FollowOptions } from "../mod.ts";
import { ArmdbPeer } from "../tests/interop/armdb_peer.ts";
import type { RuntimeName } from "./bench.ts";
import { Child } from "./child.ts";
import type { BenchLeader } from "./real_leader.ts";

/** Slots by which the files of armdb's follower grow: armdb's default. */
const GROW_STEP = 1_000_000;
const LIMIT_MS = 120_000;
/** A link is live so long after the last key of the scan came. */
const SETTLE_MS = 500;
/** Of /proc/PID/stat: USER_HZ, the same on every Linux. */
const MS_PER_TICK = 10;

/** A follower in a process of its own, in a fresh directory. Dispose it: kill -9. */
export interface LiveFollower extends AsyncDisposable {
  /** Resolves once it has caught up and its link is live; what is written meanwhile must be little. */
  live(): Promise<void>;
  /** A key's value in hex; `-` if the key is absent. */
  get(keyHex: string): Promise<string>;
  /** CPU time of the process so far, user and system, in ms. */
  cpuMs(): Promise<number>;
}

/** Begins to follow, into `dir`. */
export type StartFollower = (leader: BenchLeader, dir: string) => Promise<LiveFollower>;

/** Slotcask. */
export class SlotcaskLive implements LiveFollower {
  private constructor(readonly child: Child) {}

  /** A {@link StartFollower} for a runtime, with options of `follow`. */
  static in(
    runtime: RuntimeName,
    options: FollowOptions = {},
  ): (leader: BenchLeader, dir: string) => Promise<SlotcaskLive> {
    return async (leader, dir) => {
      const follower = new SlotcaskLive(new Child(runtime, "put_visible.ts"));
      await follower.child.ask("start", leader.address, join(dir, "replica"), options);
      return follower;
    };
  }

  /** See {@link LiveFollower}. */
  async live(): Promise<void> {
    await this.child.ask("live");
    await wait(SETTLE_MS);
  }

  /** See {@link LiveFollower}. */
  async get(keyHex: string): Promise<string> {
    return await this.child.ask<string | null>("get", keyHex) ?? "-";
  }

  /** See {@link LiveFollower}. */
  cpuMs(): Promise<number> {
    return this.child.ask("cpuMs");
  }

  /** See {@link LiveFollower}. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.child.kill();
  }
}

/** armdb's own follower. */
export class ArmdbLive implements LiveFollower {
  private constructor(readonly peer: ArmdbPeer, readonly slots: number) {}

  /** A {@link StartFollower}. */
  static async start(this: void, { address, filling }: BenchLeader, dir: string): Promise<ArmdbLive> {
    const { shape, shards, slots } = filling;
    const follower = new ArmdbLive(await ArmdbPeer.start(2), slots);
    await follower.peer.command(`open ${join(dir, "store")} ${shape} ${shards} 0 ${GROW_STEP}`);
    await follower.peer.command(`follow ${address}`);
    return follower;
  }

  /** See {@link LiveFollower}. */
  async live(): Promise<void> {
    await this.peer.command(`wait ${LIMIT_MS} >=${this.slots} len`);
    await wait(SETTLE_MS);
  }

  /** See {@link LiveFollower}. */
  get(keyHex: string): Promise<string> {
    return this.peer.command(`get ${keyHex}`);
  }

  /** See {@link LiveFollower}. */
  cpuMs(): Promise<number> {
    const stat = readFileSync(`/proc/${this.peer.pid}/stat`, "utf8");
    // Behind the name, which stands in parentheses, `utime` and `stime` are fields 12 and 13.
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return Promise.resolve((Number(fields[11]) + Number(fields[12])) * MS_PER_TICK);
  }

  /** See {@link LiveFollower}. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.peer.kill();
  }
}
