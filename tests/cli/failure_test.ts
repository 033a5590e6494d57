import { describe, expect, test } from "bun:test";
import { reportFailure } from "../../src/cli/failure.ts";
import * as errors from "../../src/errors.ts";

function report(error: unknown, debug?: string): { code: number; text: string } {
  let text = "";
  const code = reportFailure(error, { env: () => debug, err: (more) => text += more });
  return { code, text };
}

describe("reportFailure", () => {
  test.each([
    [new errors.UsageError("m"), 2],
    [new errors.ShapeError("m"), 3],
    [new errors.ForeignDirectoryError("m"), 3],
    [new errors.LockedError("m"), 3],
    [new errors.ProtocolVersionError("m"), 3],
    [new errors.DivergedError("m"), 3],
    [new errors.DamagedDirectoryError("m"), 3],
    [new errors.ConnectionError("m", { remedy: "stop" }), 3],
    [new errors.ConnectionError("m"), 1],
    [new errors.LeaderError("m"), 1],
    [new errors.StorageError("m"), 1],
    [new errors.ProtocolError("m"), 1],
    [new errors.IncompleteError("m"), 1],
    [new errors.ClosedError("m"), 1],
  ])("%s gives exit code %d", (error, code) => {
    expect(report(error)).toEqual({ code, text: "slotcask: m\n" });
  });

  test("is one line, whatever the message holds", () => {
    expect(report(new errors.LeaderError("a\r\n  b\nc")).text).toBe("slotcask: a b c\n");
  });

  test.each([[new TypeError("x is\nnot a function")], ["thrown text"]])(
    "an error that nobody foresaw is one line, too: %s",
    (error) => {
      const { code, text } = report(error);
      expect(code).toBe(1);
      expect(text).toMatch(/^slotcask: Cannot go on: [^\n]+ \(SLOTCASK_DEBUG=1 shows where\)\n$/);
    },
  );

  test("SLOTCASK_DEBUG=1 adds where it was", () => {
    const { text } = report(new TypeError("odd"), "1");
    expect(text.split("\n").length).toBeGreaterThan(2);
    expect(text).toContain("failure_test");
  });
});
