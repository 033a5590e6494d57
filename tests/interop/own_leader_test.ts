import { describe, expect, test } from "bun:test";
import { join } from "node:path";

import { lead, type Leader, openStore, type OwnStore, type Shape } from "../../mod.ts";
import { until } from "../harness/until.ts";
import { type ArmdbPeer, fillKey, fillValue, type PeerShape, type PeerVersion } from "./armdb_peer.ts";
import { dumpText, slotDifferences } from "./equal.ts";
import { canRun, LIMIT_MS, RealLeader, SOON_MS, Stage, VERSIONS } from "./stage.ts";

interface Scene {
  version: PeerVersion;
  store: OwnStore;
  leader: Leader;
  address: string;
  shape: PeerShape;
}

const SHAPES: { shape: PeerShape; shards: number; prefixBits: number; keys: number }[] = [
  { shape: "8x16", shards: 1, prefixBits: 0, keys: 3000 },
  { shape: "16x100", shards: 7, prefixBits: 13, keys: 1000 },
  { shape: "1x0", shards: 2, prefixBits: 0, keys: 200 },
  { shape: "8x65000", shards: 1, prefixBits: 0, keys: 30 },
];

async function setScene(
  stage: Stage,
  version: PeerVersion,
  { shape, shards, prefixBits, keys }: typeof SHAPES[number],
): Promise<Scene> {
  const [keyLength, valueLength] = shape.split("x").map(Number);
  const ours: Shape = { shardCount: shards, keyLength, valueLength, prefixBits };
  const store = await openStore(join(stage.dir, "own"), ours);
  stage.onEnd(() => store.close());
  for (let i = 0; i < keys; i++) store.put(fillKey(shape, 1, i), fillValue(shape, 1, i));
  const leader = await lead(store, "127.0.0.1:0");
  stage.onEnd(() => leader.close());
  return { version, store, leader, address: `127.0.0.1:${leader.address.port}`, shape };
}

/** Changes of every kind: values, deletions, keys that come back in the slots of others, new ones. */
function change({ store, shape }: Scene, keys: number): void {
  const put = (i: number, round: number) => store.put(fillKey(shape, 1, i), fillValue(shape, 1, i, round));
  for (let i = 0; i < keys; i += 3) put(i, 1);
  for (let i = 0; i < keys; i += 2) store.delete(fillKey(shape, 1, i));
  for (let i = keys - 1; i >= 0; i -= 4) put(i, 2);
  for (let i = keys; i < keys + keys / 4; i++) put(i, 0);
}

/** armdb's own follower, over a directory of its own. */
async function rustFollower(
  stage: Stage,
  scene: Scene,
  name = "rust",
): Promise<RealLeader> {
  const { shardCount, prefixBits } = scene.store.shape;
  const start = { shape: scene.shape, shards: shardCount, prefixBits, name, listen: false as const };
  const follower = await stage.leader(scene.version, start);
  await follower.command(`follow ${scene.address}`);
  return follower;
}

/**
 * Its files, in the end, and what it serves from memory. Not so armdb 0.1.14: a lookup there that meets a node
 * which another shard's thread just removed goes past its key, so a follower now and then keeps a deleted key in
 * memory (3 of 1,500 runs of 2 shards). Its files are right, and so is what it serves after it opened them again.
 */
async function expectSame({ version, store }: Scene, follower: RealLeader): Promise<void> {
  const shards = store.shape.shardCount;
  const differences = async () => {
    await follower.command("flush");
    // armdb's follower, too, began with an empty state.
    return slotDifferences(store.dir, follower.dir, shards, { otherMetas: false });
  };
  await until(async () => (await differences()).length === 0, SOON_MS).catch(() => {});
  expect(await differences()).toEqual([]);
  if (version === 1 && shards > 1) return;
  const wanted = dumpText(store.entries());
  await until(async () => await follower.dump() === wanted, SOON_MS, "the same keys");
}

async function applied(peer: ArmdbPeer): Promise<number> {
  return Number(await peer.command("metric armdb.fixed.applied_events"));
}

for (const version of VERSIONS) {
  describe.skipIf(!canRun)(`armdb's follower of protocol ${version} behind our leader`, () => {
    for (const row of SHAPES) {
      test(`${row.shape}, ${row.shards} shards: catch-up, then live changes`, async () => {
        await using stage = new Stage();
        const scene = await setScene(stage, version, row);
        const follower = await rustFollower(stage, scene);
        await expectSame(scene, follower);
        expect(scene.leader.eventsSent).toBeGreaterThanOrEqual(row.keys);

        const sent = scene.leader.eventsSent;
        change(scene, row.keys);
        await expectSame(scene, follower);
        expect(scene.leader.eventsSent).toBeGreaterThan(sent);
        expect(await applied(follower.peer)).toBeGreaterThan(row.keys);
        await follower.command("close");
        const again = await stage.leader(version, {
          shape: row.shape,
          shards: row.shards,
          prefixBits: row.prefixBits,
          name: "rust",
          listen: false,
        });
        expect(await again.dump()).toBe(dumpText(scene.store.entries()));
      }, LIMIT_MS);
    }

    test("it comes back after our leader restarted, and catches up with what it missed", async () => {
      await using stage = new Stage();
      const scene = await setScene(stage, version, SHAPES[0]);
      const follower = await rustFollower(stage, scene);
      await expectSame(scene, follower);
      await scene.leader.close();
      change(scene, 3000);
      const again = await lead(scene.store, scene.address);
      stage.onEnd(() => again.close());
      await expectSame(scene, follower);
      expect(again.eventsSent).toBeGreaterThan(2000);
      scene.store.put(fillKey("8x16", 5, 5), fillValue("8x16", 5, 5));
      await expectSame(scene, follower);
    }, LIMIT_MS);

    test("beside one of ours, on the same leader", async () => {
      await using stage = new Stage();
      const scene = await setScene(stage, version, SHAPES[1]);
      const rust = await rustFollower(stage, scene);
      const follower = await stage.follow(scene.address);
      await follower.caughtUp();
      change(scene, 1000);
      await expectSame(scene, rust);
      await until(() => dumpText(follower.entries()) === dumpText(scene.store.entries()), SOON_MS);
      expect(slotDifferences(scene.store.dir, follower.dir, 7)).toEqual([]);
      expect(scene.leader.connections).toBe(14);
    }, LIMIT_MS);
  });
}
