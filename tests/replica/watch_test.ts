import { describe, expect, test } from "bun:test";
import { ClosedError, DivergedError } from "../../src/errors.ts";
import { Store } from "../../src/fixed/store.ts";
import { type Change, closedError, WatchHub, type WatchOptions } from "../../src/replica/watch.ts";
import { nextTurn } from "../../src/time_slice.ts";
import { apply, makeShard, SHAPE, type TestEvent, textOf } from "../fakes/shard_kit.ts";

const FULL_SLOTS = 9_000;

/** A change in words: "put a=1 v3", "delete a", "caught-up 0", "resync overflow". */
function words(change: Change): string {
  switch (change.type) {
    case "put":
      return `put ${textOf(change.key)}=${textOf(change.value)} v${change.version}`;
    case "delete":
      return `delete ${textOf(change.key)}`;
    case "caught-up":
      return `caught-up ${change.shard}`;
    case "resync":
      return `resync ${change.reason}`;
  }
}

/** A hub over a store of one shard, and a watcher. */
function setup(options: WatchOptions = {}, slotCount = 20) {
  const { shard } = makeShard(slotCount);
  const store = new Store(SHAPE, [shard], () => true);
  const hub = new WatchHub();
  hub.attach(store);
  const watch = (more: WatchOptions = options) => hub.watch(() => store, more);
  return { shard, store, hub, watch, put: (...events: TestEvent[]) => apply(shard, events) };
}

/** A hub over more keys than are read in one slice. */
function full(slots = FULL_SLOTS) {
  const { shard, ...kit } = setup({}, slots);
  for (let slot = 0; slot < slots; slot++) apply(shard, [put(slot, String(slot))]);
  return { shard, ...kit };
}

function put(slot: number, key: string, value = "1", version = 1): TestEvent {
  return { slot, version, key, value };
}

/** The next so many changes. */
async function take(changes: AsyncIterator<Change>, count: number): Promise<string[]> {
  const seen: string[] = [];
  while (seen.length < count) seen.push(words((await changes.next()).value));
  return seen;
}

/** All changes up to the end of the watch. */
async function rest(changes: AsyncIterable<Change>): Promise<string[]> {
  const seen: string[] = [];
  for await (const change of changes) seen.push(words(change));
  return seen;
}

describe("watch", () => {
  test("yields puts and deletes as they are applied, from the call on", async () => {
    const { watch, put: apply, hub } = setup();
    apply(put(0, "old"));
    const changes = watch();
    apply(put(1, "a"), put(1, "a", "2", 2));
    apply({ slot: 1, version: 3, key: "a" }, { slot: 0, version: 2 });
    hub.close();
    expect(await rest(changes)).toEqual(["put a=1 v1", "put a=2 v2", "delete a", "delete old"]);
  });

  test("wakes a reader that waits", async () => {
    const { watch, put: apply } = setup();
    const changes = watch();
    const next = changes.next();
    apply(put(0, "a"));
    expect(words((await next).value)).toBe("put a=1 v1");
    await changes.return!();
  });

  test("gives copies", async () => {
    const { watch, put: apply, store, hub } = setup();
    const changes = watch();
    apply(put(0, "a"));
    apply(put(0, "a", "2", 2));
    hub.close();
    for await (const change of changes) {
      if (change.type === "put") change.value.fill(0);
    }
    expect(textOf(store.get(new TextEncoder().encode("a...")))).toBe("2");
  });

  test("skipped events are no changes", async () => {
    const { watch, put: apply, hub } = setup();
    apply(put(0, "a", "1", 5));
    const changes = watch();
    apply(put(0, "a", "2", 5), put(0, "a", "3", 4));
    hub.close();
    expect(await rest(changes)).toEqual([]);
  });

  test("a key that moves is one put, where its new slot comes first", async () => {
    const { watch, put: apply, hub } = setup();
    apply(put(5, "a"));
    const changes = watch();
    apply(put(2, "a", "2"), { slot: 5, version: 2, key: "a" });
    hub.close();
    expect(await rest(changes)).toEqual(["put a=2 v1"]);
  });

  test("another key in a slot is a delete and a put", async () => {
    const { watch, put: apply, hub } = setup();
    apply(put(5, "a"));
    const changes = watch();
    apply(put(5, "b", "2", 2));
    hub.close();
    expect(await rest(changes)).toEqual(["delete a", "put b=2 v2"]);
  });

  test("two readers get the same, each at its pace", async () => {
    const { watch, put: apply, hub } = setup();
    const [first, second] = [watch(), watch()];
    apply(put(0, "a"));
    expect(await take(first, 1)).toEqual(["put a=1 v1"]);
    apply(put(1, "b"));
    hub.close();
    expect([await rest(first), await rest(second)]).toEqual([["put b=1 v1"], ["put a=1 v1", "put b=1 v1"]]);
  });

  test("a hub without shards takes them up once they are there", async () => {
    const { shard, store, put: apply } = setup();
    const hub = new WatchHub();
    const changes = hub.watch(() => undefined, { initial: true });
    hub.attach(store);
    expect(shard.observers.size).toBe(1);
    apply(put(0, "a"));
    hub.close();
    expect(await rest(changes)).toEqual(["put a=1 v1"]);
  });

  test("a hub that nobody watches costs the shards nothing", () => {
    const { shard } = setup();
    expect(shard.observers.size).toBe(0);
  });
});

