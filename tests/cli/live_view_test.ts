import { describe, expect, test } from "bun:test";
import type { CliContext } from "../../src/cli/command.ts";
import { LiveView } from "../../src/cli/live_view.ts";
import type { LogFormat } from "../../src/cli/log.ts";
import type { Follower } from "../../src/replica/follower.ts";
import type { Runtime } from "../../src/runtime/runtime.ts";

/** As much of a follower as a view asks for. */
const FOLLOWER = {
  status: () => ({ phase: "live", keys: 5, freshAtMs: Date.now(), error: null, shards: [] }),
} as unknown as Follower;

function viewOn(isTerminal: boolean, format: LogFormat = "text") {
  const written: string[] = [];
  const context: CliContext = {
    runtime: { process: { isTerminal: () => isTerminal, columns: () => 80 } } as unknown as Runtime,
    env: () => undefined,
    out: (text) => written.push(text),
    err: () => {},
  };
  return { view: new LiveView(context, { format }), written, text: () => written.join("") };
}

describe("LiveView", () => {
  test("draws at once on a terminal, and keeps what it drew last", () => {
    const { view, written, text } = viewOn(true);
    view.show(FOLLOWER);
    expect(text()).toContain("live   5 keys   0 events/s   fresh 0.0 s ago");
    view.end();
    const count = written.length;
    view.end();
    expect(written.length).toBe(count);
    view.line("after");
    // Not one line up, which would be over the status.
    expect(written.at(-1)).toBe("\rafter\x1b[K\n\x1b[J");
  });

  test("leaves phases to the status line on a terminal", () => {
    const { view, text } = viewOn(true);
    view.onEvent({ type: "phase", shard: 0, phase: "catching-up" });
    expect(text()).toBe("");
  });

  test.each<[boolean, LogFormat]>([[false, "text"], [false, "json"], [true, "json"]])(
    "writes lines without any control where it is no terminal, or JSON (%j, %s)",
    (isTerminal, format) => {
      const { view, text } = viewOn(isTerminal, format);
      view.show(FOLLOWER);
      view.onEvent({ type: "phase", shard: 0, phase: "catching-up" });
      view.end();
      expect(text()).toContain("catching-up");
      expect(text()).not.toContain("\x1b");
      expect(text().trim().split("\n")).toHaveLength(1);
    },
  );
});
