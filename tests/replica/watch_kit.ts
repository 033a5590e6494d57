/** What the tests of watches share: a hub over a store, and changes in words. */
import { Store } from "../../src/fixed/store.ts";
import { type Change, WatchHub, type WatchOptions } from "../../src/replica/watch.ts";
import { apply, makeShard, SHAPE, type TestEvent, textOf } from "../fakes/shard_kit.ts";

/** More keys than are read in one slice. */
export const FULL_SLOTS = 9_000;

/** A change in words: "put a=1 v3", "delete a", "caught-up 0", "resync overflow". */
export function words(change: Change): string {
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
export function setup(options: WatchOptions = {}, slotCount = 20) {
  const { shard } = makeShard(slotCount);
  const store = new Store(SHAPE, [shard], () => true);
  const hub = new WatchHub();
  hub.attach(store);
  const watch = (more: WatchOptions = options) => hub.watch(() => store, more);
  return { shard, store, hub, watch, put: (...events: TestEvent[]) => apply(shard, events) };
}

/** A hub over more keys than are read in one slice. */
export function full(slots = FULL_SLOTS) {
  const { shard, ...kit } = setup({}, slots);
  for (let slot = 0; slot < slots; slot++) apply(shard, [put(slot, String(slot))]);
  return { shard, ...kit };
}

export function put(slot: number, key: string, value = "1", version = 1): TestEvent {
  return { slot, version, key, value };
}

/** The next so many changes. */
export async function take(changes: AsyncIterator<Change>, count: number): Promise<string[]> {
  const seen: string[] = [];
  while (seen.length < count) seen.push(words((await changes.next()).value));
  return seen;
}

/** All changes up to the end of the watch. */
export async function rest(changes: AsyncIterable<Change>): Promise<string[]> {
  const seen: string[] = [];
  for await (const change of changes) seen.push(words(change));
  return seen;
}
