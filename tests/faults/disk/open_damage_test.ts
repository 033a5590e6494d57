import { describe, expect, test } from "bun:test";

import { STORAGE_KINDS, type StorageKind } from "../../../src/storage/slot_file.ts";
import { NOBODY } from "../../fakes/followed.ts";
import { keyOf, valueOf } from "../../fakes/leader_frames.ts";
import { rejection } from "../../harness/failures.ts";
import { until } from "../../harness/until.ts";
import { DataFile, positionOf } from "./damage.ts";
import { DiskStage, dump, PATIENCE_MS, range } from "./stage.ts";

const KEYS = 300;

/** A live replica whose slots were read from its disk, so that a resident one's memory is known. */
async function liveReplica(storage: StorageKind): Promise<{ stage: DiskStage; data: DataFile }> {
  const stage = await DiskStage.live({ storage, keys: KEYS });
  expect(await stage.follower.close()).toEqual([]);
  // Long, so that nothing but damage makes it scan again.
  await stage.follow({ rescan: { suspectMs: 20 } });
  await stage.healed();
  return { stage, data: new DataFile(stage.dataPath()) };
}

/** Flips a bit where reads find it: in a resident store's memory, else in the file. */
function flipServed(stage: DiskStage, slot: number, bit: number): void {
  if (stage.storage !== "resident") return new DataFile(stage.dataPath()).flip(slot, bit);
  const position = positionOf(slot);
  const image = stage.faults.images.get(stage.dataPath())!.findLast((image) =>
    image.position <= position && position < image.position + image.length
  )!;
  image.bytes[image.at + position - image.position + (bit >>> 3)] ^= 1 << (bit & 7);
}

/** Right, or not known: whatever is read. */
function expectNothingWrong({ follower }: DiskStage): void {
  for (const key of range(KEYS)) {
    const { found, value } = follower.lookup(keyOf(key));
    if (found === "unknown") expect(() => follower.get(keyOf(key))).toThrow("is incomplete");
    else expect([key, found, value]).toEqual([key, "yes", valueOf(1)]);
  }
  for (const [, value] of follower.entries()) expect(value).toEqual(valueOf(1));
}

describe.each(STORAGE_KINDS.map((storage) => ({ storage })))("an open $storage replica", ({ storage }) => {
  test("whose slots rot: a scrub takes them out of service, tells, and the leader brings them again", async () => {
    const { stage } = await liveReplica(storage);
    await using _stage = stage;
    const { follower } = stage;
    const damaged = range(20).map((i) => i * 10);
    for (const [i, slot] of damaged.entries()) flipServed(stage, slot, 2 + i * 12);
    const seen: unknown[] = [];
    const verifying = follower.verify();
    await until(() => {
      const { complete, slots } = stage.shard();
      if (slots.unverified > 0) seen.push([complete, follower.lookup(keyOf(0)).found]);
      return stage.shard().rescans.damage === 1;
    }, PATIENCE_MS);
    expect(await verifying).toMatchObject({ damaged: damaged.length, error: null });
    expect(seen[0]).toEqual([false, "unknown"]);
    expect(stage.shard().crcErrors).toBe(damaged.length);
    await stage.healed();
    expect(stage.shard().slots.unverified).toBe(0);
    expect((await follower.verify()).damaged).toBe(0);
    expect(await follower.close()).toEqual([]);
    await stage.follow({}, NOBODY);
    expect(dump(stage.follower.entries())).toBe(dump(stage.leader.store.entries()));
  });
});

describe.each(["positional", "mapped"].map((storage) => ({ storage: storage as StorageKind })))(
  "reads of an open $storage replica",
  ({ storage }) => {
    test("find rot by themselves, and heal", async () => {
      const { stage } = await liveReplica(storage);
      await using _stage = stage;
      for (const slot of range(20)) flipServed(stage, slot * 10, 2 + slot * 12);
      expectNothingWrong(stage);
      expect(stage.shard().slots.unverified).toBe(20);
      await stage.healed();
    });

    test("find bytes that are right, but another slot's, and heal", async () => {
      const { stage, data } = await liveReplica(storage);
      await using _stage = stage;
      data.write(9, data.slot(7));
      data.write(150, data.slot(20));
      expectNothingWrong(stage);
      expect(stage.shard().slots.unverified).toBe(2);
      await stage.healed();
    });

    test("a scrub finds bytes that are right, but another slot's", async () => {
      const { stage, data } = await liveReplica(storage);
      await using _stage = stage;
      data.write(9, data.slot(7));
      data.write(150, data.slot(20));
      expect((await stage.follower.verify()).damaged).toBe(2);
      await stage.healed();
    });
  },
);

describe("an open positional replica", () => {
  test("whose file was cut serves no other slot's bytes, and heals", async () => {
    const { stage, data } = await liveReplica("positional");
    await using _stage = stage;
    data.truncate(positionOf(100) + 12);
    expectNothingWrong(stage);
    // Some of them are still in memory.
    expect(stage.shard().slots.unverified).toBeGreaterThan(100);
    await stage.healed();
  });

  test("whose file cannot be read in places takes them out of service, and heals", async () => {
    const { stage } = await liveReplica("positional");
    await using _stage = stage;
    stage.faults.fail({ calls: ["read"], path: "fixed.data", from: positionOf(200), code: "EIO" });
    for (const key of range(KEYS)) {
      expect(stage.follower.lookup(keyOf(key)).value ?? valueOf(1)).toEqual(valueOf(1));
    }
    expect(stage.shard().complete).toBe(false);
    expect(stage.shard().slots.unverified).toBeGreaterThan(40);
    // Who reads all wants to know that it was not all.
    stage.faults.fail({ calls: ["read"], path: "fixed.data", from: positionOf(100), code: "EIO" });
    expect(() => dump(stage.follower.entries())).toThrow(/^Cannot read slot 100 of shard 0: /);
    stage.faults.heal();
    await stage.healed();
  });
});

describe("an open replica whose file was cut", () => {
  test.each([true, false])("writes it again from memory (written to meanwhile: %s)", async (isWritten) => {
    const { stage, data } = await liveReplica("resident");
    await using _stage = stage;
    data.truncate(positionOf(100));
    if (isWritten) stage.put(2, [250]);
    await stage.healed();
    expect(await stage.follower.close()).toEqual([]);
    expect(stage.header()[17]).toBe(1);
    await stage.follow({}, NOBODY);
    expect(dump(stage.follower.entries())).toBe(dump(stage.leader.store.entries()));
  });

  test("and of which nothing is in memory says so at the next sync, and fetches it again", async () => {
    const { stage, data } = await liveReplica("positional");
    await using _stage = stage;
    data.truncate(positionOf(100));
    stage.put(2, [50]);
    await stage.tells(/^Cannot sync .*fixed\.data: it was cut to 7296 bytes, its records end at 135168$/);
    await stage.healed();
    expect(await stage.follower.close()).toEqual([]);
    await stage.follow({}, NOBODY);
    expect(dump(stage.follower.entries())).toBe(dump(stage.leader.store.entries()));
  });

  test("is not called clean where nothing is in memory", async () => {
    const { stage, data } = await liveReplica("positional");
    await using _stage = stage;
    data.truncate(positionOf(100));
    expect(await stage.follower.close()).toEqual([0]);
    expect(stage.header()[17]).toBe(0);
    expect((await rejection(stage.follow())).message).toContain("it was truncated");
  });
});
