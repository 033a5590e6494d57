/** One changed frame in one phase. */
import { FrameType } from "../../../src/replication/wire.ts";
import type { PeerVersion } from "../../interop/stage.ts";
import type { Damage } from "./damages.ts";
import { expectStopped, onScene } from "./on_scene.ts";
import { isFirst, type Phase, reach } from "./phases.ts";
import type { Scene } from "./scene.ts";

/** The key that is written while live: the batch has one event. */
const WRITTEN = 5;
/** Where a SyncRequest's version is. */
const VERSION_AT = 6;

/** Runs it; an error names damage and phase. */
export function runDamage(version: PeerVersion, phase: Phase, damage: Damage): Promise<void> {
  return onScene(version, `${damage.name}, ${phase}`, async (scene) => {
    const which = damage.spot?.frame === FrameType.SyncRequest
      ? (frame: Uint8Array) => frame[VERSION_AT] === version
      : undefined;
    const from = await reach(scene, {
      phase,
      options: { onDivergence: "accept" },
      write: () => scene.history.put(WRITTEN),
      arm: (proxy, spot) =>
        proxy.edit({ ...(damage.spot ?? spot), byte: 0, which }, (frame) => damage.edit(frame)),
    });
    if (damage.stops !== undefined) return await untilStopped(scene, { damage, phase, from });
    if (damage.seen !== undefined) await scene.untilEnd(damage.seen, from);
    await scene.starting;
    await scene.follower.caughtUp();
    await scene.scanWhole();
    await scene.history.burst(50);
    await scene.untilEqual();
  });
}

async function untilStopped(
  scene: Scene,
  { damage, phase, from }: { damage: Damage; phase: Phase; from: number },
): Promise<void> {
  if (isFirst(phase)) {
    // A new directory is made as the changed frame says: it takes another connection to see that.
    await scene.starting.then(() => scene.follower.caughtUp()).then(() => scene.scanWhole()).catch(() => {});
  }
  await scene.untilEnd(damage.seen!, from);
  await expectStopped(scene, damage.stops!);
}
