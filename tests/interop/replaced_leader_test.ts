import { describe, expect, test } from "bun:test";

import { DivergedError, type Follower, type FollowOptions } from "../../mod.ts";
import type { Proxy } from "../fakes/proxy.ts";
import { until } from "../harness/until.ts";
import { dumpText } from "./equal.ts";
import {
  canRun,
  expectEqual,
  LIMIT_MS,
  type PeerVersion,
  type RealLeader,
  SOON_MS,
  Stage,
  untilPhase,
  VERSIONS,
} from "./stage.ts";

/** What `guard` takes of a shard of 500 keys when every slot contradicts, before it stops. */
const LEAST_LIMIT = 16;

/** A leader's content: the `fill` commands that make it. */
type Content = string[];

interface Scene {
  old: RealLeader;
  young: RealLeader;
  proxy: Proxy;
  follower: Follower;
  /** What the old leader held in the end. */
  dump: string;
}

/** A follower of a leader that is about to be replaced, at its address, by a younger one. */
async function setScene(
  stage: Stage,
  version: PeerVersion,
  content: { old: Content; young: Content },
  options: FollowOptions = {},
): Promise<Scene> {
  const old = await stage.leader(version);
  for (const fill of content.old) await old.command(fill);
  const young = await stage.leader(version, { name: "young" });
  for (const fill of content.young) await young.command(fill);
  const proxy = await stage.proxy(old.address);
  const follower = await stage.follow(proxy.address, {
    rescanMs: 200,
    ...options,
    times: { catchUpOnlyMs: 500 },
  });
  await follower.caughtUp();
  await untilPhase(follower, "live");
  await expectEqual(old, follower);
  await old.reaches("catchup_slots_scanned", 1);
  return { old, young, proxy, follower, dump: await old.dump() };
}

function replace({ young, proxy }: Scene): void {
  proxy.target = young.address;
  proxy.cut();
}

/** Lines of a dump that a follower still holds. */
function kept(dump: string, follower: Follower): number {
  const lines = new Set(dumpText(follower.entries()).split("\n").filter((line) => line !== ""));
  return dump.split("\n").filter((line) => lines.has(line)).length;
}

const OVER_THE_LIMIT = [
  {
    name: "younger versions",
    old: ["fill 500 1", "fill 500 1 1"],
    young: ["fill 500 2"],
    proofs: /17 of \d+ slots \(17 older, 0 different, 0 absent\), the limit is 16/,
    taken: LEAST_LIMIT,
  },
  {
    name: "the same versions with other keys and values",
    old: ["fill 500 1"],
    young: ["fill 500 2"],
    proofs: /17 of \d+ slots \(0 older, 17 different, 0 absent\), the limit is 16/,
    taken: LEAST_LIMIT,
  },
  {
    name: "empty",
    old: ["fill 500 1"],
    young: [],
    proofs: /500 of 500 slots \(0 older, 0 different, 500 absent\), the limit is 50/,
    taken: 0,
  },
];

const BELOW_THE_LIMIT = [
  { name: "younger versions", old: ["fill 500 1", "fill 12 1 1"], young: ["fill 500 1"] },
  {
    name: "the same versions with other keys",
    old: ["fill 500 1"],
    young: ["fill 488 1", "fill 12 2"],
  },
  { name: "slots that it does not have", old: ["fill 500 1"], young: ["fill 488 1"] },
];

for (const version of VERSIONS) {
  describe.skipIf(!canRun)(`a leader that was replaced, armdb of protocol ${version}`, () => {
    for (const { name, old, young, proofs, taken } of OVER_THE_LIMIT) {
      test(`guard, over the limit: ${name}`, async () => {
        await using stage = new Stage();
        const scene = await setScene(stage, version, { old, young });
        const { follower, dump } = scene;
        const bytes = follower.status().shards[0].received.bytes;
        replace(scene);
        await untilPhase(follower, "diverged");

        const [shard] = follower.status().shards;
        expect(shard.error!.message).toMatch(proofs);
        expect(shard.error!.remedy).toBe("stop");
        expect(shard.diverged).toBe(taken);
        expect(kept(dump, follower)).toBe(500 - taken);
        if (young.length > 0) expect(shard.received.bytes - bytes).toBeGreaterThan(4096);
        await expect(follower.caughtUp()).rejects.toBeInstanceOf(DivergedError);

        // Nothing comes back by itself: not even to the leader's address.
        const { accepted } = scene.proxy;
        await follower.close();
        expect(scene.proxy.accepted).toBe(accepted);

        const accepting = await stage.follow(scene.proxy.address, { onDivergence: "accept" });
        await accepting.caughtUp();
        await expectEqual(scene.young, accepting);
        await scene.young.reaches("catchup_slots_scanned", young.length * 500);
      }, LIMIT_MS);
    }

    for (const { name, old, young } of BELOW_THE_LIMIT) {
      test(`guard, below the limit: ${name}`, async () => {
        await using stage = new Stage();
        const scene = await setScene(stage, version, { old, young });
        const { follower } = scene;
        replace(scene);
        await expectEqual(scene.young, follower);
        expect(follower.status().shards[0].diverged).toBe(12);
        await scene.young.reaches("catchup_slots_scanned", 488);
        await scene.young.command("burst 200 600 3 20");
        await expectEqual(scene.young, follower);
      }, LIMIT_MS);
    }

    test("accept ends equal, and what is absent goes only after a second scan", async () => {
      await using stage = new Stage();
      const content = { old: ["fill 500 1", "fill 500 1 1"], young: ["fill 300 2"] };
      const scene = await setScene(stage, version, content, { onDivergence: "accept" });
      const { follower } = scene;
      const before = follower.status().shards[0].scans.whole;
      const sizes: [scans: number, keys: number][] = [];
      replace(scene);
      await until(() => {
        const { scans, keys } = follower.status().shards[0];
        sizes.push([scans.whole - before, keys]);
        return scans.whole >= before + 2;
      }, SOON_MS);
      expect(sizes.some(([scans, keys]) => scans === 1 && keys === 500)).toBe(true);
      expect(sizes.some(([scans, keys]) => scans === 0 && keys < 500)).toBe(false);
      await expectEqual(scene.young, follower);
      expect(follower.status().shards[0].diverged).toBe(500);
      await scene.young.reaches("catchup_slots_scanned", 600);
    }, LIMIT_MS);

    test("hold stops at the first proof and takes nothing", async () => {
      await using stage = new Stage();
      const content = { old: ["fill 500 1"], young: ["fill 499 1", "fill 1 2"] };
      const scene = await setScene(stage, version, content, { onDivergence: "hold" });
      const { follower, dump } = scene;
      replace(scene);
      await untilPhase(follower, "diverged");
      expect(dumpText(follower.entries())).toBe(dump);
      expect(follower.status().shards[0].diverged).toBe(0);
      expect(follower.status().shards[0].error!.message).toMatch(/1 of \d+ slots .*the limit is 0/);
      await expect(follower.caughtUp()).rejects.toBeInstanceOf(DivergedError);
      await follower.close();

      const again = await stage.follow(scene.proxy.address, { onDivergence: "hold", partial: true });
      await expect(again.caughtUp()).rejects.toBeInstanceOf(DivergedError);
      expect(dumpText(again.entries())).toBe(dump);
    }, LIMIT_MS);
  });
}