describe("a scan", () => {
  test("tells its deletes at its end, and only of keys that did not turn up in another slot", async () => {
    const { watch, put: apply, hub } = setup();
    apply(put(0, "a"), put(1, "b"), put(2, "c"));
    const changes = watch();
    hub.scanBegins(0, undefined);
    apply({ slot: 0, version: 2, key: "a" }, { slot: 1, version: 2, key: "b" }, put(2, "x", "1", 2));
    apply(put(7, "b", "2"));
    hub.scanEnds(0, false);
    hub.close();
    expect(await rest(changes))
      .toEqual(["put x=1 v2", "put b=2 v1", "delete a", "delete c", "caught-up 0"]);
  });

  test("a move in a live stream is told at once", async () => {
    const { watch, put: apply, hub } = setup();
    apply(put(0, "a"));
    const changes = watch();
    hub.scanBegins(0, undefined);
    hub.scanEnds(0, false);
    apply({ slot: 0, version: 2, key: "a" }, put(3, "a", "2"));
    hub.close();
    expect(await rest(changes)).toEqual(["caught-up 0", "delete a", "put a=2 v1"]);
  });

  test("what a scan that was cut dropped is told at the end of the next", async () => {
    const { watch, put: apply, hub } = setup();
    apply(put(0, "a"), put(1, "b"));
    const changes = watch();
    hub.scanBegins(0, undefined);
    apply({ slot: 0, version: 2, key: "a" }, { slot: 1, version: 2, key: "b" });
    hub.scanBegins(0, undefined);
    apply(put(5, "b", "2"));
    hub.scanEnds(0, false);
    hub.close();
    expect(await rest(changes)).toEqual(["put b=2 v1", "delete a", "caught-up 0"]);
  });

  test("tells nobody of what it dropped before the last watcher left: it may be back", async () => {
    const { watch, put: apply, hub, store } = setup();
    apply(put(0, "a"), put(1, "b"), put(2, "c"));
    const first = watch();
    hub.scanBegins(0, undefined);
    apply({ slot: 0, version: 2, key: "a" }, { slot: 1, version: 2, key: "b" });
    await first.return!();
    apply(put(7, "a", "2"));
    const second = watch();
    apply({ slot: 2, version: 2, key: "c" }, put(8, "x"), { slot: 8, version: 2, key: "x" });
    apply(put(9, "c", "3"));
    hub.scanEnds(0, false);
    hub.close();
    expect(await rest(second)).toEqual(["put x=1 v1", "put c=3 v1", "delete x", "caught-up 0"]);
    expect(store.size).toBe(2);
  });

  test.each(["reconnect", "rescan"] as const)("says resync %s at its beginning", async (reason) => {
    const { watch, hub } = setup();
    const changes = watch();
    hub.scanBegins(0, reason);
    hub.scanEnds(0, false);
    hub.close();
    expect(await rest(changes)).toEqual([`resync ${reason}`, "caught-up 0"]);
  });

  test("that took the leader's state against ours says so, and a leader that is held off too", async () => {
    const { watch, hub } = setup();
    const changes = watch();
    hub.scanBegins(0, undefined);
    hub.scanEnds(0, true);
    hub.diverged();
    hub.close();
    expect(await rest(changes)).toEqual(["resync diverged", "caught-up 0", "resync diverged"]);
  });
});

