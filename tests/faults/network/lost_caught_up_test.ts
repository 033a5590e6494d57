import { describe, test } from "bun:test";

import { HEARTBEAT_FRAME } from "../../../src/replication/protocol.ts";
import { canRun, VERSIONS } from "../../interop/stage.ts";
import { allOf, LONG_MS, onScene } from "./on_scene.ts";
import { reach } from "./phases.ts";

/** How often the leader that streams says that it is there: more often than silence takes. */
const HEARTBEAT_MS = 100;

describe.skipIf(!canRun)(
  "a CaughtUp that comes as something else, and a leader that says Heartbeat from then on",
  () => {
    const others = [
      { name: "a Heartbeat", frame: HEARTBEAT_FRAME },
      { name: "nothing", frame: new Uint8Array(0) },
    ];
    test.each(others)(
      "$name",
      ({ frame }) =>
        allOf(VERSIONS.map((version) => () =>
          onScene(version, "lost CaughtUp", async (scene) => {
            let timer: ReturnType<typeof setInterval> | undefined;
            const from = await reach(scene, {
              phase: "caught-up",
              arm: async (proxy, spot) => {
                const { down } = await proxy.edit({ ...spot, byte: 0 }, () => frame);
                timer = setInterval(() => down.pass(HEARTBEAT_FRAME), HEARTBEAT_MS);
              },
            });
            try {
              await scene.untilEnd(/^silent: .*catching-up/, from);
            } finally {
              clearInterval(timer);
            }
            await scene.history.burst(50);
            await scene.expectEqual();
          })
        )),
      LONG_MS,
    );
  },
);
