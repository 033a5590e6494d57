import { expect, test } from "bun:test";
import { detectRuntime } from "../../src/runtime/mod.ts";
import type { Address } from "../../src/runtime/runtime.ts";
import { otherProgram, script, start } from "./child.ts";

const { network } = detectRuntime();

/** Reads so often, more slowly than the peer sends: how many reads shared a turn at the most, and the timers' calls. */
async function readFlood(address: Address, most: number) {
  const seen = { reads: 0, longestRun: 0, timers: 0 };
  let run = 0;
  const timer = setInterval(() => seen.timers++, 1);
  let immediate = setImmediate(function turn() {
    run = 0;
    immediate = setImmediate(turn);
  });
  const closed = Promise.withResolvers<void>();
  const connection = await network.connect(address, {
    onData() {
      const end = performance.now() + 0.1;
      while (performance.now() < end);
      seen.longestRun = Math.max(seen.longestRun, ++run);
      if (++seen.reads === most) connection.destroy();
    },
    onClose: () => closed.resolve(),
  }, 4_000);
  await closed.promise;
  clearInterval(timer);
  clearImmediate(immediate);
  return seen;
}

test("timers and other callbacks run while data keeps coming", async () => {
  const child = start(script(otherProgram, "flooding_peer"));
  try {
    const address = { host: "127.0.0.1", port: Number(await child.line()) };
    const { reads, longestRun, timers } = await readFlood(address, 500);
    expect(reads).toBe(500);
    expect(longestRun).toBeLessThan(100);
    expect(timers).toBeGreaterThan(0);
  } finally {
    child.process.kill("SIGKILL");
    await child.ended;
  }
});
