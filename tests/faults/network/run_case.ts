/** One fault in one phase, from a scene that is set to a copy that is equal. */
import { expect } from "bun:test";

import { until } from "../../harness/until.ts";
import { type PeerVersion, SOON_MS } from "../../interop/stage.ts";
import type { NetworkFault } from "./faults.ts";
import { expectStopped, onScene } from "./on_scene.ts";
import { isFirst, type Phase, reach } from "./phases.ts";
import { type Scene, SHARDS, SILENCE_MS } from "./scene.ts";

/** Runs it; an error names the phase. */
export function runCase(version: PeerVersion, phase: Phase, fault: NetworkFault): Promise<void> {
  return onScene(version, `${fault.name}, ${phase}`, async (scene) => {
    const from = await reach(scene, {
      phase,
      options: fault.options,
      arm: (proxy, spot) =>
        proxy.arm({ ...spot, ...fault.spot }, (connection) => fault.strike(proxy, connection)),
    });
    if (fault.lasts === "deaf") await whileDeaf(scene, { phase, fault, from });
    if (fault.ends !== undefined) await scene.untilEnd(fault.ends, from);
    if (fault.lasts === "passing") await whilePassing(scene, { fault, from });
    if (fault.stops !== undefined) return await expectStopped(scene, fault.stops);
    await scene.proxy.clear();
    await scene.starting;
    await scene.history.burst(100);
    await scene.expectEqual({ otherMetas: !isFirst(phase) });
    await expectWell(scene);
  });
}

interface Struck {
  phase: Phase;
  fault: NetworkFault;
  /** Events before it struck. */
  from: number;
}

/** No frame comes: reads go on, nothing is called current, and each shard notices. */
async function whileDeaf(scene: Scene, { phase, fault, from }: Struck): Promise<void> {
  const struckAtMs = Date.now();
  await scene.history.burst(50);
  if (isFirst(phase)) return await untilAllEnded(scene, { count: 1, pattern: fault.ends!, from });
  await scene.expectNotLive();
  await untilAllEnded(scene, { count: 1, pattern: fault.ends!, from });
  const { freshAtMs } = scene.follower.status();
  const dump = scene.dump();
  scene.expectKnown();
  // What was on its way when it struck may have proven the copy current; the silence behind it has not.
  expect(freshAtMs!).toBeLessThan(struckAtMs + SILENCE_MS);
  const events = scene.events().length;
  await untilAllEnded(scene, { count: 2, pattern: fault.ends!, from });
  expect(scene.follower.status().freshAtMs).toBe(freshAtMs);
  expect(scene.dump()).toBe(dump);
  expect(scene.events(events).filter((event) => event.type === "phase" && event.phase === "live")).toEqual(
    [],
  );
}

/** Resolves once `count` connections of each shard that there is have ended so. */
async function untilAllEnded(
  scene: Scene,
  { count, pattern, from }: { count: number; pattern: RegExp; from: number },
): Promise<void> {
  const shards = scene.follower === undefined ? 1 : SHARDS;
  const ends = (shard: number) =>
    scene.events(from).filter((event) =>
      event.type === "end" && event.shard === shard &&
      pattern.test(`${event.reason}: ${event.error?.name}: ${event.error?.message}`)
    ).length;
  await until(
    () => [...Array(shards).keys()].every((shard) => ends(shard) >= count),
    SOON_MS,
    `${count} ends of each shard with ${pattern}`,
  );
}

/** All comes, if late: the copy gets equal while it lasts, over the very connections that were struck. */
async function whilePassing(scene: Scene, { fault, from }: Omit<Struck, "phase">): Promise<void> {
  await scene.starting;
  await scene.follower.caughtUp();
  await scene.history.burst(100);
  await scene.expectEqual();
  if (fault.ends === undefined) {
    expect(scene.ends(from).filter((end) => /^(error|partial-scan)/.test(end))).toEqual([]);
  }
}

/** Nothing of a fault is left behind it. */
async function expectWell(scene: Scene): Promise<void> {
  const isWell = () => {
    const { phase, error, complete } = scene.follower.status();
    return error === null && complete && ["live", "catch-up-only"].includes(phase);
  };
  await until(isWell, SOON_MS, "a follower that is well");
  expect(scene.follower.status().shards.map(({ diverged }) => diverged)).toEqual(Array(SHARDS).fill(0));
}
