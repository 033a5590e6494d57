import { describe, expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";

import { IncompleteError, openStore } from "../../mod.ts";
import { fillKey, fillValue } from "./armdb_peer.ts";
import { STORAGE_KINDS } from "../../src/storage/slot_file.ts";
import { Program } from "../cli/program.ts";
import { until } from "../harness/until.ts";
import { dumpText, occupiedSlots, slotDifferences, toHex } from "./equal.ts";
import { FollowerProcess } from "./follower_process.ts";
import {
  canRun,
  expectEqual,
  LIMIT_MS,
  type RealLeader,
  SOON_MS,
  Stage,
  untilPhase,
  untilSame,
  VERSIONS,
} from "./stage.ts";

const CLEAN_FLAG_AT = 17;
const SHARDS = 2;

function isClean(dir: string): boolean {
  return readFileSync(join(dir, "shard_001", "fixed.data"))[CLEAN_FLAG_AT] === 1 &&
    existsSync(join(dir, "shard_001", "fixed.versions"));
}

/** Keys of `fill`, then deletions, moves and overwritten values. */
async function write(leader: RealLeader, seed: number): Promise<void> {
  expect(Number(await leader.command(`burst 1500 2500 ${seed} 40`))).toBeGreaterThan(500);
}

for (const version of VERSIONS) {
  describe.skipIf(!canRun)(`directories that change hands, armdb of protocol ${version}`, () => {
    test("armdb opens ours after a clean close, goes on writing, and gives it back", async () => {
      await using stage = new Stage();
      const leader = await stage.leader(version, { shards: SHARDS, fill: 2000 });
      const follower = await stage.follow(leader.address);
      await follower.caughtUp();
      await untilPhase(follower, "live");
      await write(leader, 1);
      await untilSame(leader, follower);
      await leader.reaches("streaming_events_sent", 1);
      const dump = await leader.dump();
      expect(await follower.close()).toEqual([]);
      expect(isClean(follower.dir)).toBe(true);

      const heir = await stage.leader(version, { name: "replica", shards: SHARDS });
      expect(isClean(follower.dir)).toBe(false);
      expect(await heir.dump()).toBe(dump);
      await write(heir, 2);
      const after = await heir.dump();
      await heir.command("close");
      await using store = await openStore(heir.dir);
      expect(dumpText(store.entries())).toBe(after);
    }, LIMIT_MS);

    test.each(STORAGE_KINDS)("armdb opens ours after kill -9, %s", async (storage) => {
      await using stage = new Stage();
      const leader = await stage.leader(version, { shards: SHARDS, fill: 2000 });
      const dir = join(stage.dir, "replica");
      const child = await FollowerProcess.start(leader.address, dir, storage);
      stage.onEnd(() => child.kill());
      await child.caughtUp();
      await write(leader, 1);
      await child.untilSame(leader);
      await leader.reaches("streaming_events_sent", 1);
      await child.kill();
      expect(isClean(dir)).toBe(false);
      expect(slotDifferences(leader.dir, dir, SHARDS)).toEqual([]);

      const heir = await stage.leader(version, { name: "replica", shards: SHARDS });
      expect(await heir.dump()).toBe(await leader.dump());
    }, LIMIT_MS);

    test(
      "kill -9 in mid-catch-up leaves nothing that the leader never had, and says that it is incomplete",
      async () => {
        await using stage = new Stage();
        const leader = await stage.leader(version, { fill: 6000 });
        const proxy = await stage.proxy(leader.address);
        await leader.command("hold-scan 4096");
        const dir = join(stage.dir, "replica");
        const child = await FollowerProcess.start(proxy.address, dir);
        stage.onEnd(() => child.kill());
        // 16 batches of 256: all that the held scan sends. They gather, and reach the file with the next sync.
        await leader.command("wait 10000 >=16 metric peer.acks");
        await until(() => occupiedSlots(dir, 0) === 4096, SOON_MS);
        await child.kill();

        proxy.refuses = true;
        const follower = await stage.follow(proxy.address);
        const lines = new Set((await leader.dump()).split("\n"));
        const held = dumpText(follower.entries()).trimEnd().split("\n");
        expect(held).toHaveLength(4096);
        expect(held.filter((line) => !lines.has(line))).toEqual([]);
        expect(follower.status()).toMatchObject({ complete: false, freshAtMs: null });
        expect(() => follower.get(fillKey("8x16", 99, 1))).toThrow(IncompleteError);

        await leader.command("release-scan");
        proxy.refuses = false;
        await follower.caughtUp();
        await expectEqual(leader, follower);
      },
      LIMIT_MS,
    );

    test.each(["close", "crash"])("we open armdb's after its %s, and give it back", async (how) => {
      await using stage = new Stage();
      const leader = await stage.leader(version, { shards: SHARDS, fill: 2000 });
      await write(leader, 1);
      const dump = await leader.dump();
      if (how === "crash") await leader.peer.crash();
      else await leader.command("close");
      expect(isClean(leader.dir)).toBe(how === "close");

      const store = await openStore(leader.dir);
      expect(dumpText(store.entries())).toBe(dump);
      const key = fillKey("8x16", 99, 1);
      store.put(key, fillValue("8x16", 99, 1));
      const [gone] = dump.split(" ", 1);
      expect(store.delete(Uint8Array.fromHex(gone))).toBe(true);
      const after = dumpText(store.entries());
      expect(await store.close()).toEqual([]);

      const again = await stage.leader(version, { shards: SHARDS });
      expect(await again.command(`get ${toHex(key)}`)).toBe(toHex(fillValue("8x16", 99, 1)));
      expect(await again.command(`get ${gone}`)).toBe("-");
      expect(await again.dump()).toBe(after);
    }, LIMIT_MS);

    test("the program takes up armdb's directory, mapped, and gives it back", async () => {
      await using stage = new Stage();
      const first = await stage.leader(version, { shards: SHARDS, fill: 2000, name: "replica" });
      await first.peer.crash();
      const leader = await stage.leader(version, { shards: SHARDS, fill: 2000 });
      await write(leader, 1);
      const args = ["follow", leader.address, "--dir", first.dir, "--storage", "mapped", "--until-caught-up"];
      const { code, err } = await Program.slotcask(args).ended;
      expect([code, err]).toEqual([0, ""]);
      expect(isClean(first.dir)).toBe(true);
      expect(slotDifferences(leader.dir, first.dir, SHARDS)).toEqual([]);

      const heir = await stage.leader(version, { name: "replica", shards: SHARDS });
      expect(await heir.dump()).toBe(await leader.dump());
    }, LIMIT_MS);

    test("a follower goes on over its leader's own directory, copied", async () => {
      await using stage = new Stage();
      const first = await stage.leader(version, { shards: SHARDS, fill: 2000, name: "replica" });
      await first.peer.crash();
      const leader = await stage.leader(version, { shards: SHARDS, fill: 2000 });
      await write(leader, 1);
      const follower = await stage.follow(leader.address);
      expect(follower.size).toBe(2000);
      await follower.caughtUp();
      await untilSame(leader, follower);
      // The same fill gave the same slots: only what was written since differed.
      const { skipped, applied } = follower.status().shards[0];
      expect(skipped.same).toBeGreaterThan(300);
      expect(applied.deleted).toBeGreaterThan(0);
      expect(slotDifferences(leader.dir, follower.dir, SHARDS)).toEqual([]);
      await leader.reaches("catchup_slots_scanned", 2000);
    }, LIMIT_MS);
  });
}
