import { describe, expect, test } from "bun:test";
import { type LogFormat, openLog } from "../../src/cli/log.ts";

function linesOf(format: LogFormat, debug?: boolean): { log: ReturnType<typeof openLog>; lines: string[] } {
  const lines: string[] = [];
  return { log: openLog(format, { writeLine: (line) => lines.push(line), debug }), lines };
}

describe("openLog", () => {
  test("text lines have time, level, shard and message", () => {
    const { log, lines } = linesOf("text");
    log("info", "live", 3);
    log("warning", "slow");
    expect(lines[0]).toMatch(/^\d{4}-\d\d-\d\dT\S+Z info {4}shard 3: live$/);
    expect(lines[1]).toMatch(/^\S+Z warning slow$/);
  });

  test("json lines are one object each", () => {
    const { log, lines } = linesOf("json");
    log("error", "diverged", 0);
    log("info", "hello");
    expect(JSON.parse(lines[0])).toMatchObject({
      level: "ERROR",
      shard: 0,
      message: "diverged",
      logger: "slotcask",
    });
    expect(JSON.parse(lines[1])).not.toHaveProperty("shard");
  });

  test.each<[LogFormat]>([["text"], ["json"]])("%s lines keep braces and stay one line", (format) => {
    const { log, lines } = linesOf(format);
    log("error", "the leader says {shard} {{x}}\nand more", 1);
    expect(lines).toHaveLength(1);
    expect(lines[0]).toContain("the leader says {shard} {{x}} and more");
  });

  test("debug lines are written only when asked for", () => {
    const quiet = linesOf("text");
    quiet.log("debug", "connecting", 0);
    expect(quiet.lines).toEqual([]);
    const loud = linesOf("text", true);
    loud.log("debug", "connecting", 0);
    expect(loud.lines).toHaveLength(1);
  });
});
