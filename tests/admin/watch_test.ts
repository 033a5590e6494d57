import { afterEach, describe, expect, test } from "bun:test";
import { createAdmin } from "../../admin/app.ts";
import type { AdminOptions } from "../../admin/options.ts";
import { DivergedError } from "../../src/errors.ts";
import type { Change } from "../../src/replica/watch.ts";
import { until } from "../harness/until.ts";
import { EventReader } from "./event_reader.ts";
import { Following, key, value } from "./following.ts";
import { PushedFollower } from "./pushed_follower.ts";
import { type Requestable, validated } from "./validated.ts";

const readers: EventReader[] = [];

afterEach(async () => {
  for (const reader of readers.splice(0)) await reader.leave();
});

/** Watches over an app. */
async function watch(app: Requestable, query = ""): Promise<EventReader> {
  const { status, headers, response } = await validated(app, `/v1/watch${query}`);
  expect(status).toBe(200);
  expect(headers.get("cache-control")).toBe("no-store, no-transform");
  const reader = new EventReader(response.body!);
  readers.push(reader);
  return reader;
}

/** An app over a follower whose changes the test pushes. */
function pushed(options: AdminOptions = {}) {
  const follower = new PushedFollower();
  return { follower, app: createAdmin(follower, options) };
}

function put(id: number, bytes = 16): Change {
  return { type: "put", key: key(id), value: new Uint8Array(bytes).fill(id), version: id, shard: 0 };
}

describe("GET /v1/watch of a real follower", () => {
  test("sends changes as they come", async () => {
    await using following = await Following.start(3);
    const reader = await watch(following.app);
    following.store.put(key(1), value(100));
    const { version, shard } = await until(
      () => following.follower.get(key(1))?.[3] === 100,
      3_000,
      "the put",
    ).then(() => following.follower.lookup(key(1)));
    expect(await reader.next()).toEqual({
      event: "put",
      data: { key: key(1).toHex(), value: value(100).toHex(), version, shard },
    });
    following.store.delete(key(2));
    const deleted = await reader.next();
    expect(deleted).toMatchObject({ event: "delete", data: { key: key(2).toHex() } });
    expect(Object.keys(deleted!.data)).toEqual(["key", "shard"]);
  });

  test("initial=true begins with all keys, of a prefix if there is one", async () => {
    await using following = await Following.start(600);
    const reader = await watch(following.app, "?initial=true&prefix=000001");
    const keys = new Set<unknown>();
    while (keys.size < 256) {
      const { event, data } = (await reader.next())!;
      expect(event).toBe("put");
      keys.add(data.key);
    }
    expect(keys).toEqual(new Set(Array.from({ length: 256 }, (_, id) => key(256 + id).toHex())));
    following.store.put(key(0), value(1));
    following.store.put(key(256), value(2));
    expect(await reader.next()).toMatchObject({ event: "put", data: { value: value(2).toHex() } });
  });

  test("tells resync and caught-up of a rescan", async () => {
    await using following = await Following.start(3);
    const reader = await watch(following.app);
    await following.follower.rescan({ shard: 1 });
    expect(await reader.next()).toEqual({ event: "resync", data: { reason: "rescan" } });
    expect(await reader.next()).toEqual({ event: "caught-up", data: { shard: 1 } });
  });

  test("ends with `stopping` when the follower is closed; the next one is refused", async () => {
    await using following = await Following.start(3);
    const reader = await watch(following.app);
    await following.follower.close();
    expect(await reader.rest()).toEqual([{
      event: "stopping",
      data: { reason: "the follower was closed" },
    }]);
    const { status, body } = await validated(following.app, "/v1/watch");
    expect([status, body]).toMatchObject([503, { error: { code: "closed" } }]);
  });
});

describe("GET /v1/watch: its end", () => {
  test("names the error that stopped the follower, after what came before", async () => {
    const { follower, app } = pushed();
    const reader = await watch(app);
    follower.push(put(1), new DivergedError("Cannot follow: too much differs"));
    expect(await reader.rest()).toMatchObject([
      { event: "put" },
      { event: "stopping", data: { reason: "Cannot follow: too much differs" } },
    ]);
  });

  test("all end with `stopping` when the admin stops, and no more begin", async () => {
    const stop = new AbortController();
    const { follower, app } = pushed({ signal: stop.signal });
    const open = [await watch(app), await watch(app)];
    stop.abort();
    for (const reader of open) {
      expect(await reader.rest()).toEqual([{
        event: "stopping",
        data: { reason: "the admin is stopping" },
      }]);
    }
    await until(() => follower.watches.every(({ isOver }) => isOver), 1_000);
    const { status, body } = await validated(app, "/v1/watch");
    expect([status, body]).toMatchObject([503, { error: { code: "stopping" } }]);
  });

  test("a reader that leaves frees all", async () => {
    const { follower, app } = pushed({ limits: { watches: 1 } });
    const reader = await watch(app);
    expect(await reader.nextOfAny()).toEqual({ event: ":", data: {} });
    await reader.leave();
    await until(() => follower.watches[0].isOver, 1_000);
    await watch(app);
  });

  test("a HEAD watches nothing", async () => {
    const { follower, app } = pushed();
    const { status, headers } = await validated(app, "/v1/watch", { method: "HEAD" });
    expect([status, headers.get("content-type")]).toEqual([200, "text/event-stream"]);
    expect(follower.watches).toEqual([]);
  });
});

