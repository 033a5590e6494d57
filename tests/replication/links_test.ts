import { describe, expect, test } from "bun:test";

import { DivergedError } from "../../src/errors.ts";
import { DEFAULT_LIMITS } from "../../src/replication/limits.ts";
import { decodeSyncRequest, encodeError, HEARTBEAT_FRAME } from "../../src/replication/protocol.ts";
import { nextTurn } from "../../src/time_slice.ts";
import type { FakeConnection } from "../fakes/fake_network.ts";
import { FakeLinks, scanNothing, shardOf } from "../fakes/fake_links.ts";
import { batch, caughtUp, infoFrame, put, puts } from "../fakes/leader_frames.ts";
import { until } from "../harness/until.ts";

/** A v1 link that is streamed to. */
async function streamedV1(fake: FakeLinks): Promise<FakeConnection> {
  const connection = await fake.start();
  scanNothing(connection);
  connection.receive(HEARTBEAT_FRAME);
  await fake.heard("0 live");
  return connection;
}

/** 31 full batches and the end of their run: they may have met a full queue. */
function fullRun(version = 2): Uint8Array[] {
  return [...Array.from({ length: 31 }, () => batch(puts(256, { version }))), HEARTBEAT_FRAME];
}

test.each([[1, false], [2, true]] as const)(
  "protocol %p: EMPTY_STATE of an empty shard is %p",
  async (protocol, said) => {
    await using fake = new FakeLinks({ protocol });
    const connection = await fake.start();
    expect(decodeSyncRequest(connection.written[0].subarray(5)).emptyState).toBe(said);
  },
);

describe("who connects when", () => {
  test("shard 0 first; the others once it was greeted, at most 4 scans at once against protocol 2", async () => {
    await using fake = new FakeLinks({ protocol: 2 });
    const first = await fake.start();
    await nextTurn();
    expect(fake.shardsTried).toEqual([0]);
    first.receive(infoFrame({ shardCount: 7 }));
    await fake.network.connection(3);
    expect(fake.shardsTried).toEqual([0, 1, 2, 3]);
    // A place is free at CaughtUp, and behind every end.
    first.receive(caughtUp());
    await fake.network.connection(4);
    fake.network.connections[1].close();
    await fake.network.connection(5);
    expect(fake.shardsTried.slice(4).sort()).not.toContain(0);
    const answered = new Set([first, fake.network.connections[1]]);
    const answerAll = () => {
      for (const connection of fake.network.connections) {
        if (connection.written.length === 0 || answered.has(connection)) continue;
        answered.add(connection);
        scanNothing(connection, 7);
      }
      return fake.told.filter((told) => told.endsWith("caught up")).length === 7;
    };
    await until(answerAll, 2000);
    expect(new Set(fake.shardsTried).size).toBe(7);
  });

  test("live links hold no place among the scans, also where a batch came right behind CaughtUp", async () => {
    await using fake = new FakeLinks({ protocol: 2 });
    const connection = await fake.start();
    connection.receive(infoFrame({ shardCount: 9 }), caughtUp(), batch([put(1)]));
    for (let i = 1; i < 9; i++) {
      const next = await fake.network.connection(i);
      const shard = shardOf(next);
      next.receive(
        infoFrame({ shardCount: 9 }),
        caughtUp(0, shard),
        batch([put(1)], shard),
      );
    }
    await fake.heard("8 caught up");
  });

  test("all at once against protocol 1", async () => {
    await using fake = new FakeLinks({ protocol: 1 });
    (await fake.start()).receive(infoFrame({ shardCount: 20 }));
    await fake.network.connection(19);
    expect(fake.shardsTried).toEqual(Array.from({ length: 20 }, (_, shard) => shard));
  });

  test("links that wait for a place stop too", async () => {
    const fake = new FakeLinks({ protocol: 2 });
    (await fake.start()).receive(infoFrame({ shardCount: 9 }));
    await fake.network.connection(3);
    await fake.links.stop();
    expect(fake.links.links.map((link) => link.phase)).toEqual(new Array(9).fill("stopped"));
    expect(fake.network.tried).toBe(4);
  });
});

describe("protocol 2 scans again", () => {
  test("over a new connection, after a run of full batches, a while after the last scan", async () => {
    await using fake = new FakeLinks({ protocol: 2, rescan: { suspectMs: 30, mostEventsMeanwhile: 1e9 } });
    const connection = await fake.start();
    connection.receive(infoFrame({ slotCount: 256 }), caughtUp());
    await fake.heard("0 live");
    connection.receive(...fullRun());
    scanNothing(await fake.network.connection(1));
    await fake.heard("0 live", 2);
    expect(fake.told).toContain("0 end rescan");
  });

  test("not while it would lose more than it mends: it says so, and asks again", async () => {
    await using fake = new FakeLinks({ protocol: 2, rescan: { suspectMs: 20, mostEventsMeanwhile: 1 } });
    const connection = await fake.start();
    connection.receive(infoFrame({ slotCount: 256 }), caughtUp());
    await fake.heard("0 live");
    connection.receive(...fullRun());
    await fake.heard("0 notice scan postponed (events may have been dropped): at", 2);
    expect(fake.told.find((told) => told.includes("postponed"))).toContain("the limit is 1");
    expect(fake.network.tried).toBe(1);
    expect(connection.isDestroyed).toBe(false);
  });

  test("at once, to confirm that unseen slots are gone", async () => {
    await using fake = new FakeLinks({ protocol: 2 });
    fake.target.unconfirmed = 3;
    scanNothing(await fake.start());
    scanNothing(await fake.network.connection(1));
    await fake.heard("0 caught up", 2);
    expect(fake.target.count("endScan 0 scan")).toBe(2);
  });
});

