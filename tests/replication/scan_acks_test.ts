import { describe, expect, test } from "bun:test";

import { MOST_ACKS_AHEAD, ScanAcks } from "../../src/replication/scan_acks.ts";

describe("the Acks of a scan", () => {
  test.each([
    [8, 16, 7, 4],
    [16, 48, 7, 4],
    [16, 100, 4, 2],
    [32, 256, 1, 1],
    [8, 112, 4, 2],
    [8, 113, 3, 2],
    [8, 65_512, 1, 1],
  ])("of records of %d + %d bytes: %d ahead, then %d at once", (keyLength, valueLength, ahead, atOnce) => {
    const acks = new ScanAcks({ keyLength, valueLength });
    expect(acks.ahead).toBe(ahead);
    let sent = 0;
    while (sent === 0) sent = acks.add();
    expect(sent).toBe(atOnce);
  });

  test("are always more than the batches that came, and by the most ahead of them at the most", () => {
    for (let valueLength = 0; valueLength <= 1_000; valueLength += 50) {
      const acks = new ScanAcks({ keyLength: 8, valueLength });
      let sent = acks.ahead;
      for (let batches = 1; batches <= 50; batches++) {
        sent += acks.add();
        expect(sent).toBeGreaterThan(batches);
        expect(sent).toBeLessThanOrEqual(batches + MOST_ACKS_AHEAD);
      }
    }
  });
});
