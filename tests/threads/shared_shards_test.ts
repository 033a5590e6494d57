import { describe, expect, test } from "bun:test";

import { iterateShard } from "../../src/fixed/entries.ts";
import { pageOf } from "../../src/fixed/page.ts";
import { slotRegions } from "../../src/fixed/regions.ts";
import { hashKey } from "../../src/fixed/routing.ts";
import type { Shard, ShardObserver } from "../../src/fixed/shard.ts";
import { Store } from "../../src/fixed/store.ts";
import { ShardMirrors } from "../../src/threads/shard_mirror.ts";
import { ShardPublisher } from "../../src/threads/shard_publisher.ts";
import { type Update, WORDS } from "../../src/threads/updates.ts";
import { nextTurn, TimeSlice } from "../../src/time_slice.ts";
import { apply, keyOf, makeShard, SHAPE, type TestEvent, textOf } from "../fakes/shard_kit.ts";
import { randomIntegers } from "../harness/random.ts";

/** A shard and its mirror, in one thread: they take turns as two threads do, so no turn may look at both. */
class Stage {
  readonly shard: Shard;
  readonly told: string[] = [];
  readonly #mail: Update[][] = [];
  readonly #mirrors: ShardMirrors;
  wakes = 0;
  backups: number[] = [];
  readonly words = new Int32Array(new SharedArrayBuffer(4 * WORDS.count));

  private constructor(slotCount: number) {
    this.shard = makeShard(slotCount).shard;
    const publisher = new ShardPublisher({
      words: this.words,
      mail: (updates) => void this.#mail.push(structuredClone(updates)),
      wake: () => void this.wakes++,
      onBackup: (key) => void this.backups.push(key),
    });
    publisher.add(this.shard);
    this.#mirrors = new ShardMirrors({
      words: this.words,
      read: () => this.#mail.shift(),
      shape: SHAPE,
      listener: {
        onScanBegins: (shard, isFirst) => void this.told.push(`begins ${shard} ${isFirst}`),
        onScanEnds: (shard, diverged) => void this.told.push(`ends ${shard} ${diverged}`),
        onRepaired: (shard) => void this.told.push(`repaired ${shard}`),
      },
    });
    this.note = (update) => publisher.note(update);
  }

  readonly note: (update: Update) => void;

  static async of(slotCount: number): Promise<Stage> {
    const stage = new Stage(slotCount);
    await nextTurn();
    stage.look();
    await nextTurn();
    return stage;
  }

  /** The owner's turn begins. */
  look(): Shard {
    this.#mirrors.hold();
    return this.#mirrors.shards.get(0)!;
  }

  get mirror(): Store {
    return new Store(SHAPE, [this.look()], () => true);
  }

  /** A turn of the thread. */
  async applied(...events: TestEvent[]): Promise<void> {
    apply(this.shard, events);
    this.shard.settle();
    await nextTurn();
  }
}

/** All that can be read of a store, in words. */
function wordsOf(store: Store): unknown {
  const [shard] = store.shards;
  shard.hold();
  const { occupied, deleted, written, maxVersion, misrouted, slotCount } = shard;
  const { unverified: { size }, index: { keys, entries, duplicates }, counters } = shard;
  return {
    numbers: {
      occupied,
      deleted,
      written,
      maxVersion,
      misrouted,
      slotCount,
      size,
      keys,
      entries,
      duplicates,
    },
    counters,
    entries: [...store.entries()].map(([key, value]) => `${textOf(key)}=${textOf(value)}`),
    page: pageOf(store).entries.map(({ key, version, slot }) => `${textOf(key)} ${version} ${slot}`),
    found: [..."abcdefghijkl"].map((name) => textOf(store.get(keyOf(name), { partial: true }))),
  };
}

