/** Slots that a failed sync has lost, of a file that is not held in memory. */

import { describe, expect, test } from "bun:test";
import { cpSync } from "node:fs";

import { Directory } from "../../src/directory/directory.ts";
import { verifyDirectory } from "../../src/directory/verify.ts";
import { putSlot } from "../../src/fixed/write.ts";
import { detectRuntime } from "../../src/runtime/mod.ts";
import { nextTurn } from "../../src/time_slice.ts";
import { TemporaryDirectory } from "../fakes/followed.ts";
import { ForgetfulFiles } from "../fakes/forgetful_files.ts";
import { del, keyOf, put, puts, SHAPE, valueOf } from "../fakes/leader_frames.ts";
import { LEADER, TargetStage } from "../fakes/target_stage.ts";
import { until } from "../harness/until.ts";

const { files } = detectRuntime();

describe("slots that a failed sync has lost", () => {
  test("of a replica that is being closed: its shard is not marked clean", async () => {
    const forgetful = new ForgetfulFiles(files);
    const held = Promise.withResolvers<void>();
    const begun = Promise.withResolvers<void>();
    let isHeld = false;
    await using stage = await TargetStage.open({
      storage: "positional",
      sync: 1,
      files: {
        ...forgetful.files,
        sync: async (file) => {
          if (isHeld) {
            isHeld = false;
            begun.resolve();
            await held.promise;
            forgetful.failures = 1;
          }
          await forgetful.files.sync(file);
        },
      },
    });
    await stage.scan(puts(20));
    isHeld = true;
    stage.apply(puts(20, { version: 9 }));
    await begun.promise;
    const closing = stage.target.close(1000);
    await nextTurn();
    held.resolve();
    expect(await closing).toEqual([0]);
  });

  test("of a store that has nobody to tell: it is not marked clean", async () => {
    using directory = new TemporaryDirectory();
    const forgetful = new ForgetfulFiles(files);
    const path = directory.of("store");
    files.makeDirectory(path);
    const own = await Directory.create(forgetful.files, path, SHAPE, { storage: "positional", pid: 1 });
    await own.grow(0, 64);
    const [shard] = own.store.shards;
    for (let slot = 0; slot < 20; slot++) {
      const record = new Uint8Array(24);
      record.set(keyOf(slot));
      record.set(valueOf(9), 8);
      putSlot(shard, slot, record);
    }
    shard.file.flush();
    forgetful.failures = 1;
    await shard.file.sync().catch(() => {});
    expect(await own.close(1000)).toEqual([0]);
  });

  test("behind a scan: it is not recorded as whole, so a kill leaves the shard incomplete", async () => {
    using copies = new TemporaryDirectory();
    const forgetful = new ForgetfulFiles(files);
    await using stage = await TargetStage.open({ storage: "positional", files: forgetful.files });
    await stage.scan(puts(20));
    await stage.target.beginScan(0, "scan", LEADER);
    stage.apply(puts(20, { version: 9 }), "scan");
    forgetful.failures = 1;
    await stage.target.sync(0).catch(() => {});
    expect(await stage.target.endScan(0, "scan")).toMatchObject({ unverified: 20 });
    cpSync(stage.path, copies.of("killed"), { recursive: true });
    const again = (await Directory.open(files, copies.of("killed"), { storage: "resident", pid: 1 }))!;
    expect(again.store.isComplete(0)).toBe(false);
    await again.close(1000);

    await stage.scan(puts(20, { version: 9 }));
    expect(stage.get(3)).toEqual(valueOf(9));
    expect(stage.isComplete).toBe(true);
  });

  test("whose file shows another key than the one that was there: nothing of either is left behind", async () => {
    const forgetful = new ForgetfulFiles(files);
    await using stage = await TargetStage.open({ storage: "positional", files: forgetful.files });
    await stage.scan([put(5, 1, { key: 1 })]);
    stage.apply([put(5, 2, { key: 2 })]);
    forgetful.failures = 1;
    await stage.target.sync(0).catch(() => {});
    const [shard] = stage.target.directory!.store.shards;
    await until(() => shard.unverified.size === 1, 1000, "the slot is out of service");
    await stage.scan([put(5, 2, { key: 2 })]);
    expect([shard.index.keys, shard.index.duplicates, shard.unverified.size]).toEqual([1, 0, 0]);
    stage.apply([del(5, 3, 2)]);
    expect(stage.target.directory!.store.lookup(keyOf(2)).found).toBe("no");
    await stage.scan([del(5, 3, 2)]);
    expect([shard.index.keys, stage.isComplete]).toEqual([0, true]);
  });

  test("that hold no key get to the file again, and the timer rests behind it", async () => {
    using copies = new TemporaryDirectory();
    const forgetful = new ForgetfulFiles(files);
    await using stage = await TargetStage.open({ storage: "positional", files: forgetful.files, sync: 1 });
    await stage.scan([put(5), put(6)]);
    const sync = stage.target.syncOf(0)!;
    forgetful.failures = 1;
    stage.apply([del(5, 2)]);
    await until(() => forgetful.failed === 1, 1000, "a sync failed");
    await stage.scan([del(5, 2), put(6)]);
    await until(() => sync.lastError.error === undefined, 1000, "a sync succeeded");
    const syncs = sync.durations.snapshot().count;
    for (let turn = 0; turn < 50; turn++) await nextTurn();
    expect(sync.durations.snapshot().count - syncs).toBeLessThanOrEqual(1);
    cpSync(stage.path, copies.of("killed"), { recursive: true });
    expect((await verifyDirectory(files, copies.of("killed"))).damage.total).toBe(0);
    const again = (await Directory.open(files, copies.of("killed"), { storage: "resident", pid: 1 }))!;
    expect(again.store.lookup(keyOf(5)).found).toBe("no");
    await again.close(1000);
  });
});
