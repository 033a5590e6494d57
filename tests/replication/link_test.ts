import { describe, expect, test } from "bun:test";

import { DivergedError, ShapeError, StorageError } from "../../src/errors.ts";
import { encodeError, HEARTBEAT_FRAME } from "../../src/replication/protocol.ts";
import { FakeLinks, scanNothing, versionOf } from "../fakes/fake_links.ts";
import { GREETED } from "../fakes/fake_network.ts";
import { batch, caughtUp, infoFrame, put } from "../fakes/leader_frames.ts";
import { thrownBy } from "../harness/failures.ts";
import { until } from "../harness/until.ts";

/** What stopped the links for good. */
async function stopError(fake: FakeLinks): Promise<Error> {
  const outcome = await fake.links.done.then(() => undefined, (error) => error);
  return thrownBy(() => {
    if (outcome !== undefined) throw outcome;
  });
}

describe("phases", () => {
  test("come in order, from connecting to live, and stopped in the end", async () => {
    const fake = new FakeLinks({ protocol: 2 });
    scanNothing(await fake.start());
    await fake.heard("0 live");
    await fake.links.stop();
    expect(fake.told).toEqual(["0 greeting", "0 catching-up", "0 live", "0 caught up", "0 stopped"]);
  });

  test("show live before the next batch is applied, however much comes", async () => {
    await using fake = new FakeLinks({ protocol: 2 });
    const connection = await fake.start();
    connection.receive(infoFrame(), caughtUp(), batch([put(1)]));
    await until(() => fake.target.calls.includes("apply 0 stream [1] = [1]"), 1000);
    expect(fake.told).toContain("0 live");
  });

  test("a v1 link is catch-up-only when nothing comes, and fresh as of the begin of its scan", async () => {
    const before = Date.now();
    await using fake = new FakeLinks({ protocol: 1 });
    const connection = await fake.start();
    scanNothing(connection);
    await fake.heard("0 catch-up-only");
    const [link] = fake.links.links;
    expect(link.freshAtMs).toBeGreaterThanOrEqual(before);
    expect(link.freshAtMs).toBeLessThanOrEqual(Date.now() - 40);
    expect(connection.sent).toEqual(GREETED);
    connection.receive(HEARTBEAT_FRAME);
    await fake.heard("0 live", 2);
    expect(link.isStreaming).toBe(true);
  });

  test("after a catch-up-only link the next is not called live before it is streamed to", async () => {
    await using fake = new FakeLinks({ protocol: 1, rescan: { catchUpOnlyMs: 60 } });
    scanNothing(await fake.start());
    await fake.heard("0 catch-up-only");
    scanNothing(await fake.network.connection(1));
    await fake.heard("0 catch-up-only", 2);
    expect(fake.told.filter((told) => told === "0 live")).toHaveLength(1);
    expect(fake.links.links[0].isStreaming).toBe(false);
  });
});

