import { describe, expect, test } from "bun:test";

import { type Follower, IncompleteError } from "../../mod.ts";
import { STORAGE_KINDS } from "../../src/storage/slot_file.ts";
import "../harness/load_maps.ts";
import { until } from "../harness/until.ts";
import { fillKey, fillValue } from "./armdb_peer.ts";
import { dumpText, toHex } from "./equal.ts";
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

const KEYS = 6000;
/** A leader reads 2,048 slots of this shape at a time: the scan is held before its second read. */
const HELD_FROM = 2048;
const ABSENT = fillKey("8x16", 77, 1);

/** The first key of the fill whose slot a condition holds for. */
function keyInSlot(follower: Follower, fits: (slot: number) => boolean): Uint8Array {
  for (let i = 0; i < KEYS; i++) {
    const key = fillKey("8x16", 1, i);
    if (fits(follower.lookup(key).slot!)) return key;
  }
  throw new Error("No key is in such a slot");
}

/** Resolves once a follower has all that a held scan sends. */
async function untilHeld(leader: RealLeader, follower: Follower, eventsBefore = 0): Promise<void> {
  await leader.peer.event("scan-held");
  const sent = eventsBefore + HELD_FROM;
  await until(() => follower.status().shards[0].received.events >= sent, SOON_MS, "the held scan's events");
}

for (const version of VERSIONS) {
  describe.skipIf(!canRun)(`a scan that is cut, armdb of protocol ${version}`, () => {
    test.each(STORAGE_KINDS)(
      "between the two slots of a moved key, then a reopen: nothing is lost, %s",
      async (storage) => {
        await using stage = new Stage();
        const leader = await stage.leader(version, { fill: KEYS });
        const proxy = await stage.proxy(leader.address);
        const first = await stage.follow(proxy.address, { storage });
        await first.caughtUp();
        const moved = keyInSlot(first, (slot) => slot >= 2 * HELD_FROM);
        const gone = keyInSlot(first, (slot) => slot > 100 && slot < HELD_FROM - 256);
        const oldSlot = first.lookup(moved).slot!;
        const newSlot = first.lookup(gone).slot!;
        const value = fillValue("8x16", 1, 1, 9);
        await first.close();

        // armdb takes the lowest free slot: the key goes down.
        await leader.command(`delete ${toHex(gone)}`);
        await leader.command(`delete ${toHex(moved)}`);
        await leader.command(`put ${toHex(moved)} ${toHex(value)}`);
        await leader.command(`hold-scan ${HELD_FROM}`);
        const second = await stage.follow(proxy.address, { storage });
        await untilHeld(leader, second);
        expect(second.lookup(moved)).toMatchObject({ found: "yes", slot: newSlot, value });
        expect(second.status().shards[0].slots.occupied).toBe(KEYS);
        expect(second.size).toBe(KEYS - 1);
        await second.close();

        proxy.refuses = true;
        const third = await stage.follow(proxy.address, { storage });
        expect(third.status().complete).toBe(false);
        expect(third.lookup(moved).found).toBe("yes");
        expect(third.lookup(gone).found).toBe("unknown");
        expect(third.size).toBe(KEYS - 1);
        expect([...third.entries()].length).toBe(KEYS - 1);
        await leader.command("release-scan");
        proxy.refuses = false;
        await third.caughtUp();
        expect(third.lookup(moved)).toMatchObject({ found: "yes", slot: newSlot, value });
        expect(third.lookup(gone).found).toBe("no");
        expect(newSlot).toBeLessThan(oldSlot);
        expect(third.status().complete).toBe(true);
        expect(third.status().shards[0].diverged).toBe(0);
        await expectEqual(leader, third);
        await leader.reaches("catchup_slots_scanned", 2 * KEYS);
      },
      LIMIT_MS,
    );

    test("by a leader that stops: a fresh copy is not caught up before another comes", async () => {
      await using stage = new Stage();
      const leader = await stage.leader(version, { fill: KEYS });
      const proxy = await stage.proxy(leader.address);
      // The end of the link tells a partial scan from a whole one, and it may come late.
      proxy.endDelayMs = 100;
      await leader.command(`hold-scan ${HELD_FROM}`);
      const follower = await stage.follow(proxy.address);
      let isCaughtUp = false;
      const caughtUp = follower.caughtUp().then(() => isCaughtUp = true);
      await untilHeld(leader, follower);
      proxy.refuses = true;
      await stage.cutScanEnds(() => leader.command("unserve"));

      // Its next try fails: so the one before was judged, and nothing came of it.
      await until(() => follower.status().shards[0].connections >= 4, SOON_MS);
      expect(isCaughtUp).toBe(false);
      const status = follower.status();
      expect(status.complete).toBe(false);
      expect(status.freshAtMs).toBeNull();
      expect(status.shards[0].scans.whole).toBe(0);
      expect(status.shards[0].wholeScanAtMs).toBeNull();
      expect(status.keys).toBeGreaterThanOrEqual(HELD_FROM);
      expect(status.keys).toBeLessThan(KEYS);
      expect(() => follower.get(ABSENT)).toThrow(IncompleteError);
      expect(follower.lookup(ABSENT).found).toBe("unknown");

      await leader.command("close");
      const heir = await stage.leader(version);
      proxy.target = heir.address;
      proxy.refuses = false;
      await caughtUp;
      await expectEqual(heir, follower);
      expect(follower.get(ABSENT)).toBeUndefined();
      expect(await heir.reaches("catchup_slots_scanned", KEYS)).toBe(KEYS);
    }, LIMIT_MS);

    test("by a leader that stops: what the scan did not reach is not taken for gone", async () => {
      await using stage = new Stage();
      const leader = await stage.leader(version, { fill: KEYS });
      const proxy = await stage.proxy(leader.address);
      const follower = await stage.follow(proxy.address);
      await follower.caughtUp();
      await untilPhase(follower, "live");
      const dump = await leader.dump();
      const { freshAtMs, shards: [{ wholeScanAtMs, received }] } = follower.status();
      await leader.command(`hold-scan ${HELD_FROM}`);
      proxy.endDelayMs = 100;
      proxy.cut();
      await untilHeld(leader, follower, received.events);
      proxy.refuses = true;
      await stage.cutScanEnds(() => leader.command("unserve"));
      await untilPhase(follower, "backing-off");

      expect(dumpText(follower.entries())).toBe(dump);
      const status = follower.status();
      expect(status.shards[0]).toMatchObject({ diverged: 0, wholeScanAtMs, scans: { whole: 1 } });
      expect(status.freshAtMs).toBe(freshAtMs);
      await leader.command("close");
      const heir = await stage.leader(version);
      await heir.command("burst 500 6000 1 30");
      proxy.target = heir.address;
      proxy.refuses = false;
      await untilSame(heir, follower);
      await expectEqual(heir, follower);
      await heir.reaches("catchup_slots_scanned", HELD_FROM + 1);
    }, LIMIT_MS);
  });
}
