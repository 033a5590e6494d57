import { afterEach, describe, expect, test } from "bun:test";

import { errorWithCode } from "../../src/error_code.ts";
import type { Shard } from "../../src/fixed/shard.ts";
import { newVerifyStatus, scrubStore } from "../../src/replica/scrub.ts";
import { detectRuntime } from "../../src/runtime/mod.ts";
import type { Files } from "../../src/runtime/runtime.ts";
import { STORAGE_KINDS, type StorageKind } from "../../src/storage/slot_file.ts";
import { ACCOUNTS, Accounts, BusySlice } from "../fakes/accounts.ts";
import { rejection } from "../harness/failures.ts";
import "../harness/load_maps.ts";

const { files } = detectRuntime();
const HEADER_BYTES = 4096, SLOT_BYTES = 216;

/** Bytes of a slot: in its key, and in its value. */
const IN_KEY = 10, IN_VALUE = 30;

/** A replica, and ways to damage it behind its back. */
class Stage {
  readonly status = newVerifyStatus();
  readonly damagedShards: number[] = [];
  slice!: BusySlice;

  constructor(readonly accounts: Accounts, readonly storage: StorageKind) {}

  get shards(): readonly Shard[] {
    return this.accounts.directory.store.shards;
  }

  /** Flips a bit where the store reads it: in memory, or in the file. */
  damage(shard: number, slot: number, at: number): void {
    if (this.storage === "resident") {
      const { file } = this.shards[shard];
      const offset = file.at(slot);
      file.window[offset + at] ^= 0x10;
      return;
    }
    const file = files.open(this.accounts.directory.shardPath(shard, "fixed.data"), "write");
    const position = HEADER_BYTES + slot * SLOT_BYTES + at;
    const byte = new Uint8Array(1);
    files.read(file, byte, 0, 1, position);
    byte[0] ^= 0x10;
    files.write(file, byte, 0, 1, position);
    files.close(file);
  }

  async scrub(turn: (turns: number) => unknown = () => {}, signal?: AbortSignal): Promise<void> {
    this.slice = new BusySlice(turn);
    await scrubStore(this.accounts.directory.store, {
      slice: this.slice,
      signal,
      status: this.status,
      onDamaged: (shard) => void this.damagedShards.push(shard),
    });
  }

  /** As the follower does for shards that were reported. */
  async rescan(): Promise<void> {
    for (const shard of this.damagedShards) {
      const { target } = this.accounts;
      await target.beginScan(shard, "scan", { ...ACCOUNTS, slotCount: this.shards[shard].slotCount });
      this.accounts.applyAll(shard, "scan");
      await target.endScan(shard, "scan");
    }
  }

  /** The slots that cannot be trusted, as "shard/slot". */
  get unverified(): string[] {
    return this.shards.flatMap((shard) => [...shard.unverified].map((slot) => `${shard.id}/${slot}`));
  }
}

const opened: Accounts[] = [];
async function stage(storage: StorageKind = "resident", withFiles?: Files): Promise<Stage> {
  const accounts = await Accounts.open({ storage, withFiles });
  opened.push(accounts);
  return new Stage(accounts, storage);
}
afterEach(async () => {
  for (const each of opened.splice(0)) await each[Symbol.asyncDispose]();
});