describe("a slow reader", () => {
  test("over its queue, changes are dropped, a resync says so, and later ones follow", async () => {
    const { watch, put: apply, hub } = setup();
    const changes = watch({ queue: 3 });
    apply(put(0, "a"), put(1, "b"), put(2, "c"));
    expect(await take(changes, 1)).toEqual(["put a=1 v1"]);
    apply(put(3, "d"), put(4, "e"), put(5, "f"), put(6, "g"));
    apply(put(7, "h"));
    hub.close();
    expect(await rest(changes)).toEqual(["put b=1 v1", "put c=1 v1", "resync overflow", "put h=1 v1"]);
  });

  test("holds 1,024 changes unless told otherwise", async () => {
    const { watch, put: apply, hub } = setup();
    const changes = watch({});
    for (let version = 1; version <= 1024; version++) apply(put(0, "a", "1", version));
    const over = watch({});
    for (let version = 1025; version <= 2049; version++) apply(put(0, "a", "1", version));
    hub.close();
    expect([(await rest(over))[0], (await rest(changes)).length < 1024]).toEqual(["resync overflow", true]);
  });

  test("does not hold up another", async () => {
    const { watch, put: apply, hub } = setup();
    const slow = watch({ queue: 1 });
    const quick = watch({ queue: 10 });
    apply(put(0, "a"), put(1, "b"), put(2, "c"));
    hub.close();
    expect([await rest(slow), (await rest(quick)).length]).toEqual([["resync overflow"], 3]);
  });
});

describe("options", () => {
  test("prefix chooses the keys; caught-up and resync come all the same", async () => {
    const { watch, put: apply, hub } = setup();
    apply(put(9, "abx"));
    const changes = watch({ prefix: new TextEncoder().encode("ab"), initial: true });
    apply(put(0, "abc"), put(1, "acb"), put(2, "ab"), { slot: 1, version: 2, key: "acb" });
    apply({ slot: 2, version: 2, key: "ab" });
    hub.scanBegins(0, "rescan");
    hub.scanEnds(0, false);
    hub.close();
    expect((await rest(changes)).slice(-5))
      .toEqual(["put abc=1 v1", "put ab=1 v1", "delete ab", "resync rescan", "caught-up 0"]);
  });

  test("a prefix that is longer than a key matches none", async () => {
    const { watch, put: apply, hub } = setup();
    const changes = watch({ prefix: new Uint8Array(5).fill(0x61) });
    apply(put(0, "aaaa"));
    hub.close();
    expect(await rest(changes)).toEqual([]);
  });

  test("initial begins with a put for each key that is there, then goes on", async () => {
    const { watch, put: apply } = setup();
    apply(put(3, "a", "1", 4), put(1, "b", "2"));
    const changes = watch({ initial: true });
    expect(await take(changes, 2)).toEqual(["put b=2 v1", "put a=1 v4"]);
    apply(put(3, "a", "5", 5));
    expect(await take(changes, 1)).toEqual(["put a=5 v5"]);
    await changes.return!();
  });

  test("initial lets others have their turn, though no key has the prefix", async () => {
    const { watch, hub } = full(10 * FULL_SLOTS);
    hub.close();
    const rested = rest(watch({ initial: true, prefix: Uint8Array.of(255) }));
    let turns = 0;
    let isOver = false;
    rested.then(() => isOver = true);
    while (!isOver) {
      await nextTurn();
      turns++;
    }
    expect(await rested).toEqual([]);
    expect(turns).toBeGreaterThan(2);
  });

  test("initial lists all of a follower that an error has ended, and then throws that", async () => {
    const { watch, hub } = full();
    hub.close(new Error("gone"));
    const changes = watch({ initial: true });
    expect((await take(changes, FULL_SLOTS)).length).toBe(FULL_SLOTS);
    expect(await changes.next().then(() => undefined, (error) => error)).toMatchObject({ message: "gone" });
  });

  test("initial ends when the signal is aborted in its midst", async () => {
    const { watch } = full();
    const stop = new AbortController();
    const changes = watch({ initial: true, signal: stop.signal });
    expect(await take(changes, 1)).toEqual(["put 0=1 v1"]);
    stop.abort();
    expect((await rest(changes)).length).toBeLessThan(2);
  });

  test("a change during the initial puts follows after them", async () => {
    const { watch, put: apply } = setup();
    apply(put(1, "a"), put(2, "b"));
    const changes = watch({ initial: true });
    expect(await take(changes, 1)).toEqual(["put a=1 v1"]);
    apply({ slot: 1, version: 2, key: "a" }, put(5, "c"));
    expect((await take(changes, 4)).slice(-2)).toEqual(["delete a", "put c=1 v1"]);
    await changes.return!();
  });

  test("an aborted signal ends a reader that waits, and the hub forgets it", async () => {
    const { watch, shard } = setup();
    const controller = new AbortController();
    const all = rest(watch({ signal: controller.signal }));
    expect(shard.observers.size).toBe(1);
    controller.abort();
    expect(await all).toEqual([]);
    expect(shard.observers.size).toBe(0);
  });

  test("so it does where nobody reads", () => {
    const { watch, shard } = setup();
    const controller = new AbortController();
    watch({ signal: controller.signal });
    controller.abort();
    expect(shard.observers.size).toBe(0);
  });

  test("a signal that was aborted before ends it at once, read or not", async () => {
    const { watch, shard } = setup();
    const changes = watch({ signal: AbortSignal.abort() });
    expect(shard.observers.size).toBe(0);
    expect(await rest(changes)).toEqual([]);
    expect(shard.observers.size).toBe(0);
  });
});

