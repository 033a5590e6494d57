import { describe, expect, test } from "bun:test";
import { reportFailure } from "../../src/cli/failure.ts";
import * as errors from "../../src/errors.ts";

function report(error: unknown, debug?: string): { code: number; text: string } {
  let text = "";
  const code = reportFailure(error, { env: () => debug, err: (more) => text += more });
  return { code, text };
}

describe("reportFailure", () => {
  test.each<[keyof typeof errors, number]>([
    ["UsageError", 2],
    ["ShapeError", 3],
    ["ForeignDirectoryError", 3],
    ["LockedError", 3],
    ["ProtocolVersionError", 3],
    ["DivergedError", 3],
    ["DamagedDirectoryError", 3],
    ["ConnectionError", 1],
    ["LeaderError", 1],
    ["StorageError", 1],
    ["ProtocolError", 1],
    ["IncompleteError", 1],
    ["ClosedError", 1],
  ])("%s gives exit code %d", (name, code) => {
    const Class = errors[name] as new (message: string) => Error;
    expect(report(new Class("m"))).toEqual({ code, text: "slotcask: m\n" });
  });

  test("what only a person can change is a refusal, whatever its class", () => {
    expect(report(new errors.ConnectionError("m", { remedy: "stop" })).code).toBe(3);
  });

  test("is one line, whatever the message holds", () => {
    expect(report(new errors.LeaderError("a\r\n  b\nc")).text).toBe("slotcask: a b c\n");
  });

  test("what nobody foresaw is one line, too", () => {
    for (const thrown of [new TypeError("x is\nnot a function"), "a thrown\ntext"]) {
      const { code, text } = report(thrown);
      expect(code).toBe(1);
      expect(text).toMatch(/^slotcask: Cannot go on: [^\n]+ \(SLOTCASK_DEBUG=1 shows where\)\n$/);
    }
  });

  test("SLOTCASK_DEBUG=1 adds where it was", () => {
    const { text } = report(new TypeError("odd"), "1");
    expect(text.split("\n").length).toBeGreaterThan(2);
    expect(text).toContain("failure_test");
  });
});