describe.each(STORAGE_KINDS.map((storage) => ({ storage })))("a scrub of a $storage store", ({ storage }) => {
  test("finds nothing in a good one, however busy it is", async () => {
    const replica = await stage(storage);
    await replica.scrub(() => {
      replica.accounts.transfer(100);
      replica.accounts.close(5);
    });
    expect(replica.status).toMatchObject({ slots: 4000, position: 4000, damaged: 0, error: null });
    expect(replica.status.endedAtMs).not.toBeNull();
    expect([replica.damagedShards, replica.unverified]).toEqual([[], []]);
    expect(replica.slice.turns).toBeGreaterThan(5);
  });

  test("takes what is damaged out of service, and a rescan repairs it", async () => {
    const replica = await stage(storage);
    const { store } = replica.accounts.directory;
    const before = replica.accounts.digest;
    const keys = new Map(
      [...replica.accounts.placed()].map(({ key, shard, slot }) => [`${shard}/${slot}`, key]),
    );
    const places = [[0, 5, IN_VALUE], [0, 1499, IN_KEY], [1, 0, IN_KEY], [1, 1, IN_KEY], [1, 700, 4]];
    for (const [shard, slot, at] of places) replica.damage(shard, slot, at);
    // Never occupied: whatever it holds, nobody reads it.
    replica.damage(1, 1900, IN_VALUE);
    await replica.scrub();

    const damaged = places.map(([shard, slot]) => `${shard}/${slot}`);
    expect(replica.unverified).toEqual(damaged);
    expect(replica.damagedShards).toEqual([0, 1]);
    expect(replica.status).toMatchObject({ position: 4000, damaged: 5, error: null });
    expect(replica.shards.map((shard) => shard.counters.crcErrors)).toEqual([2, 3]);
    expect(store.size).toBe(3000 - 5);
    for (const place of damaged) expect(store.lookup(keys.get(place)!).found).toBe("unknown");
    expect(store.lookup(keys.get("0/6")!)).toMatchObject({ found: "yes", slot: 6 });
    expect([0, 1].map((shard) => store.isComplete(shard))).toEqual([false, false]);

    await replica.rescan();
    expect(replica.unverified).toEqual([]);
    expect(replica.accounts.digest).toBe(before);
    expect(store.size).toBe(3000);
    expect(replica.shards.map((shard) => shard.index.duplicates)).toEqual([0, 0]);
    for (const place of damaged) {
      expect(store.lookup(keys.get(place)!)).toMatchObject({ found: "yes", slot: Number(place.slice(2)) });
    }
    const again = new Stage(replica.accounts, storage);
    await again.scrub();
    expect(again.status.damaged).toBe(0);
  });

  test("leaves alone what an event repairs before its turn", async () => {
    const replica = await stage(storage);
    replica.damage(0, 3, IN_KEY);
    replica.damage(1, 1400, IN_KEY);
    await replica.scrub((turns) => {
      if (turns === 1) { for (let slot = 1400; slot < 1410; slot++) replica.accounts.touch(1, slot); }
    });
    expect([replica.unverified, replica.damagedShards]).toEqual([["0/3"], [0]]);
    expect(replica.accounts.directory.store.size).toBe(3000 - 1);
  });
});

describe("a scrub", () => {
  test("finds slots by their numbers while others come and go", async () => {
    const replica = await stage();
    for (let slot = 0; slot < 1500; slot += 3) replica.damage(0, slot, IN_KEY);
    await replica.scrub(() => {
      // It was found damaged, and is repaired before its entry was found.
      replica.accounts.touch(0, 300);
    });
    const { store } = replica.accounts.directory;
    expect(replica.status.damaged).toBe(499);
    expect(replica.shards[0].unverified.has(300)).toBe(false);
    await replica.rescan();
    expect(replica.unverified).toEqual([]);
    expect(store.size).toBe(3000);
    expect([...store.entries()].length).toBe(3000);
    expect(replica.shards.map((shard) => shard.index.duplicates)).toEqual([0, 0]);
  });

  test("tells who observes", async () => {
    const replica = await stage();
    const told: string[] = [];
    replica.shards[0].observers.add({
      written: () => {},
      removed: () => {},
      quarantined: (shard, slot) => void told.push(`${shard.id}/${slot}`),
    });
    replica.damage(0, 7, IN_VALUE);
    replica.damage(0, 9, IN_KEY);
    await replica.scrub();
    expect(told).toEqual(["0/7", "0/9"]);
  });

  test("that is given up tells of what it found, and of no more", async () => {
    const replica = await stage();
    replica.damage(0, 7, IN_VALUE);
    replica.damage(1, 7, IN_VALUE);
    const aborting = new AbortController();
    const error = await rejection(
      replica.scrub((turns) => turns === 2 && aborting.abort(new Error("enough")), aborting.signal),
    );
    expect(error).toBe(aborting.signal.reason);
    expect([replica.damagedShards, replica.unverified]).toEqual([[0], ["0/7"]]);
    expect(replica.status).toMatchObject({ damaged: 1, error: "enough" });
    expect(replica.status.position).toBeLessThan(4000);
    expect(replica.status.endedAtMs).not.toBeNull();
  });

  test("of a disk that cannot be read says so", async () => {
    let isBroken = false;
    const replica = await stage("positional", {
      ...files,
      read: (...args) => {
        if (isBroken) throw errorWithCode("no", "EIO");
        return files.read(...args);
      },
    });
    isBroken = true;
    const error = await rejection(replica.scrub());
    isBroken = false;
    expect(error.name).toBe("StorageError");
    expect(error.message).toBe("Cannot read slot 0 of shard 0: Input/output error (EIO)");
    expect(replica.status.error).toBe(error.message);
    expect(replica.unverified).toEqual([]);
  });
});
