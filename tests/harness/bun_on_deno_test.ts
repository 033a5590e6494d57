// What a test file can see of bun:test from within: the same under Bun and under bun_on_deno.ts. Skipping is shown
// by fixtures/semantics.ts, so that a run of all tests skips none for show.
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, mock, spyOn, test } from "bun:test";

class SpecialError extends Error {}

describe("hooks", () => {
  const seen: string[] = [];
  beforeAll(() => void seen.push("beforeAll"));
  beforeEach(async () => {
    await Promise.resolve();
    seen.push("beforeEach");
  });
  afterEach(() => void seen.push("afterEach"));

  test("ran before the first test", () => expect(seen).toEqual(["beforeAll", "beforeEach"]));
  test("ran after the first and before the second", () => {
    expect(seen).toEqual(["beforeAll", "beforeEach", "afterEach", "beforeEach"]);
  });
  describe("of an inner scope", () => {
    beforeEach(() => void seen.push("inner beforeEach"));
    test("run after the outer ones", () =>
      expect(seen.slice(-2)).toEqual(["beforeEach", "inner beforeEach"]));
  });
  test("do not run outside their scope", () => expect(seen.at(-2)).toBe("afterEach"));
});

describe("afterAll", () => {
  let open = false;
  describe("of a scope", () => {
    beforeAll(() => void (open = true));
    afterAll(() => void (open = false));
    test("has not run in the scope's last test", () => expect(open).toBe(true));
  });
  test("has run when the scope has ended", () => expect(open).toBe(false));
});

describe("each", () => {
  const rows: [number, string][] = [];
  test.each([[1, "one"], [2, "two"]])("spreads the row %d %s", (n, word) => {
    rows.push([n, word]);
    expect(typeof word).toBe("string");
  });
  test.each([new Uint8Array([7])])("passes a value that is no array", (bytes) => expect(bytes[0]).toBe(7));
  test("has run every row in order", () => expect(rows).toEqual([[1, "one"], [2, "two"]]));
});

describe("expect", () => {
  test("knows an error's class, message and pattern", async () => {
    const fail = () => {
      throw new SpecialError("value is 7");
    };
    expect(fail).toThrow(SpecialError);
    expect(fail).toThrow("is 7");
    expect(fail).toThrow(/is \d/);
    expect(() => expect(fail).toThrow(RangeError)).toThrow();
    await expect(Promise.reject(new SpecialError("no"))).rejects.toThrow(SpecialError);
    await expect(Promise.resolve(7)).resolves.toBe(7);
  });
  test("compares bytes and parts of objects", () => {
    expect(new Uint8Array([1, 2])).toEqual(new Uint8Array([1, 2]));
    expect(new Uint8Array([1, 2])).not.toEqual(new Uint8Array([1, 3]));
    expect({ a: 1, b: { c: 2, d: 3 } }).toMatchObject({ b: { c: 2 } });
    expect({ at: 5, name: "x" }).toEqual({ at: expect.any(Number), name: expect.stringContaining("x") });
  });
  test("counts assertions", () => {
    expect.assertions(1);
    expect(1).toBe(1);
  });
});

describe("mock and spyOn", () => {
  test("mock records the calls of what it wraps", () => {
    const double = mock((n: number) => n * 2);
    expect(double(4)).toBe(8);
    expect(double).toHaveBeenCalledTimes(1);
    expect(double.mock.calls).toEqual([[4]]);
  });
  test("spyOn calls through, can be replaced, and ends with mock.restore", () => {
    const clock = { now: () => 1 };
    const spy = spyOn(clock, "now");
    expect(clock.now()).toBe(1);
    spy.mockImplementation(() => 2);
    expect(clock.now()).toBe(2);
    expect(spy).toHaveBeenCalledTimes(2);
    mock.restore();
    expect(clock.now()).toBe(1);
  });
});

test("a limit of its own may be longer than the default", async () => {
  await new Promise((resolve) => setTimeout(resolve, 1));
}, 60_000);
