import { describe, expect, test } from "bun:test";

import { ShapeError } from "../../../mod.ts";
import { canRun, expectEqual, type LeaderStart, type RealLeader, VERSIONS } from "../../interop/stage.ts";
import { allOf, expectStopped, LONG_MS, onScene } from "./on_scene.ts";
import { type Phase, reach } from "./phases.ts";
import { type Scene, SHARDS } from "./scene.ts";

/** In all of them there is a directory, whose shape the first leader told. */
const PHASES: readonly Phase[] = ["first catch-up", "handshake", "catch-up", "live"];

const OTHER_SHAPES: { name: string; start: LeaderStart; says: RegExp }[] = [
  { name: "value length", start: { shape: "8x100" }, says: /value.*\b(16\b.*\b100|100\b.*\b16)\b/i },
  { name: "key length", start: { shape: "16x16" }, says: /key.*\b(8\b.*\b16|16\b.*\b8)\b/i },
  { name: "more shards", start: { shards: 3 }, says: /shard.*\b(2\b.*\b3|3\b.*\b2)\b/i },
  // The link of shard 1 may be the first to ask: its answer does not say how many there are.
  {
    name: "fewer shards",
    start: { shards: 1 },
    says: /shard.*\b(2\b.*\b1|1\b.*\b2)\b|the leader has no shard 1$/i,
  },
  { name: "prefix bits", start: { prefixBits: 9 }, says: /prefix.*\b(0\b.*\b9|9\b.*\b0)\b/i },
];

/** At the phase's spot the connections end, and the next ones find the other leader. */
async function replace(scene: Scene, phase: Phase, other: RealLeader): Promise<void> {
  await reach(scene, {
    phase,
    options: { onDivergence: "accept" },
    arm: (proxy, spot) =>
      proxy.arm(spot, () => {
        proxy.target = other.address;
        proxy.cut();
      }),
  });
  await scene.starting;
}

/** A case in every phase, before both versions. */
function everywhere(
  name: string,
  run: (scene: Scene, phase: Phase) => Promise<void>,
): (() => Promise<void>)[] {
  return VERSIONS.flatMap((version) =>
    PHASES.map((phase) => () => onScene(version, `${name}, ${phase}`, (scene) => run(scene, phase)))
  );
}

describe.skipIf(!canRun)("a reconnect finds another leader", () => {
  test.each(OTHER_SHAPES)(
    "of another shape: $name",
    ({ name, start, says }) =>
      allOf(everywhere(name, async (scene, phase) => {
        await replace(scene, phase, await scene.other({ fill: 100, ...start }));
        expect((await expectStopped(scene, ShapeError)).message).toMatch(says);
      })),
    LONG_MS,
  );

  test.each([
    { name: "more slots", fill: 3000 },
    { name: "fewer slots", fill: 100 },
  ])(
    "of the same shape with $name, which is accepted",
    ({ name, fill }) =>
      allOf(everywhere(name, async (scene, phase) => {
        const other = await scene.other({ fill });
        await replace(scene, phase, other);
        await expectEqual(other, scene.follower, { otherMetas: false });
        expect(scene.follower.status().shards.length).toBe(SHARDS);
      })),
    LONG_MS,
  );
});
