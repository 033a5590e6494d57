import { describe, expect, test } from "bun:test";
import { Followed, NOBODY, TemporaryDirectory } from "../fakes/followed.ts";
import { keyOf, valueOf } from "../fakes/leader_frames.ts";
import { OwnLeader, TWO_SHARDS } from "../fakes/own_leader.ts";
import { rejection } from "../harness/failures.ts";
import { until } from "../harness/until.ts";

/** Two leaders, and a follower that is live at the first. */
async function stage(directory: TemporaryDirectory, { shape = TWO_SHARDS, connectTimeoutMs = 3000 } = {}) {
  const stack = new AsyncDisposableStack();
  const first = stack.use(await OwnLeader.start(directory.of("first")));
  const second = stack.use(await OwnLeader.start(directory.of("second"), { shape }));
  const followed = stack.use(
    await Followed.start(first.address, directory.of("replica"), { connectTimeoutMs }),
  );
  await followed.follower.caughtUp();
  return {
    first,
    second,
    followed,
    follower: followed.follower,
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}

/** Proves that a follower is live at a leader: what is put there arrives. */
async function followsTo(follower: Followed["follower"], leader: OwnLeader, value: number): Promise<void> {
  await until(() => follower.status().phase === "live", 3000, `live at ${leader.address}`);
  for (let key = 0; key < 20; key++) leader.store.put(keyOf(key), valueOf(value));
  const arrived = () => [...Array(20).keys()].every((key) => follower.get(keyOf(key))![0] === value);
  await until(arrived, 3000, `the puts of ${leader.address}`);
  expect(follower.leader).toBe(leader.address);
  expect(follower.status().leader).toBe(leader.address);
}

describe("retarget", () => {
  test("goes over to another leader of the same data, with all its counters", async () => {
    using directory = new TemporaryDirectory();
    await using all = await stage(directory);
    const before = all.follower.status();
    await all.follower.retarget(all.second.address);
    await followsTo(all.follower, all.second, 7);
    const after = all.follower.status();
    expect(after.shards.map(({ ends }) => ends.retarget ?? 0)).toEqual([1, 0]);
    expect(after.shards.map(({ scans }) => scans.whole)).toEqual([2, 2]);
    expect(after.shards[0].received.bytes).toBeGreaterThan(before.shards[0].received.bytes);
    await all.follower.retarget(all.first.address);
    expect(all.follower.leader).toBe(all.first.address);
  });

  test("away from a leader that is gone", async () => {
    using directory = new TemporaryDirectory();
    await using all = await stage(directory);
    await all.first.stopServing();
    await until(() => all.follower.status().phase === "backing-off", 3000, "backing-off");
    await all.follower.retarget(all.second.address);
    await followsTo(all.follower, all.second, 7);
    expect(all.follower.status().shards.map(({ error }) => error)).toEqual([null, null]);
    await all.first.serveAgain();
  });

  test("a leader of another shape: refused with both, and the old one is followed on", async () => {
    using directory = new TemporaryDirectory();
    await using all = await stage(directory, { shape: { ...TWO_SHARDS, valueLength: 8 } });
    const error = await rejection(all.follower.retarget(all.second.address));
    expect(error).toMatchObject({ name: "ShapeError", message: expect.stringContaining("16") });
    await followsTo(all.follower, all.first, 7);
  });

  test("nobody there: refused after connectTimeoutMs, and the old one is followed on", async () => {
    using directory = new TemporaryDirectory();
    await using all = await stage(directory, { connectTimeoutMs: 150 });
    const error = await rejection(all.follower.retarget(NOBODY));
    expect(error.name).toBe("ConnectionError");
    expect(error.message).toContain(
      `Cannot go over to ${NOBODY} within 150 ms: Cannot connect to ${NOBODY}: `,
    );
    await followsTo(all.follower, all.first, 7);
  });

  test("ends by its signal, by pause and by close, and one at a time", async () => {
    using directory = new TemporaryDirectory();
    await using all = await stage(directory);
    const abort = new AbortController();
    const aborted = all.follower.retarget(NOBODY, { signal: abort.signal });
    expect(await rejection(all.follower.retarget(NOBODY))).toMatchObject({
      name: "ConflictError",
      message: "Cannot retarget: another one is under way",
    });
    abort.abort(new Error("enough"));
    expect(await rejection(aborted)).toMatchObject({ message: "enough" });
    await followsTo(all.follower, all.first, 3);

    const paused = all.follower.retarget(NOBODY);
    await all.follower.pause();
    expect(await rejection(paused)).toMatchObject({ name: "ClosedError" });
    expect(all.follower.status()).toMatchObject({ phase: "paused", leader: all.first.address });
    all.follower.resume();
    await followsTo(all.follower, all.first, 4);

    const closed = all.follower.retarget(NOBODY);
    await all.follower.close();
    expect(await rejection(closed)).toMatchObject({ name: "ClosedError" });
  });

  test("with a signal that was set off before closes no link", async () => {
    using directory = new TemporaryDirectory();
    await using all = await stage(directory);
    const { connections } = all.follower.status().shards[0];
    const signal = AbortSignal.abort(new Error("enough"));
    expect(await rejection(all.follower.retarget(NOBODY, { signal }))).toMatchObject({ message: "enough" });
    await all.follower.rescan();
    expect(all.follower.status().shards[0].connections).toBe(connections + 1);
  });

  test("refuses an address that is none", async () => {
    using directory = new TemporaryDirectory();
    await using all = await stage(directory);
    expect(await rejection(all.follower.retarget("nowhere"))).toMatchObject({ name: "UsageError" });
    await followsTo(all.follower, all.first, 7);
  });
});
