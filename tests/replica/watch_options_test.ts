import { describe, expect, test } from "bun:test";
import { ClosedError, DivergedError } from "../../src/errors.ts";
import { closedError } from "../../src/replica/watch.ts";
import { nextTurn } from "../../src/time_slice.ts";
import { full, FULL_SLOTS, put, rest, setup, take } from "./watch_kit.ts";

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