describe("coming back", () => {
  test("at once after 'events dropped, rescan required'", async () => {
    await using fake = new FakeLinks({
      protocol: 2,
      settings: { backoff: { baseMs: 60_000, limitMs: 60_000, healthyMs: 1e9 } },
    });
    const connection = await fake.start();
    scanNothing(connection);
    await fake.heard("0 live");
    connection.receive(encodeError("events dropped, rescan required"));
    scanNothing(await fake.network.connection(1));
    await fake.heard("0 live", 2);
    expect(fake.told).not.toContain("0 backing-off");
  });

  test("'shard already streaming' soon after an own end: 50, 100, 200, 400 ms, then the backoff", async () => {
    await using fake = new FakeLinks({
      protocol: 2,
      settings: { backoff: { baseMs: 60_000, limitMs: 60_000, healthyMs: 1e9 } },
    });
    const connection = await fake.start();
    scanNothing(connection);
    await fake.heard("0 live");
    fake.links.scan(0, "asked");
    const at: number[] = [];
    for (let i = 1; i <= 5; i++) {
      const refused = await fake.network.connection(i);
      at.push(performance.now());
      refused.receive(infoFrame(), encodeError("shard already streaming"));
    }
    const waits = at.slice(1).map((ms, i) => ms - at[i]);
    for (const [i, wait] of [50, 100, 200, 400].entries()) {
      expect(waits[i]).toBeGreaterThan(wait - 5);
      expect(waits[i]).toBeLessThan(wait + 100);
    }
    await until(() => fake.links.links[0].phase === "backing-off", 1000);
    fake.links.scan(0, "asked");
    scanNothing(await fake.network.connection(6));
    await fake.heard("0 live", 2);
  });

  test("'shard already streaming' without an end of ours before it: only the backoff", async () => {
    await using fake = new FakeLinks({
      protocol: 2,
      settings: { backoff: { baseMs: 1, limitMs: 60_000, healthyMs: 1e9 } },
    });
    // Waits of 1, 2, 4, ... ms: had any of them been a quick retry, the sequence would stay behind.
    const refuse = async (index: number) =>
      (await fake.network.connection(index)).receive(infoFrame(), encodeError("shard already streaming"));
    fake.links.start();
    for (let i = 0; i < 5; i++) await refuse(i);
    await fake.heard("0 end already-streaming", 5);
    await fake.heard("0 backing-off", 5);
    const began = performance.now();
    await refuse(5);
    expect(performance.now() - began).toBeLessThan(45);
  });

  test("with a backoff that doubles, and is not reset by connections that were never made", async () => {
    await using fake = new FakeLinks({ settings: { backoff: { baseMs: 5, limitMs: 40, healthyMs: 0.001 } } });
    fake.network.mode = "refuse";
    const began = performance.now();
    fake.links.start();
    await until(() => fake.network.tried === 5, 2000);
    expect(performance.now() - began).toBeGreaterThan(5 + 10 + 20 + 40 - 5);
    fake.network.mode = "accept";
    scanNothing(await fake.network.connection(0));
    await fake.heard("0 live");
    expect(fake.links.links[0].lastError.error).toBeUndefined();
  });

  test("with the other version, both ways, at once", async () => {
    const backoff = { baseMs: 60_000, limitMs: 60_000, healthyMs: 1e9 };
    await using fake = new FakeLinks({ settings: { backoff } });
    const first = await fake.start();
    expect(versionOf(first)).toBe(2);
    first.receive(encodeError("protocol version mismatch: leader 1, follower 2"));
    const second = await fake.network.connection(1);
    expect(versionOf(second)).toBe(1);
    scanNothing(second);
    await fake.heard("0 live");
    second.receive(encodeError("events dropped, rescan required"));
    const third = await fake.network.connection(2);
    third.receive(encodeError("protocol version mismatch: leader 2, follower 1"));
    const fourth = await fake.network.connection(3);
    expect(versionOf(fourth)).toBe(2);
    scanNothing(fourth);
    await fake.heard("0 live", 2);
  });

  test("between two leaders of different versions behind one address: with a backoff", async () => {
    await using fake = new FakeLinks({
      settings: { backoff: { baseMs: 60_000, limitMs: 60_000, healthyMs: 1e9 } },
    });
    (await fake.start()).receive(encodeError("protocol version mismatch: leader 1, follower 2"));
    (await fake.network.connection(1)).receive(
      encodeError("protocol version mismatch: leader 2, follower 1"),
    );
    await fake.heard("0 backing-off");
    expect(fake.network.tried).toBe(2);
  });

  test.each(
    [
      ["leader 2, follower 2", "auto"],
      ["leader 3, follower 2", "auto"],
      ["leader 1, follower 2", 2],
    ] as const,
  )("never after '%s' with protocol %s", async (versions, protocol) => {
    await using fake = new FakeLinks({ protocol });
    (await fake.start()).receive(encodeError(`protocol version mismatch: ${versions}`));
    expect(await stopError(fake)).toMatchObject({
      name: "ProtocolVersionError",
      remedy: "stop",
      message: `Cannot follow: protocol version is ${versions[7]} at the leader, and 2 here`,
    });
    expect(fake.network.tried).toBe(1);
    expect(fake.links.links[0].phase).toBe("stopped");
  });

  test("after a disk error, which status keeps until the next whole scan", async () => {
    await using fake = new FakeLinks({ protocol: 2 });
    const connection = await fake.start();
    const failure = new StorageError("Cannot write: No space left on device (ENOSPC)");
    fake.target.failures.set("flush", failure);
    connection.receive(infoFrame(), batch([put(1)]));
    await fake.heard("0 backing-off");
    expect(fake.links.links[0].lastError.error).toBe(failure);
    scanNothing(await fake.network.connection(1));
    await fake.heard("0 live");
    expect(fake.links.links[0].lastError.error).toBeUndefined();
    expect(fake.target.calls.indexOf("abortScan 0")).toBeGreaterThan(0);
  });

  test("not by itself after a divergence; a rescan that is asked for tries again", async () => {
    await using fake = new FakeLinks({ protocol: 2 });
    const connection = await fake.start();
    fake.target.failures.set("apply", new DivergedError("Cannot follow: the leader contradicts shard 0"));
    connection.receive(infoFrame(), batch([put(1)]));
    await fake.heard("0 diverged");
    fake.links.scan(0, "asked");
    scanNothing(await fake.network.connection(1));
    await fake.heard("0 live");
  });

  test("never after a shape that differs", async () => {
    await using fake = new FakeLinks({ protocol: 2 });
    fake.target.failures.set("beginScan", new ShapeError("Cannot follow: key_len is 9 there, 8 here"));
    scanNothing(await fake.start());
    expect(await stopError(fake)).toBeInstanceOf(ShapeError);
  });
});

