import { describe, expect, test } from "bun:test";

import { verifyDirectory } from "../../../src/directory/verify.ts";
import { detectRuntime } from "../../../src/runtime/mod.ts";
import { STORAGE_KINDS, type StorageKind } from "../../../src/storage/slot_file.ts";
import { NOBODY } from "../../fakes/followed.ts";
import { keyOf } from "../../fakes/leader_frames.ts";
import { rejection } from "../../harness/failures.ts";
import { DataFile, positionOf } from "./damage.ts";
import { DiskStage, dump, HEADER_BYTES, range, SLOT_BYTES } from "./stage.ts";

const KEYS = 300;

/** A closed replica of keys 0 to 299, in the slots of their numbers, and what its slots held one value before. */
async function closedReplica(storage: StorageKind, isClean: boolean) {
  const stage = await DiskStage.live({ storage, keys: KEYS });
  const data = new DataFile(stage.dataPath());
  const before = range(KEYS).map((slot) => data.slot(slot));
  stage.put(2, range(KEYS));
  await stage.healed();
  expect(await stage.follower.close()).toEqual([]);
  if (!isClean) data.markDirty();
  return { stage, data, before, after: range(KEYS).map((slot) => data.slot(slot)) };
}

/** Opens it without a leader: every read is right or says that it does not know. Then with one: it heals. */
async function expectHealed(stage: DiskStage, damaged: number[]): Promise<void> {
  await stage.follow({}, NOBODY);
  const { follower } = stage;
  for (const key of range(KEYS)) {
    const { found, value } = follower.lookup(keyOf(key));
    expect([key, found, value?.[0]]).toEqual(
      damaged.includes(key) ? [key, "unknown", undefined] : [key, "yes", 2],
    );
  }
  expect(stage.shard()).toMatchObject({
    complete: false,
    keys: KEYS - damaged.length,
    slots: { unverified: damaged.length },
    crcErrors: damaged.length,
    // The versions of damaged slots are not believed.
    maxVersion: 2,
  });
  await follower.close();
  await converge(stage);
}

async function converge(stage: DiskStage): Promise<void> {
  await stage.follow();
  await stage.healed();
  expect(await stage.follower.close()).toEqual([]);
  expect((await verifyDirectory(detectRuntime().files, stage.dir)).damage.listed).toEqual([]);
}

const CASES = STORAGE_KINDS.flatMap((storage) => [{ storage, isClean: true }, { storage, isClean: false }]);

describe.each(CASES)("a closed $storage replica (clean: $isClean)", ({ storage, isClean }) => {
  test("with slots torn at each 8 bytes heals at the leader's own version", async () => {
    const { stage, data, before, after } = await closedReplica(storage, isClean);
    await using _stage = stage;
    const damaged: number[] = [];
    for (let at = 8, slot = 10; at < SLOT_BYTES; at += 8, slot += 2) {
      data.tear(slot, { before: before[slot], after: after[slot], at });
      data.tear(slot + 1, { before: after[slot + 1], after: before[slot + 1], at });
      damaged.push(slot, slot + 1);
    }
    await expectHealed(stage, damaged);
  });

  test("with each bit of a slot flipped finds them all, and heals", async () => {
    const { stage, data } = await closedReplica(storage, isClean);
    await using _stage = stage;
    // Without a sidecar nothing tells a slot that is OCCUPIED but for bit 0 from one that the leader has freed.
    const bits = range(SLOT_BYTES * 8).filter((bit) => isClean || bit !== 0);
    for (const bit of bits) data.flip(bit, bit);
    await expectHealed(stage, bits);
  });

  test("with a slot that looks freed heals", async () => {
    const { stage, data } = await closedReplica(storage, isClean);
    await using _stage = stage;
    data.flip(5, 0);
    await converge(stage);
  });

  test("with a slot's bytes in another one's place serves no wrong value, and heals", async () => {
    const { stage, data, after, before } = await closedReplica(storage, isClean);
    await using _stage = stage;
    data.write(9, after[7]);
    data.write(29, before[30]);
    await stage.follow({}, NOBODY);
    for (const key of range(KEYS)) {
      const { value } = stage.follower.lookup(keyOf(key));
      expect(value === undefined || value[0] === 2 || (key === 30 && value[0] === 1)).toBe(true);
    }
    // Without a sidecar nothing in the file tells which slot bytes belong to: a scan does.
    if (isClean) {
      for (const key of [9, 29]) expect(stage.follower.lookup(keyOf(key)).found).toBe("unknown");
      expect(stage.follower.status().complete).toBe(false);
    }
    await stage.follower.close();
    await converge(stage);
  });

  test("that lost slots at its end is refused, with what is wrong", async () => {
    const { stage, data } = await closedReplica(storage, isClean);
    await using _stage = stage;
    data.truncate(positionOf(200));
    const error = await rejection(stage.follow());
    expect([error.name, (error as { remedy?: string }).remedy]).toEqual(["DamagedDirectoryError", "rebuild"]);
    expect(error.message).toMatch(
      /fixed\.data: it has 10496 bytes, its \d+ slots need \d+: it was truncated$/,
    );
  });

  test("that lost all its slots and its header is made afresh, and is not complete before a scan", async () => {
    const { stage, data } = await closedReplica(storage, isClean);
    await using _stage = stage;
    data.truncate(0);
    // With one shard nothing tells the lengths of keys and values: the leader has to.
    await converge(stage);
  });

  test("whose header was cut is refused", async () => {
    const { stage, data } = await closedReplica(storage, isClean);
    await using _stage = stage;
    data.truncate(HEADER_BYTES - 1);
    const error = await rejection(stage.follow());
    expect([error.name, error.message]).toEqual([
      "DamagedDirectoryError",
      expect.stringContaining("it has 4095 bytes, its header alone has 4096"),
    ]);
  });

  test("loaded by its leader again is the same as the leader", async () => {
    const { stage } = await closedReplica(storage, isClean);
    await using _stage = stage;
    await stage.follow({}, NOBODY);
    expect(dump(stage.follower.entries())).toBe(dump(stage.leader.store.entries()));
  });
});