describe("protocol 1", () => {
  test("scans beside its stream, which goes on", async () => {
    await using fake = new FakeLinks({ protocol: 1, rescan: { suspectMs: 10 } });
    const stream = await streamedV1(fake);
    stream.receive(...fullRun());
    const side = await fake.network.connection(1);
    side.receive(infoFrame(), batch([put(3)]), caughtUp(1));
    await fake.heard("0 side end scanned");
    stream.receive(batch([put(4, 9)]));
    await until(() => fake.target.calls.includes("apply 0 stream [4] = [9]"), 1000);
    expect(fake.target.calls).toContain("apply 0 side [3] = [1]");
    expect(fake.links.links[0].counters).toMatchObject({ sideScans: 1, wholeScans: 1, connections: 1 });
    expect(stream.isDestroyed).toBe(false);
    expect(side.isDestroyed).toBe(true);
    expect(fake.links.v1Connections).toBe(2);
  });

  test("confirms unseen slots over a new connection, even at the price of its stream", async () => {
    await using fake = new FakeLinks({ protocol: 1 });
    fake.target.unconfirmed = 3;
    const stream = await fake.start();
    scanNothing(stream);
    const second = await fake.network.connection(1);
    expect(stream.isDestroyed).toBe(true);
    scanNothing(second);
    await fake.heard("0 caught up", 2);
    expect(fake.target.count("endScan 0 scan")).toBe(2);
  });

  test("a stream that comes late is not given up for the scan that was to stand in for it", async () => {
    await using fake = new FakeLinks({
      protocol: 1,
      rescan: { catchUpOnlyMs: 60, sideMs: 150 },
      times: { catchUpOnlyMs: 10 },
    });
    const stream = await fake.start();
    scanNothing(stream);
    await fake.heard("0 catch-up-only");
    stream.receive(batch([put(1, 2)]));
    await fake.heard("0 live", 2);
    // By then the scan would have been long due.
    scanNothing(await fake.network.connection(1));
    await fake.heard("0 side end scanned");
    expect(stream.isDestroyed).toBe(false);
  });

  test("scans by the clock, again and again", async () => {
    await using fake = new FakeLinks({ protocol: 1, rescan: { sideMs: 30 } });
    await streamedV1(fake);
    for (let i = 1; i <= 3; i++) scanNothing(await fake.network.connection(i));
    await fake.heard("0 side end scanned", 3);
  });

  test("a side scan that failed is made again", async () => {
    await using fake = new FakeLinks({ protocol: 1, rescan: { suspectMs: 10 } });
    const stream = await streamedV1(fake);
    stream.receive(...fullRun());
    (await fake.network.connection(1)).close();
    scanNothing(await fake.network.connection(2));
    await fake.heard("0 side end scanned");
  });

  test("a side scan that a stopped leader cut is not taken for one", async () => {
    await using fake = new FakeLinks({ protocol: 1, rescan: { suspectMs: 10 }, times: { settleMs: 20 } });
    const stream = await streamedV1(fake);
    stream.receive(...fullRun());
    const side = await fake.network.connection(1);
    side.receive(infoFrame(), caughtUp());
    await until(() => fake.target.calls.includes("beginScan 0 side"), 1000);
    side.close();
    await fake.heard("0 side end partial-scan");
    expect(fake.target.calls).not.toContain("endScan 0 side");
  });

  test("a side scan ends with the stream beside it: a whole scan must be alone", async () => {
    await using fake = new FakeLinks({ protocol: 1, rescan: { suspectMs: 10 } });
    const stream = await streamedV1(fake);
    stream.receive(...fullRun());
    const side = await fake.network.connection(1);
    side.receive(infoFrame());
    await until(() => fake.target.calls.includes("beginScan 0 side"), 1000);
    stream.close();
    const next = await fake.network.connection(2);
    expect(side.isDestroyed).toBe(true);
    scanNothing(next);
    await fake.heard("0 caught up", 2);
  });

  test("frames dropped over the read-ahead bound ask for a side scan", async () => {
    await using fake = new FakeLinks({
      protocol: 1,
      rescan: { suspectMs: 10 },
      limits: { readAheadBytes: 1000 },
    });
    const stream = await streamedV1(fake);
    const release = fake.target.hold("grow");
    stream.receive(batch([put(64)]), ...fullRun().slice(0, 3));
    const side = await fake.network.connection(1);
    release();
    scanNothing(side);
    await fake.heard("0 side end scanned");
    expect(fake.links.links[0].counters.droppedFrames).toBe(3);
  });

  test("stays catch-up-only by scans: each after the interval times the shards", async () => {
    await using fake = new FakeLinks({
      protocol: 1,
      rescan: { catchUpOnlyMs: 50 },
      times: { catchUpOnlyMs: 5 },
    });
    const began = performance.now();
    scanNothing(await fake.start(), 2);
    scanNothing(await fake.network.connection(1), 2);
    const third = await fake.network.connection(2);
    expect(performance.now() - began).toBeGreaterThan(95);
    scanNothing(third, 2);
    scanNothing(await fake.network.connection(3), 2);
    await fake.heard("1 caught up", 2);
    expect(fake.told).toContain("0 end rescan");
  });

  test("an interval that no timer can keep is not none", async () => {
    await using fake = new FakeLinks({
      protocol: 1,
      rescan: { catchUpOnlyMs: 5e9, sideMs: 5e9 },
      times: { silenceV1Ms: 5e9, heartbeatV1Ms: 5e9 },
    });
    scanNothing(await fake.start());
    await fake.heard("0 catch-up-only");
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(fake.network.tried).toBe(1);
  });

  test("rescans off: a catch-up-only link rests", async () => {
    await using fake = new FakeLinks({ protocol: 1, rescan: { catchUpOnlyMs: undefined } });
    scanNothing(await fake.start());
    await fake.heard("0 catch-up-only");
    expect(fake.network.tried).toBe(1);
  });

  test("side scans count among them, and stop at the limit too", async () => {
    await using fake = new FakeLinks({ protocol: 1, rescan: { suspectMs: 10 } });
    fake.links.v1Connections = DEFAULT_LIMITS.v1Connections - 1;
    (await streamedV1(fake)).receive(...fullRun());
    const error = await fake.links.done.then(() => undefined, (reason) => reason);
    expect(error.message).toContain(`the limit is ${DEFAULT_LIMITS.v1Connections}`);
    expect(fake.network.tried).toBe(1);
  });

  test(`stops at ${DEFAULT_LIMITS.v1Connections} connections`, async () => {
    await using fake = new FakeLinks({ protocol: 1 });
    fake.links.v1Connections = DEFAULT_LIMITS.v1Connections - 1;
    const first = await fake.start();
    scanNothing(first);
    await fake.heard("0 caught up");
    first.receive(encodeError("events dropped, rescan required"));
    const error = await fake.links.done.then(() => undefined, (reason) => reason);
    expect(fake.network.tried).toBe(1);
    expect(error).toMatchObject({ name: "ConnectionError", remedy: "stop" });
    expect(error.message).toContain(`${DEFAULT_LIMITS.v1Connections} connections were made`);
    expect(error.message).toContain(`the limit is ${DEFAULT_LIMITS.v1Connections}`);
  });
});

