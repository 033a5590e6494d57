import { describe, expect, test } from "bun:test";
import { existsSync } from "node:fs";

import { encodeError } from "../../src/replication/protocol.ts";
import { filled, Followed, GOOD, good, NOBODY, TemporaryDirectory } from "../fakes/followed.ts";
import { infoFrame, keyOf } from "../fakes/leader_frames.ts";
import { type Script, ScriptedLeader } from "../fakes/scripted_leader.ts";
import { rejection } from "../harness/failures.ts";
import { until } from "../harness/until.ts";

describe("a fresh directory", () => {
  test("resolves with the first ShardInfo, and says what it does not know", async () => {
    using directory = new TemporaryDirectory();
    await using leader = await ScriptedLeader.start((connection) => connection.send(infoFrame(), GOOD));
    await using followed = await Followed.start(leader.address, directory.of("replica"));
    const { follower } = followed;
    expect(leader.connections[0].emptyState).toBe(true);
    await until(() => follower.has(keyOf(1)), 2000).catch(() => {});
    expect(follower.lookup(keyOf(77)).found).toBe("unknown");
    expect(follower.status()).toMatchObject({
      complete: false,
      freshAtMs: null,
      protocol: 2,
      shape: { keyLength: 8 },
    });
  });

  test.each([
    [
      "nobody listens",
      undefined,
      /^Cannot learn the shape from 127\.0\.0\.1:1 within 80 ms: Cannot connect to /,
    ],
    ["nobody answers", () => {}, /within 80 ms: (it did not answer|The leader said nothing)/],
  ] as [string, Script | undefined, RegExp][])("rejects in time where %s", async (_name, script, message) => {
    using directory = new TemporaryDirectory();
    await using leader = await ScriptedLeader.start(script ?? good);
    const address = script === undefined ? NOBODY : leader.address;
    const began = performance.now();
    const error = await rejection(Followed.start(address, directory.of("replica"), { connectTimeoutMs: 80 }));
    expect(performance.now() - began).toBeLessThan(1000);
    expect(error.name).toBe("ConnectionError");
    expect(error.message).toMatch(message);
    await filled(directory.of("replica"));
  });

  test("waits as long as it is told to, for ever too", async () => {
    using directory = new TemporaryDirectory();
    await using leader = await ScriptedLeader.start(async (connection) => {
      await new Promise((resolve) => setTimeout(resolve, 30));
      await connection.scan([GOOD]);
    });
    await using followed = await Followed.start(leader.address, directory.of("replica"), {
      connectTimeoutMs: Infinity,
    });
    await followed.follower.caughtUp();
  });

  test("rejects by its signal, before, while it connects and while it waits; the lock is free then", async () => {
    using directory = new TemporaryDirectory();
    await using leader = await ScriptedLeader.start(() => {});
    const reason = new Error("enough");
    const before = AbortSignal.abort(reason);
    expect(await rejection(Followed.start(leader.address, directory.of("replica"), { signal: before }))).toBe(
      reason,
    );
    expect(existsSync(directory.of("replica"))).toBe(false);
    const control = new AbortController();
    const waiting = rejection(
      Followed.start(leader.address, directory.of("replica"), { signal: control.signal }),
    );
    await until(() => leader.connections.length === 1, 2000);
    control.abort(reason);
    expect(await waiting).toBe(reason);
    await leader.last.closed;
    const atOnce = new AbortController();
    const connecting = rejection(
      Followed.start(leader.address, directory.of("replica"), { signal: atOnce.signal }),
    );
    atOnce.abort(reason);
    expect(await connecting).toBe(reason);
    await filled(directory.of("replica"));
  });

  test("the signal does nothing once it follows", async () => {
    using directory = new TemporaryDirectory();
    await using leader = await ScriptedLeader.start(good);
    const control = new AbortController();
    await using followed = await Followed.start(leader.address, directory.of("replica"), {
      signal: control.signal,
    });
    control.abort();
    await followed.follower.caughtUp();
    expect(followed.follower.size).toBe(3);
  });

  test.each([
    [
      "protocol version mismatch: leader 9, follower 2",
      "ProtocolVersionError",
      /is 9 at the leader, and 2 here/,
    ],
    ["invalid shard_id", "ShapeError", /the leader has no shard 0/],
  ])("rejects at once on '%s'", async (answer, name, message) => {
    using directory = new TemporaryDirectory();
    await using leader = await ScriptedLeader.start((connection) => connection.send(encodeError(answer)));
    const error = await rejection(Followed.start(leader.address, directory.of("replica")));
    expect(error.name).toBe(name);
    expect(error.message).toMatch(message);
  });

  test("rejects with a ShardInfo that cannot be, once the time is over, saying both values", async () => {
    using directory = new TemporaryDirectory();
    const bad = infoFrame();
    bad[10] = 40;
    await using leader = await ScriptedLeader.start((connection) => connection.send(bad));
    const error = await rejection(
      Followed.start(leader.address, directory.of("replica"), { connectTimeoutMs: 80 }),
    );
    expect(error.message).toContain("slot_size is 40, but key_len 8 and value_len 16 need 32");
  });
});
