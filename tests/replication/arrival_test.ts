import { expect, test } from "bun:test";
import { Arrival } from "../../src/replication/arrival.ts";

test("a frame that is handled at once came now", () => {
  const arrival = new Arrival();
  for (const ms of [10, 20, 30]) {
    arrival.received(5, ms);
    arrival.handled(5);
    expect(arrival.handledMs).toBe(ms);
  }
});

test("frames that waited are as old as they are, or older, and never younger", () => {
  const arrival = new Arrival();
  const came: number[] = [];
  for (let ms = 1; ms <= 100; ms++) {
    arrival.received(5, ms);
    came.push(ms);
  }
  for (const ms of came) {
    arrival.handled(5);
    expect(arrival.handledMs).toBeLessThanOrEqual(ms);
    expect(arrival.handledMs).toBeGreaterThan(0);
  }
});

test("a store that is always a little behind is told of frames a little in the past", () => {
  const arrival = new Arrival();
  for (let ms = 0; ms < 1000; ms++) {
    arrival.received(10, ms);
    // 7 frames wait at each time.
    if (ms < 7) continue;
    arrival.handled(10);
    expect(arrival.handledMs).toBeLessThanOrEqual(ms - 7);
    expect(arrival.handledMs).toBeGreaterThanOrEqual(ms - 16);
  }
});

test("a frame in pieces came with its last piece at the latest", () => {
  const arrival = new Arrival();
  arrival.received(3, 1);
  arrival.received(9, 2);
  arrival.handled(8);
  expect(arrival.handledMs).toBe(1);
  arrival.received(6, 5);
  arrival.handled(10);
  expect(arrival.handledMs).toBe(5);
});
