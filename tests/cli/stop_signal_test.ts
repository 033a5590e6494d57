import { describe, expect, test } from "bun:test";
import { StopRequest } from "../../src/cli/stop_signal.ts";

function request() {
  const seen = { now: 5000, forced: 0 };
  const stop = new StopRequest({ now: () => seen.now, force: () => seen.forced++ });
  return { stop, seen };
}

describe("StopRequest", () => {
  test("the first signal asks to stop", async () => {
    const { stop, seen } = request();
    expect(stop.signal.aborted).toBe(false);
    const requested = stop.requested;
    stop.hear();
    await requested;
    await stop.requested;
    expect(stop.signal.aborted).toBe(true);
    expect(seen.forced).toBe(0);
  });

  test("signals within a second are the same request", () => {
    const { stop, seen } = request();
    for (const after of [0, 1, 500, 999]) {
      seen.now = 5000 + after;
      stop.hear();
    }
    expect(seen.forced).toBe(0);
  });

  test("one a second later forces the end", () => {
    const { stop, seen } = request();
    stop.hear();
    seen.now = 6000;
    stop.hear();
    expect(seen.forced).toBe(1);
  });
});
