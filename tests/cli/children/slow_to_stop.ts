/** Hears that it should stop, says so, and does not. */

import { withStopRequest } from "../../../src/cli/stop_signal.ts";
import { detectRuntime } from "../../../src/runtime/mod.ts";

const { process } = detectRuntime();
await withStopRequest(process, async (stop) => {
  process.writeOut("running\n");
  await stop.requested;
  process.writeOut("asked\n");
  await new Promise((resolve) => setTimeout(resolve, 60_000));
});
