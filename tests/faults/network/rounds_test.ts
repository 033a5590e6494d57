import { describe, test } from "bun:test";

import { canRun, VERSIONS } from "../../interop/stage.ts";
import { allOf, LONG_MS, onScene } from "./on_scene.ts";
import { runRounds } from "./rounds.ts";

const SEEDS = [1, 2];

describe.skipIf(!canRun)("random faults, while a leader writes", () => {
  test(
    "two seeds, before both versions of armdb",
    () =>
      allOf(
        SEEDS.flatMap((seed) =>
          VERSIONS.map((version) => () =>
            onScene(version, `seed ${seed}`, (scene) => runRounds(scene, { rounds: 5, seed }))
          )
        ),
      ),
    LONG_MS,
  );
});
