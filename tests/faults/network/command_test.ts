import { describe, expect, test } from "bun:test";
import { join } from "node:path";

import { adminUrl, ask } from "../../cli/following.ts";
import { Program } from "../../cli/program.ts";
import type { FollowerStatus } from "../../../mod.ts";
import { FrameType } from "../../../src/replication/wire.ts";
import { until } from "../../harness/until.ts";
import { slotDifferences } from "../../interop/equal.ts";
import { canRun, SOON_MS, Stage, VERSIONS } from "../../interop/stage.ts";
import { LONG_MS } from "./on_scene.ts";
import { Scene, SHARDS } from "./scene.ts";

/** The command with its product's intervals, and what its admin says. */
async function follow(
  scene: Scene,
  stage: Stage,
): Promise<{ program: Program; dir: string; status(): Promise<FollowerStatus> }> {
  const dir = join(stage.dir, "replica");
  const program = Program.slotcask([
    "follow",
    scene.proxy.address,
    "--dir",
    dir,
    "--admin",
    ":0",
    "--rescan",
    "1s",
  ]);
  stage.onEnd(() => program[Symbol.asyncDispose]());
  const url = await adminUrl(program);
  return { program, dir, status: async () => JSON.parse((await ask(`${url}status`)).text) };
}

describe.skipIf(!canRun)("the command follow", () => {
  test.each([...VERSIONS])(
    "a reset in mid-frame of its scan: it comes back and ends equal, protocol %d",
    async (version) => {
      await using stage = new Stage();
      const scene = await Scene.set(stage, version);
      const struck = scene.proxy.arm(
        { frame: FrameType.SlotBatch, nth: 2, byte: 1000 },
        (connection) => scene.proxy.reset(connection),
      );
      const { program, dir, status } = await follow(scene, stage);
      await struck;
      await scene.history.burst(100);
      await program.says("caught up: ");
      await scene.leader.command("flush");
      const keys = Number(await scene.leader.command("len"));
      await until(async () => (await status()).keys === keys, SOON_MS, `${keys} keys`);
      const differences = () => slotDifferences(scene.leader.dir, dir, SHARDS, { otherMetas: false });
      await until(() => differences().length === 0, SOON_MS).catch(() => {});
      expect(differences()).toEqual([]);
      expect((await status()).shards.reduce((sum, { ends }) => sum + (ends.closed ?? 0), 0)).toBeGreaterThan(
        0,
      );
    },
    LONG_MS,
  );

  test("an Error frame that no reconnect mends: it ends, and says why", async () => {
    await using stage = new Stage();
    const scene = await Scene.set(stage, 2);
    void scene.proxy.edit({ way: "up", frame: FrameType.SyncRequest }, (frame) => {
      const changed = frame.slice();
      changed[5] = 200;
      return changed;
    });
    const program = Program.slotcask(["follow", scene.proxy.address, "--dir", join(stage.dir, "replica")]);
    stage.onEnd(() => program[Symbol.asyncDispose]());
    const { code, err } = await program.ended;
    expect(code).toBe(3);
    expect(err).toContain("the leader has no shard 0");
  }, LONG_MS);
});