test("a scan that is under way is what a rescan asks for: the connection goes on", async () => {
  await using fake = new FakeLinks({ protocol: 1 });
  const connection = await fake.start();
  connection.receive(infoFrame(), batch([put(3)]));
  await until(() => fake.links.links[0].phase === "catching-up", 1000);
  fake.links.scan(0, "asked");
  connection.receive(caughtUp(1));
  await fake.heard("0 caught up");
  expect(fake.network.tried).toBe(1);
  expect(connection.isDestroyed).toBe(false);
});

test("what was planned for a connection ends with it: a diverged link waits for a person", async () => {
  await using fake = new FakeLinks({ protocol: 2, rescan: { suspectMs: 60 } });
  const connection = await fake.start();
  scanNothing(connection);
  await fake.heard("0 live");
  connection.receive(...fullRun());
  fake.target.failures.set("endScan", new DivergedError("Cannot follow: the leader contradicts"));
  connection.receive(encodeError("events dropped, rescan required"));
  scanNothing(await fake.network.connection(1));
  await fake.heard("0 diverged");
  await new Promise((resolve) => setTimeout(resolve, 150));
  expect(fake.network.tried).toBe(2);
  fake.links.scan(0, "asked");
  await fake.network.connection(2);
});

test("one shard's error that no reconnect mends stops all", async () => {
  await using fake = new FakeLinks({ protocol: 2 });
  (await fake.start()).receive(infoFrame({ shardCount: 3 }));
  (await fake.network.connection(2)).receive(encodeError("invalid shard_id"));
  const error = await fake.links.done.then(() => undefined, (reason) => reason);
  expect(error).toMatchObject({ name: "ShapeError", message: "Cannot follow: the leader has no shard 2" });
  await fake.links.stop();
  expect(fake.links.links.map((link) => link.phase)).toEqual(["stopped", "stopped", "stopped"]);
});