describe("stopping", () => {
  test.each(["connecting", "greeting", "catching-up", "live", "backing-off"] as const)(
    "from within the news of phase %s",
    async (phase) => {
      const fake = new FakeLinks({ protocol: 2 });
      let stopped: Promise<void> | undefined;
      fake.onPhase = (link) => {
        if (link.phase === phase) stopped ??= fake.links.stop();
      };
      const connection = await fake.start();
      if (phase === "connecting" || phase === "backing-off") connection.close();
      else scanNothing(connection);
      await until(() => stopped !== undefined, 1000);
      await stopped;
      expect(fake.told.at(-1)).toBe("0 stopped");
      expect(fake.network.tried).toBe(1);
      expect(fake.network.connections.every((each) => each.isDestroyed || each === connection)).toBe(true);
    },
  );

  test("while a connection is being made", async () => {
    const fake = new FakeLinks();
    fake.network.mode = "hang";
    fake.links.start();
    await until(() => fake.network.tried === 1, 1000);
    await fake.links.stop();
    expect(fake.told).toEqual(["0 stopped"]);
  });

  test("twice is once", async () => {
    const fake = new FakeLinks();
    await fake.start();
    await Promise.all([fake.links.stop(), fake.links.stop()]);
    await fake.links.done;
    expect(fake.told.filter((told) => told === "0 stopped")).toHaveLength(1);
  });
});

test("counts ends by reason, and connections", async () => {
  await using fake = new FakeLinks({ protocol: 2 });
  (await fake.start()).close();
  scanNothing(await fake.network.connection(1));
  await fake.heard("0 live");
  fake.links.scan(0, "asked");
  scanNothing(await fake.network.connection(2));
  await fake.heard("0 live", 2);
  const { counters } = fake.links.links[0];
  expect(counters.connections).toBe(3);
  expect(counters.ends).toEqual({ closed: 1, rescan: 1 });
  expect(counters.wholeScans).toBe(2);
});
