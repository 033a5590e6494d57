import { describe, expect, test } from "bun:test";

import { shardOfKey } from "../../../src/fixed/routing.ts";
import { STORAGE_KINDS } from "../../../src/storage/slot_file.ts";
import { keyOf, valueOf } from "../../fakes/leader_frames.ts";
import { until } from "../../harness/until.ts";
import { DiskStage, PATIENCE_MS, range, TWO_SHARDS } from "./stage.ts";

/** Syncs that hang, one after the other, and what is done during each. */
const SYNCS = 3;
const ROUNDS = 10;

const KEYS = range(100);
const keysOf = (shard: number) => KEYS.filter((key) => shardOfKey(keyOf(key), 0, TWO_SHARDS) === shard);

/** Without a clock: what happens while a sync hangs did not wait for it, however slow the machine is. */
describe.each(STORAGE_KINDS.map((storage) => ({ storage })))(
  "a slow disk under a $storage replica",
  ({ storage }) => {
    test.each([5, "batch"] as const)("holds up neither reads nor the other shard (sync %s)", async (sync) => {
      await using stage = await DiskStage.live({ storage, sync, shape: TWO_SHARDS });
      const { follower, faults } = stage;
      // What waits for each sync in turn is this shard's own: with `batch` its next batch, else nothing.
      const mayChange = sync === "batch" ? keysOf(1) : KEYS;
      faults.hold("shard_000/fixed.data");
      let value = 1;
      for (const held of range(SYNCS, 1)) {
        stage.put(++value, keysOf(0));
        await until(() => faults.heldSyncs.begun === held, PATIENCE_MS, `sync ${held} to begin`);
        for (const _round of range(ROUNDS)) {
          stage.put(++value, mayChange);
          await until(() => mayChange.every((key) => follower.get(keyOf(key))![0] === value), PATIENCE_MS);
          for (const key of KEYS) expect(follower.lookup(keyOf(key)).found).toBe("yes");
        }
        expect(faults.heldSyncs).toEqual({ begun: held, ended: held - 1 });
        expect(follower.status().phase).toBe("live");
        faults.release();
      }
      faults.heal();
      await stage.healed();
      expect(await follower.close()).toEqual([]);
    });

    test("that hangs for good leaves its shard dirty, and the other one clean, in time", async () => {
      await using stage = await DiskStage.live({ storage, sync: 5, shape: TWO_SHARDS });
      const { follower, faults } = stage;
      faults.hold("shard_000/fixed.data");
      stage.put(2, KEYS);
      await until(() => KEYS.every((key) => follower.get(keyOf(key))![0] === valueOf(2)[0]), PATIENCE_MS);
      await until(() => faults.heldSyncs.begun === 1, PATIENCE_MS);
      expect(await follower.close()).toEqual([0]);
      expect([stage.header(0)[17], stage.header(1)[17]]).toEqual([0, 1]);
      expect(faults.heldSyncs).toEqual({ begun: 1, ended: 0 });
    });
  },
);
