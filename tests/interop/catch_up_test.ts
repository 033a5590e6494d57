import { describe, expect, test } from "bun:test";

import type { StorageKind } from "../../mod.ts";
import "../harness/load_maps.ts";
import type { PeerShape } from "./armdb_peer.ts";
import { occupiedSlots, slotDifferences } from "./equal.ts";
import { canRun, expectEqual, LIMIT_MS, Stage, untilPhase, untilSame, VERSIONS } from "./stage.ts";

interface Case {
  shape: PeerShape;
  shards: number;
  prefixBits: number;
  /** Keys before the follower comes. */
  fill: number;
  /** Operations while it is live, and the keys that they choose from. */
  writes: number;
  keyspace: number;
  storage: StorageKind;
}

const CASES: Case[] = [
  { shape: "8x16", shards: 1, prefixBits: 0, fill: 3000, writes: 2000, keyspace: 4000, storage: "resident" },
  {
    shape: "8x16",
    shards: 7,
    prefixBits: 0,
    fill: 3000,
    writes: 2000,
    keyspace: 4000,
    storage: "positional",
  },
  { shape: "8x16", shards: 2, prefixBits: 0, fill: 3000, writes: 2000, keyspace: 4000, storage: "mapped" },
  { shape: "8x65000", shards: 2, prefixBits: 0, fill: 40, writes: 60, keyspace: 60, storage: "mapped" },
  { shape: "1x0", shards: 2, prefixBits: 0, fill: 200, writes: 500, keyspace: 256, storage: "resident" },
  { shape: "3x5", shards: 2, prefixBits: 13, fill: 2000, writes: 1000, keyspace: 3000, storage: "resident" },
  { shape: "3x5", shards: 7, prefixBits: 8, fill: 2000, writes: 1000, keyspace: 3000, storage: "positional" },
  {
    shape: "16x100",
    shards: 2,
    prefixBits: 64,
    fill: 1000,
    writes: 1000,
    keyspace: 2000,
    storage: "resident",
  },
  { shape: "8x65000", shards: 1, prefixBits: 0, fill: 40, writes: 60, keyspace: 60, storage: "resident" },
  { shape: "8x65512", shards: 2, prefixBits: 0, fill: 20, writes: 40, keyspace: 40, storage: "positional" },
  { shape: "300x8", shards: 2, prefixBits: 5, fill: 500, writes: 500, keyspace: 700, storage: "positional" },
];

for (const version of VERSIONS) {
  describe.skipIf(!canRun)(`catch-up and live writes, armdb of protocol ${version}`, () => {
    for (const { shape, shards, prefixBits, fill, writes, keyspace, storage } of CASES) {
      const name = `${shape}, ${shards} shards, ${prefixBits} prefix bits, ${storage}`;
      test(name, async () => {
        await using stage = new Stage();
        const leader = await stage.leader(version, { shape, shards, prefixBits, fill });
        const follower = await stage.follow(leader.address, { storage });
        await follower.caughtUp();
        expect(follower.size).toBe(fill);
        expect(follower.status().complete).toBe(true);
        expect(follower.status().protocol).toBe(version);
        expect(await leader.reaches("catchup_slots_scanned", fill)).toBe(fill);

        await untilPhase(follower, "live");
        const written = Number(await leader.command(`burst ${writes} ${keyspace} 1 30`));
        await untilSame(leader, follower);
        expect(await leader.reaches("streaming_events_sent", written)).toBe(written);
        expect(await leader.metric("events_dropped")).toBe(0);
        // The first scan began with an empty state, but nothing had been deleted before it.
        await expectEqual(leader, follower);

        expect(await follower.close()).toEqual([]);
        await leader.command("close");
        for (let shard = 0; shard < shards; shard++) {
          expect(occupiedSlots(leader.dir, shard)).toBeGreaterThan(0);
        }
        expect(slotDifferences(leader.dir, follower.dir, shards)).toEqual([]);
      }, LIMIT_MS);
    }

    test("writes that go on while it catches up", async () => {
      await using stage = new Stage();
      const leader = await stage.leader(version, { shards: 2, fill: 50_000 });
      await leader.command("burst 20000 50000 1 50");
      await leader.command("churn 4000 1 60000 1 40");
      const follower = await stage.follow(leader.address);
      await follower.caughtUp();
      await leader.peer.event("churned");
      await expectEqual(leader, follower, { otherMetas: false });
      await leader.reaches("streaming_events_sent", 1);

      await follower.close();
      await leader.command("burst 3000 60000 1 60");
      // The second start finds slots here, so it sends no EMPTY_STATE and learns of everything deleted since.
      const again = await stage.follow(leader.address);
      await again.caughtUp();
      await expectEqual(leader, again, { otherMetas: false });
      expect(again.status().shards.map((shard) => shard.applied.deleted > 0)).toEqual([true, true]);
    }, LIMIT_MS);
  });
}
