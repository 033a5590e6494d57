import { describe, expect, test } from "bun:test";
import { existsSync, readdirSync } from "node:fs";

import { formatAddress } from "../../src/address.ts";
import { lead, openStore, type OwnStore } from "../../mod.ts";
import { Directory } from "../../src/directory/directory.ts";
import { verifyDirectory } from "../../src/directory/verify.ts";
import { detectRuntime } from "../../src/runtime/mod.ts";
import { STORAGE_KINDS, type StorageKind } from "../../src/storage/slot_file.ts";
import { nextTurn } from "../../src/time_slice.ts";
import { Followed, TemporaryDirectory } from "../fakes/followed.ts";
import { rejection } from "../harness/failures.ts";
import "../harness/load_maps.ts";
import { until } from "../harness/until.ts";

const { files } = detectRuntime();
const SHAPE = { shardCount: 2, keyLength: 8, valueLength: 400, prefixBits: 0 };
const SLOT_BYTES = 416, HEADER_BYTES = 4096;
const KEYS = 3000;

function keyOf(id: number): Uint8Array {
  const key = new Uint8Array(8);
  new DataView(key.buffer).setUint32(4, id);
  return key;
}

/** A value that counts the writes so far. */
function valueOf(count: number): Uint8Array {
  const value = new Uint8Array(SHAPE.valueLength).fill(count);
  new DataView(value.buffer).setUint32(0, count);
  return value;
}

/** What all keys have, as numbers. */
function countsOf(entries: Iterable<[key: Uint8Array, value: Uint8Array]>): number[] {
  const counts: number[] = [];
  for (const [key, value] of entries) {
    const count = new DataView(value.buffer).getUint32(0);
    counts[new DataView(key.buffer).getUint32(4)] = count;
    if (value.subarray(4).some((byte) => byte !== (count & 0xff))) throw new Error(`torn value of ${count}`);
  }
  return counts;
}

/** A store of ours, its leader, and a follower of that. */
class Stage implements AsyncDisposable {
  readonly #closing: (() => unknown)[] = [];
  readonly temporary = new TemporaryDirectory();
  store!: OwnStore;
  followed!: Followed;
  #writes = 0;

  static async start(storage: StorageKind = "resident"): Promise<Stage> {
    const stage = new Stage();
    stage.#closing.push(() => stage.temporary[Symbol.dispose]());
    const store = stage.store = await openStore(stage.temporary.of("leader"), SHAPE, { sync: "none" });
    stage.#closing.push(() => store.close());
    for (let id = 0; id < KEYS; id++) stage.write(id);
    const leader = await lead(store, "127.0.0.1:0");
    stage.#closing.push(() => leader.close());
    stage.followed = await Followed.start(formatAddress(leader.address), stage.temporary.of("replica"), {
      storage,
      // A link that a busy machine cuts would scan again, and no backup begins in a scan.
      times: { greetingMs: 3000, silenceMs: 5000 },
    });
    stage.#closing.push(() => stage.follower.close());
    await stage.follower.caughtUp();
    await until(() => stage.follower.status().phase === "live", 3000);
    return stage;
  }

  get follower() {
    return this.followed.follower;
  }

  get backups(): string {
    return this.temporary.of("backups");
  }

  write(id: number): void {
    this.store.put(keyOf(id), valueOf(++this.#writes));
  }

  /** Writes all keys again and again, some a turn, until the work has ended. */
  async writeDuring<T>(work: Promise<T>): Promise<T> {
    let isOver = false;
    const ended = () => void (isOver = true);
    work.then(ended, ended);
    for (let id = 0; !isOver; id = (id + 1) % KEYS) {
      this.write(id);
      if (id % 100 === 0) await nextTurn();
    }
    return await work;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const close of this.#closing.reverse()) await close();
  }
}

describe("Follower.backup", () => {
  test.each(STORAGE_KINDS)("copies a moment between the call and its end, %s", async (storage) => {
    await using stage = await Stage.start(storage);
    const before = countsOf(stage.follower.entries());
    const status = await stage.writeDuring(stage.follower.backup(stage.backups));
    const after = countsOf(stage.follower.entries());
    expect(stage.follower.status().backup).toEqual(status);
    expect((await verifyDirectory(files, status.path)).damage.listed).toEqual([]);

    const directory = await Directory.open(files, status.path, {
      storage: "resident",
      readOnly: true,
      pid: 1,
    });
    const counts = countsOf(directory!.store.entries());
    await directory!.close(1000);
    expect(counts.length).toBe(KEYS);
    for (const [id, count] of counts.entries()) {
      expect(count >= before[id] && count <= after[id]).toBe(true);
    }
    // Nothing was lost on the way: what was written last arrives.
    await until(
      () => countsOf(stage.follower.entries()).join() === countsOf(stage.store.entries()).join(),
      3000,
    );
  });

  test("is ended by a close, which leaves nothing of it", async () => {
    await using stage = await Stage.start();
    const backup = stage.follower.backup(stage.backups);
    const failure = rejection(backup);
    await until(() => stage.follower.status().backup!.path !== "", 3000);
    expect(await stage.follower.close()).toEqual([]);
    expect((await failure).name).toBe("ClosedError");
    expect(existsSync(stage.backups) ? readdirSync(stage.backups) : []).toEqual([]);
  });

  test("is one at a time, and can be given up", async () => {
    await using stage = await Stage.start();
    const aborting = new AbortController();
    const first = rejection(stage.follower.backup(stage.backups, { signal: aborting.signal }));
    expect((await rejection(stage.follower.backup(stage.backups))).name).toBe("ConflictError");
    aborting.abort(new Error("enough"));
    expect((await first).message).toBe("enough");
    expect(stage.follower.status().backup).toMatchObject({ error: "enough" });
    expect((await stage.follower.backup(stage.backups)).error).toBeNull();
    expect(readdirSync(stage.backups).length).toBe(1);
  });
});

describe("Follower.verify", () => {
  test("quarantines what is damaged, and the follower repairs it by itself", async () => {
    await using stage = await Stage.start("positional");
    const { follower } = stage;
    // In the shard that is checked last: of the other one the repair may be quicker than the rest of the check.
    const id = [...Array(KEYS).keys()].find((each) => follower.lookup(keyOf(each)).shard === 1)!;
    const found = follower.lookup(keyOf(id));
    const file = files.open(`${follower.dir}/shard_001/fixed.data`, "write");
    const value = HEADER_BYTES + found.slot! * SLOT_BYTES + 16;
    files.write(file, new Uint8Array(4), 0, 4, value);
    files.close(file);

    expect(await follower.verify()).toMatchObject({ damaged: 1, error: null });
    expect(follower.status().verify).toMatchObject({ damaged: 1, position: follower.status().verify!.slots });
    expect(follower.lookup(keyOf(id)).found).toBe("unknown");
    await until(() => follower.lookup(keyOf(id)).found === "yes", 3000);
    expect(follower.get(keyOf(id))).toEqual(stage.store.get(keyOf(id)));
    await until(() => follower.status().complete, 3000);
    const { rescans, crcErrors } = follower.status().shards[1];
    expect([rescans.damage, crcErrors]).toEqual([1, 1]);
    expect(await follower.verify()).toMatchObject({ damaged: 0 });
  });
});
