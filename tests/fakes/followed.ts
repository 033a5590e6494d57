/** A follower of a scripted leader, in a directory of its own; all gone at the end. */

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { follow } from "../../src/replica/follow.ts";
import type { FollowerEvent, FollowOptions } from "../../src/replica/follow_options.ts";
import type { Follower } from "../../src/replica/follower.ts";
import { until } from "../harness/until.ts";
import { batch, puts } from "./leader_frames.ts";
import { type Script, ScriptedLeader } from "./scripted_leader.ts";

/** The batch of a leader with three keys: 0, 1 and 2, each with value 1. */
export const GOOD: Uint8Array = batch(puts(3));
/** What a good leader with those keys does. */
export const good: Script = (connection) => connection.scan([GOOD]);
/** Nobody listens here: port 1 of loopback. */
export const NOBODY = "127.0.0.1:1";

/** Intervals short enough for tests, long enough for a busy machine. */
export const QUICK: FollowOptions = {
  sync: "none",
  times: {
    greetingMs: 300,
    silenceMs: 400,
    settleMs: 20,
    catchUpOnlyMs: 100,
    heartbeatMs: 50,
    connectMs: 1000,
  },
  backoff: { baseMs: 20, limitMs: 50 },
  connectTimeoutMs: 3000,
};

/** A temporary directory that is removed at the end of a `using`. */
export class TemporaryDirectory implements Disposable {
  readonly path = mkdtempSync(join(tmpdir(), "slotcask-test-"));

  /** A path in it. */
  of(name: string): string {
    return join(this.path, name);
  }

  [Symbol.dispose](): void {
    rmSync(this.path, { recursive: true, force: true });
  }
}

/** What a follower told, and the ways to wait for it. */
export class Followed implements AsyncDisposable {
  readonly events: FollowerEvent[] = [];
  follower!: Follower;

  private constructor() {}

  /** Starts a follower with quick intervals. */
  static async start(leader: string, dir: string, options: FollowOptions = {}): Promise<Followed> {
    const followed = new Followed();
    followed.follower = await follow(leader, {
      dir,
      ...QUICK,
      ...options,
      times: { ...QUICK.times, ...options.times },
      onEvent: (event) => {
        followed.events.push(event);
        options.onEvent?.(event);
      },
    });
    return followed;
  }

  /** The phases of a shard, in order. */
  phases(shard = 0): string[] {
    return this.events.flatMap((event) =>
      event.type === "phase" && event.shard === shard ? [event.phase] : []
    );
  }

  /** The errors that connections ended with, as "Class: message". */
  get errors(): string[] {
    return this.events.flatMap((event) =>
      event.type === "end" && event.error !== undefined ? [`${event.error.name}: ${event.error.message}`] : []
    );
  }

  /** Notices. */
  get notices(): string[] {
    return this.events.flatMap((event) => event.type === "notice" ? [event.message] : []);
  }

  /** Waits until a phase was shown so many times. */
  async shows(phase: string, times = 1): Promise<void> {
    const seen = () => this.phases().filter((each) => each === phase).length >= times;
    await until(seen, 3000, `phase ${phase} ${times} times, seen ${this.phases()}; errors ${this.errors}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.follower.close();
  }
}

/** Makes a directory that has followed a leader once. */
export async function filled(path: string, script: Script = good): Promise<void> {
  await using leader = await ScriptedLeader.start(script);
  await using followed = await Followed.start(leader.address, path);
  await followed.follower.caughtUp();
}
