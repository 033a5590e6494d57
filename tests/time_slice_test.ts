import { describe, expect, test } from "bun:test";
import { nextTurn, TimeSlice } from "../src/time_slice.ts";

/** Works for so many ms. */
function work(ms: number): void {
  const end = performance.now() + ms;
  while (performance.now() < end);
}

describe("TimeSlice", () => {
  test("is over after so much work, and not before", () => {
    const long = new TimeSlice(60_000);
    long.begin();
    expect(long.isOver).toBe(false);
    const short = new TimeSlice(1);
    short.begin();
    work(1.5);
    expect(short.isOver).toBe(true);
  });

  test("begins anew after begin and after a yield", async () => {
    const slice = new TimeSlice(60);
    for (const again of [() => slice.begin(), () => slice.yield()]) {
      work(65);
      expect(slice.isOver).toBe(true);
      await again();
      expect(slice.isOver).toBe(false);
    }
  });

  test("counts the parts of a step together, and not what lies between", () => {
    const parts = new TimeSlice(30);
    for (let part = 0; part < 2; part++) {
      parts.goOn();
      work(20);
      parts.end();
    }
    parts.goOn();
    expect(parts.isOver).toBe(true);
    const between = new TimeSlice(200);
    between.begin();
    between.end();
    work(210);
    between.goOn();
    expect(between.isOver).toBe(false);
  });

  test("keeps the longest step, as it was asked for", () => {
    const slice = new TimeSlice(1);
    slice.begin();
    work(4);
    expect(slice.isOver).toBe(true);
    const longest = slice.longestMs;
    expect(longest).toBeGreaterThanOrEqual(4);
    slice.begin();
    expect(slice.longestMs).toBe(longest);
  });

  test("a slice of 0 ms is always over", () => {
    const slice = new TimeSlice(0);
    slice.begin();
    expect(slice.isOver).toBe(true);
  });

  test("a yield lets what waits run first", async () => {
    const order: string[] = [];
    const slice = new TimeSlice();
    const immediate = new Promise<void>((resolve) =>
      setImmediate(() => {
        order.push("other");
        resolve();
      })
    );
    queueMicrotask(() => order.push("microtask"));
    await slice.yield();
    order.push("after");
    await immediate;
    expect(order).toEqual(["microtask", "other", "after"]);
  });

  test("nextTurn is a turn of the event loop", async () => {
    let turned = false;
    setImmediate(() => turned = true);
    await nextTurn();
    expect(turned).toBe(true);
  });
});
