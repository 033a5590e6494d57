/** Cases on a scene of their own, and what all of them ask. */
import { expect } from "bun:test";

import type { SlotcaskError } from "../../../src/errors.ts";
import { type PeerVersion, Stage } from "../../interop/stage.ts";
import { Scene, SceneError } from "./scene.ts";

/** A test's limit: many cases on a busy machine. */
export const LONG_MS = 60_000;
/** How often a scene is set, at the most. */
const MOST_SETTINGS = 3;

/** A class of errors. */
export type ErrorClass = new (...parameters: never[]) => SlotcaskError;

/** Runs a case on a new scene; an error names the case. */
export async function onScene(
  version: PeerVersion,
  name: string,
  run: (scene: Scene) => Promise<unknown>,
): Promise<void> {
  for (let times = 1;; times++) {
    await using stage = new Stage();
    const scene = await Scene.set(stage, version);
    try {
      await run(scene);
      return;
    } catch (error) {
      if (error instanceof SceneError && times < MOST_SETTINGS) continue;
      const { message } = error as Error;
      throw new Error(`Protocol ${version}, ${name}: ${message}; ends ${JSON.stringify(scene.ends())}`, {
        cause: error,
      });
    }
  }
}

/** Cases that run side by side: most of one is waiting. More of them would make each other late. */
const SIDE_BY_SIDE = 8;

/** Runs cases, some of them side by side. Rejects with the first error, once all have ended. */
export async function allOf(cases: (() => Promise<void>)[]): Promise<void> {
  const left = [...cases];
  const errors: unknown[] = [];
  const worker = async () => {
    for (let next = left.shift(); next !== undefined; next = left.shift()) {
      await next().catch((error) => errors.push(error));
    }
  };
  await Promise.all(Array.from({ length: SIDE_BY_SIDE }, worker));
  if (errors.length > 0) throw errors[0];
}

/** It follows no more, and says why; what it holds is served on. Answers the error. */
export async function expectStopped(scene: Scene, error: ErrorClass): Promise<SlotcaskError> {
  const reason = await scene.starting.then(
    (follower) => follower.closed.then(() => undefined, (reason) => reason),
    (reason) => reason,
  );
  expect(reason).toBeInstanceOf(error);
  expect(reason.remedy).toBe("stop");
  if (scene.follower === undefined) return reason;
  const { phase, error: shown } = scene.follower.status();
  expect([phase, shown!.message]).toEqual(["stopped", reason.message]);
  await expect(scene.follower.caughtUp()).rejects.toBeInstanceOf(error);
  scene.expectKnown();
  const connections = () => scene.follower.status().shards.map((shard) => shard.connections);
  const before = connections();
  await scene.follower.close();
  expect(connections()).toEqual(before);
  return reason;
}
