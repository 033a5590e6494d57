/** A link that the leader's state has stopped waits for an operator, whatever else happens. */

import { describe, expect, test } from "bun:test";

import type { FollowOptions } from "../../src/replica/follow_options.ts";
import { detectRuntime } from "../../src/runtime/mod.ts";
import { filled, Followed, NOBODY, TemporaryDirectory } from "../fakes/followed.ts";
import { batch, keyOf, puts } from "../fakes/leader_frames.ts";
import { type Script, ScriptedLeader } from "../fakes/scripted_leader.ts";
import { rejection } from "../harness/failures.ts";
import { until } from "../harness/until.ts";

const { files } = detectRuntime();
const RECORD = 32, HEADER = 4096, VALUE_AT = 16;

/** 100 keys at version 5, */
const before: Script = (connection) =>
  connection.scan([batch(puts(100, { version: 5 }))], { slotCount: 128 });
/** and a leader whose data was replaced: all of them at version 1. */
const replaced: Script = (connection) =>
  connection.scan([batch(puts(100, { version: 1 }))], { slotCount: 128 });

/** A follower that holds what the leader had before, and has met the leader that was replaced. */
async function diverged(directory: TemporaryDirectory, options: FollowOptions = {}) {
  const dir = directory.of("replica");
  await filled(dir, before);
  const leader = await ScriptedLeader.start(replaced);
  const followed = await Followed.start(leader.address, dir, options);
  await followed.shows("diverged");
  return {
    leader,
    followed,
    dir,
    kept: () => [...followed.follower.entries()].filter(([, value]) => value[0] === 5).length,
    async [Symbol.asyncDispose]() {
      await followed[Symbol.asyncDispose]();
      await leader[Symbol.asyncDispose]();
    },
  };
}

function spoil(dir: string, slot: number): void {
  const file = files.open(`${dir}/shard_000/fixed.data`, "write");
  files.write(file, new Uint8Array([0xee]), 0, 1, HEADER + slot * RECORD + VALUE_AT + 4);
  files.close(file);
}

describe("a diverged link", () => {
  test("is scanned again where an operator asks, also from within the news of it", async () => {
    using directory = new TemporaryDirectory();
    let asked: Promise<Error> | undefined;
    const box: { followed?: Followed } = {};
    const dir = directory.of("replica");
    await filled(dir, before);
    await using leader = await ScriptedLeader.start(replaced);
    await using followed = await Followed.start(leader.address, dir, {
      onEvent: (event) => {
        if (event.type !== "phase" || event.phase !== "diverged" || asked !== undefined) return;
        asked = rejection(box.followed!.follower.rescan());
      },
    });
    box.followed = followed;
    await until(() => asked !== undefined, 3000, "the follower has diverged");
    expect((await asked!).name).toBe("DivergedError");
    expect(leader.connections.length).toBe(2);
  });

  test("makes no connection for a slot that a read found damaged", async () => {
    using directory = new TemporaryDirectory();
    await using all = await diverged(directory, { storage: "positional", rescan: { suspectMs: 1 } });
    const { follower } = all.followed;
    for (const slot of [90, 91]) {
      spoil(all.dir, slot);
      expect(follower.lookup(keyOf(slot)).found).toBe("unknown");
    }
    // A link of the same follower that an operator asks for comes after any that the damage could have asked for.
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(all.leader.connections.length).toBe(1);
    expect(follower.status()).toMatchObject({ phase: "diverged" });
  });

  test("stays so, with what it holds, through a retarget that fails", async () => {
    using directory = new TemporaryDirectory();
    await using all = await diverged(directory, { connectTimeoutMs: 100 });
    const { follower } = all.followed;
    const kept = all.kept();
    await rejection(follower.retarget(NOBODY));
    await all.followed.shows("diverged", 2);
    expect([all.leader.connections.length, all.kept()]).toEqual([1, kept]);
    expect(follower.status().shards[0]).toMatchObject({
      phase: "diverged",
      error: { message: expect.stringContaining("contradicts shard 0") },
    });
  });

  test("stays so through pause and resume", async () => {
    using directory = new TemporaryDirectory();
    await using all = await diverged(directory);
    const { follower } = all.followed;
    await follower.pause();
    expect(follower.status().phase).toBe("paused");
    follower.resume();
    await all.followed.shows("diverged", 2);
    expect(all.leader.connections.length).toBe(1);
  });
});
