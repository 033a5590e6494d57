import { describe, expect, test } from "bun:test";

import { History, WINDOW_MS } from "../../../admin/page/history.js";
import { liveShard, liveStatus } from "../fake_follower.ts";

const START = 1_800_000_000_000;

function statusOf(events: number, { startedAtMs = 1, freshAtMs = START }: Record<string, number> = {}) {
  const received = { events, bytes: events * 10, batches: 1 };
  return liveStatus({ startedAtMs, freshAtMs, shards: [liveShard({ received }), liveShard({ received })] });
}

describe("History", () => {
  test("makes rates of two polls, over all shards", () => {
    const history = new History();
    history.add(statusOf(100), START);
    history.add(statusOf(350), START + 2000);
    expect(history.rates).toEqual([null, 250]);
    expect(history.byteRates).toEqual([null, 2500]);
    expect(history.ages).toEqual([0, 2]);
  });

  test("knows no rate across a gap, or a start of the follower", () => {
    const history = new History();
    history.add(statusOf(100), START);
    history.addGap(START + 1000);
    history.add(statusOf(300), START + 2000);
    history.add(statusOf(5, { startedAtMs: 2 }), START + 3000);
    expect(history.rates).toEqual([null, null, null, null]);
    expect(history.ages).toEqual([0, null, 2, 3]);
  });

  test("keeps five minutes", () => {
    const history = new History();
    for (let ms = 0; ms <= WINDOW_MS + 10_000; ms += 1000) history.add(statusOf(ms), START + ms);
    expect(history.times[0]).toBe((START + 10_000) / 1000);
    expect(history.times.length).toBe(WINDOW_MS / 1000 + 1);
    expect([history.ages.length, history.rates.length, history.byteRates.length]).toEqual([301, 301, 301]);
  });
});
