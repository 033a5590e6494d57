import { describe, expect, test } from "bun:test";
import { RepeatFolder } from "../../src/cli/repeat_folder.ts";

function folder(): { errors: RepeatFolder; clock: { now: number } } {
  const clock = { now: 0 };
  return { errors: new RepeatFolder(() => clock.now), clock };
}

describe("RepeatFolder", () => {
  test("tells an error when it begins, and not again within a minute", () => {
    const { errors, clock } = folder();
    expect(errors.add(0, "refused")).toBe("refused");
    for (clock.now = 1000; clock.now < 60_000; clock.now += 1000) {
      expect(errors.add(0, "refused")).toBeUndefined();
    }
  });

  test("tells it once a minute with its count", () => {
    const { errors, clock } = folder();
    const lines: string[] = [];
    for (clock.now = 0; clock.now <= 150_000; clock.now += 10_000) lines.push(errors.add(0, "refused") ?? "");
    expect(lines.filter((line) => line !== "")).toEqual([
      "refused",
      "refused (6 times in 1 min 0 s)",
      "refused (6 times in 1 min 0 s)",
    ]);
  });

  test("tells its end with the whole count", () => {
    const { errors, clock } = folder();
    for (let n = 0; n < 12; n++) errors.add(0, "refused");
    clock.now = 4000;
    expect(errors.end(0)).toEqual(["over after 12 times in 4.0 s: refused"]);
    expect(errors.end(0)).toEqual([]);
    expect(errors.add(0, "refused")).toBe("refused");
  });

  test("one that came once ends as such", () => {
    const { errors, clock } = folder();
    errors.add(0, "refused");
    clock.now = 1500;
    expect(errors.end(0)).toEqual(["over after once in 1.5 s: refused"]);
  });

  test("is one error for all shards that have it, and ends with the last of them", () => {
    const { errors, clock } = folder();
    expect(errors.add(0, "refused")).toBe("refused");
    for (const shard of [1, 2, 1]) expect(errors.add(shard, "refused")).toBeUndefined();
    clock.now = 2000;
    expect(errors.end(0)).toEqual([]);
    expect(errors.end(0)).toEqual([]);
    expect(errors.end(2)).toEqual([]);
    expect(errors.end(1)).toEqual(["over after 4 times at 3 shards in 2.0 s: refused"]);
  });

  test("keeps different errors apart", () => {
    const { errors } = folder();
    expect(errors.add(0, "refused")).toBe("refused");
    expect(errors.add(0, "silent")).toBe("silent");
    expect(errors.add(0, "refused")).toBeUndefined();
    expect(errors.end(0)).toHaveLength(2);
  });

  test("numbers do not make it another error; the newest text is told", () => {
    const { errors } = folder();
    errors.add(0, "silent for 15000 ms");
    expect(errors.add(0, "silent for 15003 ms")).toBeUndefined();
    expect(errors.end(0)[0]).toContain("silent for 15003 ms");
  });

  test("remembers no more than 32 errors", () => {
    const { errors } = folder();
    for (let n = 0; n < 100; n++) errors.add(0, `error ${"x".repeat(n)}`);
    expect(errors.end(0)).toHaveLength(32);
  });
});