describe("a shard that a thread shares", () => {
  test("reads as the thread's own does, whatever happens to it", async () => {
    for (let seed = 1; seed <= 30; seed++) {
      const below = randomIntegers(seed);
      const stage = await Stage.of(below(2) === 0 ? 16 : 70_000);
      const ours = new Store(SHAPE, [stage.shard], () => true);
      const versions = new Map<number, number>();
      for (let turn = 0; turn < 40; turn++) {
        if (below(8) === 0) {
          stage.shard.file.extend(stage.shard.slotCount + below(50));
          stage.shard.hold();
          stage.shard.metas.grow(stage.shard.file.recordCount);
        }
        const events = Array.from({ length: 1 + below(6) }, (): TestEvent => {
          const slot = below(4) === 0 ? below(stage.shard.slotCount) : below(16);
          const version = (versions.get(slot) ?? 0) + below(3);
          versions.set(slot, version);
          const key = "abcdefghijkl"[below(12)];
          const kind = below(6);
          return kind === 0 ? { slot, version } : kind === 1 ? { slot, version, key } : {
            ...{ slot, version, key },
            value: `${below(900)}`,
          };
        });
        await stage.applied(...events);
        if (below(10) === 0) {
          const key = keyOf("abcdefghijkl"[below(12)]);
          const slot = stage.shard.find(hashKey(key, 0, key.length), key);
          if (slot >= 0) stage.shard.quarantineSlot(slot);
          await nextTurn();
        }
        if (below(3) > 0) continue;
        const expected = wordsOf(ours);
        await nextTurn();
        expect({ seed, turn, read: wordsOf(stage.mirror) }).toEqual({ seed, turn, read: expected });
        await nextTurn();
      }
      const slice = new TimeSlice();
      const expected = await slotRegions(stage.shard, 5, slice);
      await nextTurn();
      expect(await slotRegions(stage.look(), 5, slice)).toEqual(expected);
    }
  });

  test("has the same index through all its growth", async () => {
    const stage = await Stage.of(40_000);
    const ours = new Store(SHAPE, [stage.shard], () => true);
    for (let first = 0; first < 30_000; first += 1000) {
      const events = Array.from({ length: 1000 }, (_, i) => {
        const name = (first + i).toString(36);
        return { slot: first + i, version: 1, key: name, value: name.slice(-3) };
      });
      for (let at = 0; at < 1000; at += 100) apply(stage.shard, events.slice(at, at + 100));
      await nextTurn();
      if (first % 3000 !== 0) continue;
      const names = Array.from({ length: (first + 2000) / 7 }, (_, i) => keyOf((7 * i).toString(36)));
      const expected = names.map((name) => textOf(ours.get(name)));
      await nextTurn();
      const { mirror } = stage;
      expect(names.map((name) => textOf(mirror.get(name)))).toEqual(expected);
      await nextTurn();
    }
    expect(stage.mirror.size).toBe(30_000);
  });

  test("shows each turn of the thread as a whole, and none that has not ended", async () => {
    const stage = await Stage.of(16);
    await stage.applied({ slot: 1, version: 1, key: "a", value: "1" });
    const { mirror } = stage;
    expect(textOf(mirror.get(keyOf("a")))).toBe("1");
    await nextTurn();
    await stage.applied({ slot: 1, version: 2, key: "b", value: "2" }, {
      slot: 2,
      version: 1,
      key: "a",
      value: "3",
    });
    expect([textOf(mirror.get(keyOf("a"))), textOf(mirror.get(keyOf("b")))]).toEqual(["3", "2"]);
  });

  test("cannot be written by its owner", async () => {
    const stage = await Stage.of(16);
    const { file } = stage.look();
    for (const write of [() => file.stage(0), () => file.stageHead(0, 1), () => file.extend(99)]) {
      expect(write).toThrow("Cannot write: another thread keeps this file");
    }
    expect(await file.sync().catch(String)).toContain("another thread keeps this file");
    expect(file.unsynced).toBe(false);
  });
});

