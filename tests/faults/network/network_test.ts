import { describe, test } from "bun:test";

import { canRun, VERSIONS } from "../../interop/stage.ts";
import { FAULTS, type NetworkFault } from "./faults.ts";
import { allOf, LONG_MS } from "./on_scene.ts";
import { PHASES } from "./phases.ts";
import { runCase } from "./run_case.ts";

/** A fault in all its phases, before both versions of armdb. */
function everywhere(fault: NetworkFault): (() => Promise<void>)[] {
  return VERSIONS.flatMap((version) =>
    (fault.phases ?? PHASES).map((phase) => () => runCase(version, phase, fault))
  );
}

describe.skipIf(!canRun)("a fault of the network, in every phase, before both versions of armdb", () => {
  test.each([...FAULTS])("$name", (fault) => allOf(everywhere(fault)), LONG_MS);
});