describe("GET /v1/watch: its bounds", () => {
  test("503 for one watch too many", async () => {
    const { app } = pushed({ limits: { watches: 2 } });
    await watch(app);
    await watch(app);
    const { status, body } = await validated(app, "/v1/watch");
    expect(status).toBe(503);
    expect(body).toEqual({
      error: { code: "too-many-watches", message: "Cannot watch: 2 watches are open, allowed are 2" },
    });
  });

  test("heartbeats come where nothing else does", async () => {
    const { app } = pushed({ limits: { heartbeatMs: 5 } });
    const reader = await watch(app);
    for (let beats = 0; beats < 4; beats++) expect((await reader.nextOfAny())!.event).toBe(":");
  });

  test("the follower is given the bound of its queue", async () => {
    const { follower, app } = pushed({ limits: { watchQueue: 7 } });
    await watch(app, "?prefix=00ff");
    expect(follower.watches[0].options).toMatchObject({ queue: 7, prefix: Uint8Array.of(0, 0xff) });
  });

  test("a reader for whom too much waited is dropped with the reason", async () => {
    const { follower, app } = pushed({ limits: { watchQueue: 7 } });
    const reader = await watch(app);
    follower.push(put(1), { type: "resync", reason: "overflow" }, put(2));
    expect(await reader.rest()).toMatchObject([
      { event: "put" },
      { event: "dropped", data: { reason: "more than 7 changes waited for this reader" } },
    ]);
    await until(() => follower.watches[0].isOver, 1_000);
  });

  test("no more is taken from the watch than there is room for; who then takes nothing is dropped", async () => {
    const { follower, app } = pushed({ limits: { heartbeatMs: 30 } });
    const reader = await watch(app);
    let taken = 0;
    for (let id = 0; id < 500; id++) {
      const change = put(id % 256, 4_000);
      Object.defineProperty(change, "version", { enumerable: true, get: () => taken++ });
      follower.push(change);
    }
    await until(() => follower.watches[0].isOver, 2_000, "the drop");
    // 8 KB each: what waits, what the decoder read ahead, and one piece.
    expect(taken).toBeGreaterThan(8);
    expect(taken).toBeLessThan(24);
    const events = await reader.rest();
    expect(events.length).toBe(taken + 1);
    expect(events.at(-1)).toEqual({
      event: "dropped",
      data: { reason: "this reader took nothing while its queue was full" },
    });
  });

  test("a slow reader that goes on is not dropped, and misses nothing", async () => {
    const { follower, app } = pushed({ limits: { heartbeatMs: 100 } });
    const reader = await watch(app);
    for (let id = 0; id < 60; id++) follower.push(put(id, 4_000));
    follower.push(undefined);
    for (let id = 0; id < 60; id++) {
      expect(await reader.next()).toMatchObject({ event: "put", data: { version: id } });
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    expect(await reader.rest()).toMatchObject([{ event: "stopping" }]);
  });

  test.each([
    ["prefix=0", "bad-hex", 'Cannot read prefix: current value is "0", it has 1 digits, which is odd'],
    [`prefix=${"00".repeat(9)}`, "prefix-length", "Cannot read keys: prefix has 9 bytes, keys here have 8"],
    ["initial=yes", "bad-initial", 'Cannot watch: initial is "yes", allowed are true and false'],
  ])("400 for %s", async (query, code, message) => {
    const { follower, app } = pushed();
    const { status, body } = await validated(app, `/v1/watch?${query}`);
    expect([status, body]).toEqual([400, { error: { code, message } }]);
    expect(follower.watches).toEqual([]);
  });

  test("lifts Bun's idle timeout for its own request, until it is over", async () => {
    const { app } = pushed();
    const set: unknown[] = [];
    const request = new Request("http://localhost/v1/watch");
    const response = await app.fetch(request, { timeout: (...given: unknown[]) => set.push(given) });
    expect(set).toEqual([[request, 0]]);
    await response.body!.cancel();
    expect(set).toEqual([[request, 0], [request, 10]]);
  });
});
