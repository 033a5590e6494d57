/** A real follower of a real leader in the test's own process, and the admin over it. */

import type { Hono } from "hono";
import { createAdmin } from "../../admin/app.ts";
import type { AdminOptions } from "../../admin/options.ts";
import type { OwnStore } from "../../mod.ts";
import type { Follower } from "../../src/replica/follower.ts";
import { keyOf, Leading, SHAPE } from "../cli/leading.ts";
import { Followed } from "../fakes/followed.ts";

/** See the head of this file; dispose it. Keys have 8 bytes and values 16, in 2 shards. */
export class Following implements AsyncDisposable {
  private constructor(readonly leading: Leading, readonly follower: Follower, readonly app: Hono) {}

  /** Leads a store of so many keys, follows it, and waits until all of them are there. */
  static async start(keys: number, options: AdminOptions = {}): Promise<Following> {
    const leading = await Leading.start(keys);
    const { follower } = await Followed.start(leading.address, leading.path("replica"), {
      times: { silenceMs: 5_000, greetingMs: 5_000 },
    });
    await follower.caughtUp();
    return new Following(leading, follower, createAdmin(follower, options));
  }

  /** The leader's store. */
  get store(): OwnStore {
    return this.leading.store;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.follower.close();
    await this.leading[Symbol.asyncDispose]();
  }
}

/** The key of a number. */
export function key(id: number): Uint8Array {
  return keyOf(id, SHAPE.keyLength);
}

/** The value of a number. */
export function value(id: number): Uint8Array {
  return keyOf(id, SHAPE.valueLength);
}
