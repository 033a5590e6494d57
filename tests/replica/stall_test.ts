import { expect, test } from "bun:test";

import { follow } from "../../src/replica/follow.ts";
import { Program, runScript } from "../cli/program.ts";
import { TemporaryDirectory } from "../fakes/followed.ts";
import { keyOf } from "../fakes/leader_frames.ts";
import { until } from "../harness/until.ts";

/** Longer than a link must stay open behind CaughtUp. */
const STALL_MS = 600;

test(
  "a process that stood still behind CaughtUp does not take a scan that was cut for a whole one",
  async () => {
    await using leader = Program.start(runScript("tests/replica/children/stopped_leader.ts"));
    await until(() => leader.out.includes("\n"), 8000, "the leader's port");
    using place = new TemporaryDirectory();
    await using follower = await follow(`127.0.0.1:${leader.out.trim()}`, { dir: place.of("replica") });
    await until(() => follower.status().shards[0].scan?.position === 1000, 5000, "CaughtUp");
    const end = performance.now() + STALL_MS;
    while (performance.now() < end);
    await until(() => follower.status().shards[0].ends["partial-scan"] === 1, 5000, "the end of the link");
    expect(follower.status()).toMatchObject({ complete: false, keys: 3 });
    expect(follower.lookup(keyOf(500)).found).toBe("unknown");
  },
  20_000,
);