describe("the end", () => {
  test("a reader that leaves is forgotten, and costs nothing more", async () => {
    const { watch, shard, put: apply } = setup();
    const other = watch();
    const changes = watch();
    apply(put(0, "a"));
    for await (const _ of changes) break;
    expect(shard.observers.size).toBe(1);
    await take(other, 1);
    await other.return!();
    expect(shard.observers.size).toBe(0);
  });

  test("a reader that leaves before it has read is forgotten too", async () => {
    const { watch, shard, put: apply } = setup();
    const changes = watch({ initial: true });
    expect(shard.observers.size).toBe(1);
    expect(await changes.return!()).toEqual({ done: true, value: undefined });
    expect(shard.observers.size).toBe(0);
    apply(put(0, "a"));
    expect(await changes.next()).toEqual({ done: true, value: undefined });
  });

  test("a reader that leaves while it waits for a change waits no longer", async () => {
    const { watch, shard } = setup();
    const changes = watch();
    const next = changes.next();
    await changes.return!();
    expect([await next, shard.observers.size]).toEqual([{ done: true, value: undefined }, 0]);
  });

  test("who watches after it gets what is there, and the same end", async () => {
    const { watch, hub, shard, put: apply } = setup();
    apply(put(0, "a"));
    const error = new DivergedError("Cannot follow");
    hub.close(error);
    hub.close();
    const late = watch({ initial: true });
    expect(await take(late, 1)).toEqual(["put a=1 v1"]);
    await expect(late.next()).rejects.toBe(error);
    await expect(watch().next()).rejects.toBe(error);
    expect(shard.observers.size).toBe(0);
  });

  test("an error ends all watches with it, after what waits was read", async () => {
    const { watch, hub, put: apply } = setup();
    const changes = watch();
    apply(put(0, "a"));
    hub.close(new DivergedError("Cannot follow"));
    hub.close();
    expect(await take(changes, 1)).toEqual(["put a=1 v1"]);
    await expect(changes.next()).rejects.toThrow("Cannot follow");
    const end = await changes.next();
    expect(end.done).toBe(true);
  });

  test("closedError says what cannot be done", () => {
    expect(closedError("get")).toBeInstanceOf(ClosedError);
    expect(closedError("get").message).toBe("Cannot get: the follower is closed");
  });
});
