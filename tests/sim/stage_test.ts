/** What simulations found, as short plays. */

import { expect, test } from "bun:test";
import { quietPlan, Stage } from "./stage.ts";

test("what a killed process wrote without a sync is synced before the next one promises it", async () => {
  using stage = new Stage(quietPlan({ sync: "none" }));
  await stage.pass(1000);
  for (let id = 0; id < 8; id++) stage.leader.store.put(id);
  await stage.pass(1000);
  stage.follower.kill("kill");
  await stage.pass(3000);
  expect(stage.difference).toBeUndefined();
  expect(stage.follower.following!.status().complete).toBe(true);
  stage.leader.leader!.stop(true);
  stage.follower.kill("power-cut");
  await stage.pass(3000);
  expect([stage.difference, stage.follower.following!.status().complete]).toEqual([undefined, true]);
});

test("a DELETED slot that a new leader never wrote does not hide what it writes there", async () => {
  using stage = new Stage();
  await stage.pass(1000);
  for (let id = 0; id < 8; id++) stage.leader.store.put(id);
  await stage.pass(1000);
  for (let id = 0; id < 8; id++) stage.leader.store.delete(id);
  await stage.pass(1000);
  stage.leader.stop({ isKilled: false, comeback: "wiped", afterMs: 10 });
  await stage.pass(40_000);
  expect(stage.follower.following!.status().phase).toBe("live");
  stage.leader.store.put(1);
  await stage.pass(1000);
  expect(stage.difference).toBeUndefined();
});

test("a full disk is no reason to say that all is on it, and is written to as soon as it has room", async () => {
  const plan = quietPlan({ suspectMs: 600_000 });
  using stage = new Stage(plan);
  await stage.pass(2000);
  stage.disk.temper.isFull = true;
  stage.leader.store.put(1);
  await stage.pass(30);
  const { syncedAtMs } = stage.follower.following!.status().shards[0];
  await stage.pass(500);
  expect(stage.follower.following!.status().shards[0].syncedAtMs).toBe(syncedAtMs);
  stage.leader.leader!.stop(true);
  stage.disk.temper.isFull = false;
  await stage.pass(20_000);
  expect(stage.follower.following!.status().shards[0].syncedAtMs).toBeGreaterThan(syncedAtMs!);
});

test("what a leader of protocol 1 dropped without a word comes by a side scan", async () => {
  const plan = quietPlan({ leader: { ...quietPlan().leader, protocol: 1 }, deletes: 0 });
  using stage = new Stage(plan);
  stage.leader.store.put(0);
  await stage.pass(1000);
  for (let i = 0; i < 9000; i++) stage.leader.store.put(i % 7);
  stage.leader.store.put(7);
  expect(stage.leader.hasDropped).toBe(true);
  await stage.pass(400);
  expect(stage.difference).toBeDefined();
  await stage.pass(5000);
  expect(stage.difference).toBeUndefined();
  expect(stage.follower.following!.status().shards[0].scans).toEqual({ whole: 1, side: 1 });
});
