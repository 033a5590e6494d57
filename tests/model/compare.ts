/** Every way to read a store, against what it should hold. */

import { pageOf } from "../../src/fixed/page.ts";
import { slotRegions } from "../../src/fixed/regions.ts";
import type { Store } from "../../src/fixed/store.ts";
import { IncompleteError } from "../../src/errors.ts";
import { TimeSlice } from "../../src/time_slice.ts";
import { must } from "../fuzz/refusal.ts";
import { keyOf, KEYS, SHAPE, shardOf, textOf } from "./model_leader.ts";

const SLICE = new TimeSlice(1000);
const PARTIAL = { partial: true };
const OUT = new Uint8Array(SHAPE.valueLength);

/** What one shard should hold. */
export interface Expected {
  /** Values by key; undefined in the middle of a scan and after a cut one, when it is a mix of two moments. */
  entries: ReadonlyMap<string, string> | undefined;
  /** Whether a miss proves a key's absence; undefined where either may be. */
  isComplete: boolean | undefined;
  /** All values that the leader ever had for a key, as "key=value". */
  history: ReadonlySet<string>;
}

/** Compares the shards' entries, size, pages, regions and single reads. Throws a Fault where one is wrong. */
export async function compareStore(store: Store, expected: readonly Expected[]): Promise<void> {
  const all = new Map<string, string>();
  for (const [shard, wanted] of expected.entries()) {
    const entries = entriesOf(store, shard, wanted);
    must(
      store.shards[shard].index.keys === entries.size,
      () => `${entries.size} entries are not as many as keys`,
    );
    await compareRegions(store, shard, entries.size, wanted);
    for (const [key, value] of entries) all.set(key, value);
  }
  must(store.size === all.size, () => `size is ${store.size}, entries are ${all.size}`);
  comparePages(store, all);
  for (const key of KEYS) compareKey(store, key, all.get(key), expected[shardOf(key)].isComplete);
}

function entriesOf(store: Store, shard: number, { entries: wanted, history }: Expected): Map<string, string> {
  const entries = new Map<string, string>();
  for (const [keyBytes, valueBytes] of store.entries(shard)) {
    const [key, value] = [textOf(keyBytes), textOf(valueBytes)];
    must(!entries.has(key), () => `${key} comes twice`);
    must(history.has(`${key}=${value}`), () => `the leader never had ${key}=${value}`);
    if (wanted !== undefined) {
      must(wanted.get(key) === value, () => `${key} is ${value}, and should be ${wanted.get(key)}`);
    }
    entries.set(key, value);
  }
  const missing = wanted === undefined ? [] : [...wanted.keys()].filter((key) => !entries.has(key));
  must(missing.length === 0, () => `${missing} are missing`);
  return entries;
}

function compareKey(
  store: Store,
  key: string,
  value: string | undefined,
  isComplete: boolean | undefined,
): void {
  const { found, value: looked } = store.lookup(keyOf(key));
  must(
    value === (looked && textOf(looked)),
    () => `lookup of ${key} does not find ${value}, which is listed`,
  );
  must((found === "yes") === (value !== undefined), () => `lookup of ${key} says ${found}`);
  const got = store.get(keyOf(key), PARTIAL);
  must(value === (got && textOf(got)), () => `get of ${key} is not ${value}`);
  must(store.has(keyOf(key), PARTIAL) === (value !== undefined), () => `has of ${key} differs`);
  const length = store.getInto(keyOf(key), OUT, PARTIAL);
  must(length < 0 ? value === undefined : textOf(OUT) === value, () => `getInto of ${key} differs`);
  if (value !== undefined || isComplete === undefined) return;
  must(found === (isComplete ? "no" : "unknown"), () => `a miss of ${key} is ${found}`);
  // One of the keys is enough: an error takes as long as all the rest.
  if (key !== KEYS[0] && !isComplete) return;
  must(throwsIncomplete(store, key) !== isComplete, () => `get of the missing ${key} does not say the same`);
}

function throwsIncomplete(store: Store, key: string): boolean {
  try {
    store.get(keyOf(key));
    return false;
  } catch (error) {
    if (error instanceof IncompleteError) return true;
    throw error;
  }
}

function comparePages(store: Store, entries: ReadonlyMap<string, string>): void {
  const listed = new Map<string, string>();
  for (let cursor: string | undefined = "0.0"; cursor !== undefined;) {
    const page = pageOf(store, { limit: 3, cursor });
    for (const { key, value } of page.entries) listed.set(textOf(key), textOf(value));
    cursor = page.cursor;
  }
  const isSame = listed.size === entries.size &&
    [...listed].every(([key, value]) => entries.get(key) === value);
  must(isSame, () => `pages list ${[...listed]}, entries are ${[...entries]}`);
}

async function compareRegions(
  store: Store,
  shard: number,
  keys: number,
  { entries }: Expected,
): Promise<void> {
  const { slotCount, unverified, index } = store.shards[shard];
  const sums = { slots: 0, occupied: 0, deleted: 0, free: 0, unverified: 0 };
  for (const region of await slotRegions(store.shards[shard], 3, SLICE)) {
    for (const name of Object.keys(sums) as (keyof typeof sums)[]) sums[name] += region[name];
  }
  must(sums.slots === slotCount, () => `regions have ${sums.slots} of ${slotCount} slots`);
  const parts = sums.occupied + sums.deleted + sums.free + sums.unverified;
  must(parts === slotCount, () => `regions count ${JSON.stringify(sums)} of ${slotCount} slots`);
  must(sums.unverified === unverified.size, () => `regions count ${sums.unverified} unverified slots`);
  must(sums.occupied === keys + index.duplicates, () => `${sums.occupied} slots hold ${keys} keys`);
  must(entries === undefined || index.duplicates === 0, () => `${index.duplicates} keys are held twice`);
}
