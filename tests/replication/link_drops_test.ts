import { expect, test } from "bun:test";
import { encodeError } from "../../src/replication/protocol.ts";
import { FakeLinks } from "../fakes/fake_links.ts";
import { infoFrame } from "../fakes/leader_frames.ts";
import { until } from "../harness/until.ts";

const DROPPED = encodeError("events dropped, rescan required");
/** Connections that may end so, one at once behind the other. */
const QUICK = 9;

/** Lets connections from the `first` on end with "events dropped" until `count` did. */
async function drop(fake: FakeLinks, first: number, count: number): Promise<void> {
  for (let i = first; i < first + count; i++) {
    (await fake.network.connection(i)).receive(infoFrame(), DROPPED);
    await fake.heard("0 end dropped", i + 1);
  }
}

test("a leader that says nothing but 'events dropped' does not make the link spin", async () => {
  await using fake = new FakeLinks({
    protocol: 2,
    settings: { backoff: { baseMs: 60_000, limitMs: 60_000, healthyMs: 1e9 } },
  });
  await fake.start();
  await drop(fake, 0, QUICK);
  await fake.heard("0 backing-off");
  expect(fake.network.connections).toHaveLength(QUICK);
});

test("how many may come at once is an option", async () => {
  await using fake = new FakeLinks({
    protocol: 2,
    settings: { backoff: { baseMs: 60_000, limitMs: 60_000, healthyMs: 1e9 } },
    limits: { quickReturns: 2 },
  });
  await fake.start();
  await drop(fake, 0, 3);
  await fake.heard("0 backing-off");
  expect(fake.network.connections).toHaveLength(3);
});

test("a connection that lasted counts the drops anew", async () => {
  await using fake = new FakeLinks({
    protocol: 2,
    settings: { backoff: { baseMs: 60_000, limitMs: 60_000, healthyMs: 0.001 } },
  });
  await fake.start();
  await drop(fake, 0, 2 * QUICK);
  await until(() => fake.network.connections.length === 2 * QUICK + 1, 2000);
  expect(fake.told).not.toContain("0 backing-off");
});