describe("who observes a shard that a thread shares", () => {
  /** What an observer hears, in words. */
  function recorder(shown: string[]): ShardObserver {
    const keyIn = (shard: Shard, slot: number) => {
      const at = shard.file.at(slot) + 8;
      return textOf(shard.file.window.slice(at, at + SHAPE.keyLength));
    };
    return {
      written: (shard, slot, keyChanged, previous) =>
        void shown.push(`written ${keyIn(shard, slot)} ${shard.metas.get(slot)} ${keyChanged} ${previous}`),
      removed: (_, slot, key, servedBy) => void shown.push(`removed ${textOf(key)} ${slot} ${servedBy}`),
      quarantined: (_, slot, key) => void shown.push(`quarantined ${textOf(key)} ${slot}`),
      forgot: () => void shown.push("forgot"),
    };
  }

  test("hears what the thread's own observers hear, in its order, as it was then", async () => {
    for (let seed = 1; seed <= 20; seed++) {
      const below = randomIntegers(seed);
      const stage = await Stage.of(16);
      const [heard, own]: string[][] = [[], []];
      const observer = recorder(heard);
      stage.look().observers.add(observer);
      await nextTurn();
      stage.shard.observers.add(recorder(own));
      for (let turn = 0; turn < 30; turn++) {
        const key = "abcd"[below(4)];
        const value = below(4) === 0 ? undefined : `${below(900)}`;
        apply(stage.shard, [{ slot: below(8), version: turn + 1, key, value }]);
        if (below(9) === 0) {
          const slot = stage.shard.find(hashKey(keyOf(key), 0, SHAPE.keyLength), keyOf(key));
          if (slot >= 0) stage.shard.quarantineSlot(slot);
        }
        if (below(2) > 0) continue;
        await nextTurn();
        if (below(3) > 0) continue;
        stage.look();
        await nextTurn();
      }
      await nextTurn();
      stage.look();
      expect({ seed, heard }).toEqual({ seed, heard: own });
      expect(heard.length).toBeGreaterThan(10);
      stage.look().observers.delete(observer);
      await nextTurn();
      const { length } = heard;
      await stage.applied({ slot: 9, version: 1, key: "z", value: "9" });
      stage.look();
      expect(heard.length).toBe(length);
      await nextTurn();
    }
  });

  test("iterates over keys that move meanwhile: each once, and none is missed", async () => {
    const stage = await Stage.of(64);
    for (let slot = 0; slot < 32; slot++) {
      await stage.applied({ slot, version: 1, key: `k${slot}`, value: "1" });
    }
    const seen: string[] = [];
    const entries = iterateShard(stage.look());
    for (let i = 0; i < 8; i++) seen.push(textOf(entries.next().value![0])!);
    await nextTurn();
    // One that was seen moves to the end, one that was not moves to the front.
    await stage.applied({ slot: 2, version: 2, key: "x", value: "2" }, {
      slot: 40,
      version: 1,
      key: "k2",
      value: "2",
    });
    await stage.applied({ slot: 30, version: 2, key: "y", value: "2" }, {
      slot: 3,
      version: 2,
      key: "k30",
      value: "2",
    });
    for (const [key] of entries) seen.push(textOf(key)!);
    expect(seen.toSorted()).toEqual([...new Set(seen)].toSorted());
    const expected = Array.from({ length: 32 }, (_, slot) => `k${slot}`);
    expect(seen).toEqual(expect.arrayContaining(expected.filter((key) => key !== "k3")));
  });
});

describe("what a thread tells", () => {
  test("of scans comes in its place, and wakes the owner once until it looks", async () => {
    const stage = await Stage.of(16);
    const { wakes } = stage;
    stage.note({ type: "scan-begins", shard: 0, isFirst: true });
    await nextTurn();
    stage.note({ type: "scan-ends", shard: 0, diverged: 3 });
    stage.note({ type: "repaired", shard: 0 });
    await nextTurn();
    expect([stage.wakes - wakes, stage.told]).toEqual([1, []]);
    stage.look();
    expect(stage.told).toEqual(["begins 0 true", "ends 0 3", "repaired 0"]);
    await nextTurn();
    stage.note({ type: "repaired", shard: 0 });
    await nextTurn();
    expect(stage.wakes - wakes).toBe(2);
  });

  test("the moment of a backup comes before the next change", async () => {
    const stage = await Stage.of(16);
    let before: string | undefined;
    stage.look();
    stage.words[WORDS.beginsBackup] = 7;
    await nextTurn();
    const { backups } = stage;
    stage.shard.beforeChange = () => before ??= `${backups}`;
    await stage.applied({ slot: 1, version: 1, key: "a", value: "1" });
    expect([backups, before, stage.words[WORDS.beginsBackup]]).toEqual([[7], "7", 0]);
  });
});
