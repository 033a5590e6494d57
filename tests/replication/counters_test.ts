import { describe, expect, test } from "bun:test";

import { LinkCounters } from "../../src/replication/counters.ts";

test("counts batches, events and the time they took", () => {
  const counters = new LinkCounters();
  counters.addBatch(256, 0.5);
  counters.addBatch(4, 0.25);
  expect(counters).toMatchObject({ batches: 2, events: 260 });
  expect(counters.apply.snapshot()).toMatchObject({ count: 2, sum: 0.00075 });
});

describe("the rate of the stream", () => {
  test("is none before the first event, whatever the scans brought", () => {
    const counters = new LinkCounters();
    counters.addBatch(5000, 1);
    expect(counters.streamRate(1_000_000)).toBe(0);
  });

  test("is over the time since the first event, and a minute at the most", () => {
    const counters = new LinkCounters();
    const start = 5_000_000;
    for (let second = 0; second < 10; second++) counters.addStreamed(100, start + 1000 * second);
    expect(counters.streamRate(start + 9000)).toBe(100);
    expect(counters.streamRate(start + 19_000)).toBe(50);
    for (let second = 20; second < 200; second++) counters.addStreamed(600, start + 1000 * second);
    expect(counters.streamRate(start + 199_000)).toBe(600);
  });

  test("forgets what is older than a minute, also after a long rest", () => {
    const counters = new LinkCounters();
    counters.addStreamed(6000, 1000);
    expect(counters.streamRate(60_999)).toBe(100);
    expect(counters.streamRate(61_000)).toBe(0);
    counters.addStreamed(60, 10_000_000);
    expect(counters.streamRate(10_000_000)).toBe(1);
  });
});
