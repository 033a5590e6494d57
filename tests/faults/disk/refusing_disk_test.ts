import { describe, expect, test } from "bun:test";

import { STORAGE_KINDS } from "../../../src/storage/slot_file.ts";
import { keyOf, valueOf } from "../../fakes/leader_frames.ts";
import { NOBODY } from "../../fakes/followed.ts";
import { rejection } from "../../harness/failures.ts";
import { ALLOCATIONS, CHANGES, type Fault, type FaultyCall } from "./faulty_files.ts";
import { DiskStage, dump, HEADER_BYTES, range } from "./stage.ts";

/** Faults of a live follower's disk: what fails, and what status says. */
const LIVE_FAULTS: { name: string; fault: Fault; error: RegExp; mapped: boolean }[] = [
  {
    name: "EIO on write",
    fault: { calls: ["write"], path: "fixed.data", code: "EIO" },
    error: /^Cannot write .*fixed\.data: Input\/output error \(EIO\)$/,
    mapped: false,
  },
  {
    name: "a short write",
    fault: { calls: ["write"], path: "fixed.data", code: "ENOSPC", short: 20 },
    error: /^Cannot write .*fixed\.data: No space left on device \(ENOSPC\)$/,
    mapped: false,
  },
  {
    name: "EIO on fdatasync",
    fault: { calls: ["sync", "syncNow"], path: "fixed.data", code: "EIO" },
    error: /^Cannot (sync|write) .*\(EIO\)$/,
    mapped: true,
  },
  {
    name: "ENOSPC on fdatasync",
    fault: { calls: ["sync", "syncNow"], path: "fixed.data", code: "ENOSPC" },
    error: /^Cannot (sync|write) .*\(ENOSPC\)$/,
    mapped: true,
  },
  {
    name: "a read-only file system",
    fault: { calls: [...CHANGES, "sync", "syncNow"], code: "EROFS" },
    error: /Read-only file system \(EROFS\)$/,
    mapped: true,
  },
];

describe.each(STORAGE_KINDS.map((storage) => ({ storage })))("a $storage replica", ({ storage }) => {
  const applying = LIVE_FAULTS.filter(({ mapped }) => mapped || storage !== "mapped");

  test.each(applying)(
    "live, with $name: says so, serves what is verified, heals",
    async ({ fault, error }) => {
      await using stage = await DiskStage.live({ storage, keys: 400 });
      stage.faults.fail(fault);
      stage.put(2, range(40));
      stage.delete(range(10, 90));
      await stage.tells(error);
      expect(stage.shard().error?.remedy).toBe("reconnect");
      // What nobody touched is served as before, and of the rest nothing but what the leader had.
      for (const key of range(200, 150)) expect(stage.follower.lookup(keyOf(key)).value).toEqual(valueOf(1));
      for (const key of range(10)) {
        const { found, value } = stage.follower.lookup(keyOf(key));
        expect(found === "unknown" || value?.[0] === 1 || value?.[0] === 2).toBe(true);
      }
      stage.faults.heal();
      await stage.healed();
      expect(await stage.follower.close()).toEqual([]);
      await stage.follow({}, NOBODY);
      expect(dump(stage.follower.entries())).toBe(dump(stage.leader.store.entries()));
      expect(stage.follower.status().complete).toBe(true);
    },
  );

  test.each(
    [
      ["ENOSPC", ALLOCATIONS],
      ["EIO", ["sync", "syncNow"]],
      ["EROFS", CHANGES],
    ] as [string, FaultyCall[]][],
  )("that cannot grow (%s): says so, serves, and grows once it can", async (code, calls) => {
    await using stage = await DiskStage.live({ storage, keys: 4000 });
    stage.faults.fail({ calls, path: "fixed.data", code });
    // Behind all that the leader had, and has grown ahead.
    stage.put(3, range(6000, 4000));
    await stage.tells(new RegExp(`\\(${code}\\)$`));
    expect(stage.follower.lookup(keyOf(1)).value).toEqual(valueOf(1));
    stage.faults.heal();
    await stage.healed();
    expect(await stage.follower.close()).toEqual([]);
  });

  test.each(["EIO", "ENOSPC", "EROFS"])("whose first scan meets %s: comes up once it can", async (code) => {
    await using stage = await DiskStage.set({ storage });
    stage.faults.fail({ calls: ALLOCATIONS, path: "fixed.data", from: HEADER_BYTES, code });
    // A size has no position.
    stage.faults.fail({ calls: ["truncate", "allocate"], path: "fixed.data", code, times: 0 });
    await stage.follow();
    stage.faults.heal();
    await stage.healed();
  });

  test("whose slotcask.json cannot be written is not complete, says so, and heals", async () => {
    await using stage = await DiskStage.set({ storage });
    stage.faults.fail({ calls: ["rename"], path: "slotcask.json", code: "EIO" });
    await stage.follow();
    await stage.tells(/^Cannot write .*slotcask\.json: Input\/output error \(EIO\)$/);
    stage.faults.heal();
    await stage.healed();
    expect(await stage.follower.close()).toEqual([]);
  });

  test.each([
    ["the data", { calls: ["sync"], path: "fixed.data", code: "EIO" }],
    ["the sidecar", { calls: ["write"], path: "fixed.versions", code: "ENOSPC" }],
    ["the sidecar's sync", { calls: ["sync"], path: "fixed.versions", code: "EIO" }],
    ["the sidecar's name", { calls: ["rename"], path: "fixed.versions", code: "EIO" }],
    ["the sidecar's folder", { calls: ["syncDirectoryAsync"], path: "shard_000", code: "EIO" }],
  ] as [string, Fault][])(
    "closed while %s fails: stays dirty, and the next open reads it all",
    async (_, fault) => {
      await using stage = await DiskStage.live({ storage, sync: "none" });
      stage.put(4, range(10));
      await stage.healed();
      stage.faults.fail(fault);
      expect(await stage.follower.close()).toEqual([0]);
      stage.faults.heal();
      expect(stage.header()[17]).toBe(0);
      await stage.follow({}, NOBODY);
      expect(dump(stage.follower.entries())).toBe(dump(stage.leader.store.entries()));
    },
  );

  test.each(
    [
      ["EIO", { calls: ["read"], path: "fixed.data", code: "EIO" }, "StorageError"],
      ["EROFS", { calls: CHANGES, code: "EROFS" }, "StorageError"],
      ["EIO on the lock", { calls: ["lock"], code: "EIO" }, "StorageError"],
      ["EIO on sync", { calls: ["sync", "syncNow"], path: "fixed.data", code: "EIO" }, "StorageError"],
    ] as [string, Fault, string][],
  )("that cannot be opened (%s): rejects, and opens once it can", async (_, fault, name) => {
    await using stage = await DiskStage.live({ storage });
    await stage.follower.close();
    stage.faults.fail(fault);
    const error = await rejection(stage.follow());
    expect([error.name, error.message]).toEqual([name, expect.stringMatching(/\(E(IO|ROFS)\)$/)]);
    stage.faults.heal();
    await stage.follow();
    await stage.healed();
  });
});
