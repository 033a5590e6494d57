import { describe, test } from "bun:test";

import { canRun, VERSIONS } from "../../interop/stage.ts";
import { type Damage, DAMAGES } from "./damages.ts";
import { allOf, LONG_MS } from "./on_scene.ts";
import { runDamage } from "./run_damage.ts";

function everywhere(damage: Damage): (() => Promise<void>)[] {
  return VERSIONS.flatMap((version) => damage.phases.map((phase) => () => runDamage(version, phase, damage)));
}

describe.skipIf(!canRun)("bytes that change on their way, before both versions of armdb", () => {
  test.each([...DAMAGES])("$group", ({ damages }) => allOf(damages.flatMap(everywhere)), LONG_MS);
});
