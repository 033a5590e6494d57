import { describe, expect, test } from "bun:test";
import { WatchHub } from "../../src/replica/watch.ts";
import { textOf } from "../fakes/shard_kit.ts";
import { put, rest, setup, take, words } from "./watch_kit.ts";

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
