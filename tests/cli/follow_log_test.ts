import { describe, expect, test } from "bun:test";
import { FollowLog } from "../../src/cli/follow_log.ts";
import { ConnectionError, ProtocolVersionError, ShapeError } from "../../src/errors.ts";
import type { Phase } from "../../src/replication/phase.ts";

function follow(quiet = false): { log: FollowLog; lines: string[]; phases(...phases: Phase[]): void } {
  const lines: string[] = [];
  const log = new FollowLog((level, message, shard) => {
    if (level !== "debug") lines.push(`${level} ${shard}: ${message}`);
  }, { now: () => 0, quiet });
  const phases = (...phases: Phase[]) =>
    phases.forEach((phase) => log.add({ type: "phase", shard: 3, phase }));
  return { log, lines, phases };
}

describe("FollowLog", () => {
  test("writes a line per change of phase, with the printed word", () => {
    const { lines, phases } = follow();
    phases("connecting", "greeting", "catching-up", "live", "stopped");
    expect(lines).toEqual(["info 3: catching-up", "info 3: live", "info 3: stopped"]);
  });

  test("a shard that only tries again has not changed", () => {
    const { lines, phases } = follow();
    for (let n = 0; n < 5; n++) phases("connecting", "backing-off");
    expect(lines).toEqual(["warning 3: backing-off"]);
  });

  test("explains the phases that ask for somebody", () => {
    const { lines, phases } = follow();
    phases("catch-up-only", "diverged");
    expect(lines[0]).toMatch(/^warning 3: catch-up-only: /);
    expect(lines[1]).toMatch(/^error 3: diverged: .*--on-divergence/);
  });

  test("folds an error that repeats, and ends it when the shard has caught up", () => {
    const { log, lines, phases } = follow();
    const error = new ConnectionError("refused");
    for (let n = 0; n < 3; n++) log.add({ type: "end", shard: 3, reason: "error", error });
    phases("catching-up");
    expect(lines).toEqual(["warning 3: refused", "info 3: catching-up"]);
    phases("live");
    expect(lines.slice(2)).toEqual(["info undefined: over after 3 times in 0.0 s: refused", "info 3: live"]);
  });

  test("an error that no reconnect mends is an error line", () => {
    const { log, lines } = follow();
    log.add({ type: "end", shard: 3, reason: "error", error: new ShapeError("8 and 16") });
    expect(lines).toEqual(["error 3: 8 and 16"]);
  });

  test("the answer that tells a leader's protocol version is no news, the second of them is", () => {
    const { log, lines } = follow();
    const error = new ProtocolVersionError("1 and 2");
    log.add({ type: "end", shard: 3, reason: "version-mismatch", error });
    expect(lines).toEqual([]);
    log.add({ type: "end", shard: 3, reason: "version-mismatch", error });
    expect(lines).toEqual(["error 3: 1 and 2"]);
  });

  test("quiet leaves the phases to the screen, but for those that need explaining", () => {
    const { lines, phases } = follow(true);
    phases("catching-up", "live", "backing-off", "catching-up", "diverged");
    expect(lines).toHaveLength(1);
    expect(lines[0]).toMatch(/^error 3: diverged: /);
  });

  test("passes notices on", () => {
    const { log, lines } = follow();
    log.add({ type: "notice", shard: 3, message: "side scan" });
    expect(lines).toEqual(["info 3: side scan"]);
  });
});
