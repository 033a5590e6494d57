import { describe, expect, test } from "bun:test";
import { existsSync } from "node:fs";

import { COMPLETENESS_FILE } from "../../src/directory/completeness.ts";
import { verifyDirectory } from "../../src/directory/verify.ts";
import { MOST_SLOTS } from "../../src/fixed/layout.ts";
import { detectRuntime } from "../../src/runtime/mod.ts";
import { nextTurn, TimeSlice } from "../../src/time_slice.ts";
import { HeldFiles } from "../fakes/held_files.ts";
import { put, puts, SHAPE, valueOf } from "../fakes/leader_frames.ts";
import { rejection, thrownBy } from "../harness/failures.ts";
import { until } from "../harness/until.ts";
import { LEADER, TargetStage } from "../fakes/target_stage.ts";

const { files } = detectRuntime();

describe("the directory", () => {
  test("is made by the first scan, of the leader's shape and slots", async () => {
    await using stage = await TargetStage.open();
    expect(stage.target.directory).toBeUndefined();
    expect([stage.target.isEmpty(0), stage.target.slotCount(0), stage.target.maxVersion(0)]).toEqual([
      true,
      0,
      0,
    ]);
    await stage.scan([put(1), put(2, 5)]);
    expect(stage.target.directory?.shape).toEqual(SHAPE);
    expect([stage.target.isEmpty(0), stage.target.slotCount(0), stage.target.maxVersion(0)]).toEqual([
      false,
      64,
      5,
    ]);
    expect(stage.scans).toEqual(["begins 0 true", "ends 0 0"]);
  });

  test("of another shape than the leader's is left as it is", async () => {
    await using stage = await TargetStage.open();
    await stage.scan([put(1)]);
    const error = await rejection(stage.target.beginScan(0, "scan", { ...LEADER, keyLength: 9 }));
    expect(error).toMatchObject({ name: "ShapeError", remedy: "stop" });
    expect(error.message).toContain("key length is 9 at leader:1, and 8 in");
    expect(stage.get(1)).toEqual(valueOf(1));
  });

  test("is not made for more slots than the limit", async () => {
    await using stage = await TargetStage.open();
    const slots = await rejection(
      stage.target.beginScan(0, "scan", { ...LEADER, slotCount: MOST_SLOTS + 1 }),
    );
    expect(slots).toMatchObject({ name: "ProtocolError", remedy: "reconnect" });
    expect(slots.message).toContain(`slot_count is ${MOST_SLOTS + 1}, the limit is ${MOST_SLOTS}`);
    const large = { ...LEADER, valueLength: 60_000, slotCount: 1_000_000 };
    expect((await rejection(stage.target.beginScan(0, "scan", large))).message).toMatch(
      /are \d+ bytes, the limit is/,
    );
    expect(stage.target.directory).toBeUndefined();
    expect(existsSync(stage.path + "/db.meta")).toBe(false);
  });

  test("is not made for more slots than its owner allows", async () => {
    await using stage = await TargetStage.open({ maxSlots: 63 });
    const error = await rejection(stage.target.beginScan(0, "scan", LEADER));
    expect(error.message).toBe("Cannot make room for shard 0: slot_count is 64, the limit is 63");
    expect(stage.target.directory).toBeUndefined();
  });

  test("that is being made when it is closed is closed too", async () => {
    const stage = await TargetStage.open();
    const making = stage.target.beginScan(0, "scan", LEADER).catch(() => {});
    expect(await stage.target.close(1000)).toEqual([]);
    await making;
    stage.temporary[Symbol.dispose]();
  });

  test("keeps counts, versions and completeness over a clean close", async () => {
    await using stage = await TargetStage.open();
    await stage.scan(puts(5, { version: 3 }));
    const { appliedTotal } = { appliedTotal: stage.target.appliedTotal(0) };
    await stage.reopen();
    expect(stage.target.appliedTotal(0)).toBe(appliedTotal);
    expect(stage.target.maxVersion(0)).toBe(3);
    expect(stage.target.directory?.completeness.isComplete(0)).toBe(true);
    expect(stage.get(4)).toEqual(valueOf(3));
  });

  test("two growths at once: the header tells of the larger, whichever ends first", async () => {
    await using stage = await TargetStage.open();
    await stage.scan([put(1)]);
    await Promise.all([
      stage.target.grow(0, 5000),
      stage.target.beginScan(0, "side", { ...LEADER, slotCount: 100 }),
    ]);
    const slots = stage.target.slotCount(0);
    expect(slots).toBeGreaterThanOrEqual(5000);
    stage.apply([put(4999, 2)]);
    await stage.reopen();
    expect(stage.target.slotCount(0)).toBe(slots);
    expect(stage.get(4999)).toEqual(valueOf(2));
  });
});

describe("scans", () => {
  test("a stream and a side scan go by versions: nothing old comes back", async () => {
    await using stage = await TargetStage.open();
    await stage.scan([put(1, 5)]);
    for (const source of ["stream", "side"] as const) {
      expect(stage.apply([put(1, 4, { value: 9 }), put(1, 5, { value: 8 })], source)).toBe(0);
      expect(stage.get(1)).toEqual(valueOf(5));
    }
    expect(stage.apply([put(1, 6)], "side")).toBe(1);
  });

  test("what a whole scan did not see is gone only after a second one", async () => {
    await using stage = await TargetStage.open();
    await stage.scan(puts(3));
    expect(await stage.scan([put(0), put(1)])).toBe(1);
    expect(stage.get(2)).toEqual(valueOf(1));
    expect(await stage.scan([put(0), put(1)])).toBe(0);
    expect(stage.get(2)).toBeUndefined();
    expect(stage.get(1)).toEqual(valueOf(1));
    expect(stage.scans.at(-1)).toBe("ends 0 1");
  });

  test("a scan that was cut proves nothing", async () => {
    await using stage = await TargetStage.open();
    await stage.scan(puts(3));
    for (let i = 0; i < 3; i++) {
      await stage.target.beginScan(0, "scan", LEADER);
      stage.apply([put(0)], "scan");
      stage.target.abortScan(0);
    }
    expect(stage.get(2)).toEqual(valueOf(1));
    expect(stage.scans.filter((each) => each.startsWith("ends"))).toHaveLength(1);
  });

  test("a scan that was abandoned while it was judged is not recorded, and harms none behind it", async () => {
    await using stage = await TargetStage.open();
    await stage.scan(puts(3));
    await stage.target.beginScan(0, "scan", { ...LEADER, slotCount: 200_000 });
    stage.apply(puts(3), "scan");
    const ending = rejection(stage.target.endScan(0, "scan"));
    stage.target.abortScan(0);
    expect(await ending).toMatchObject({ name: "ConnectionError" });
    expect(await stage.scan(puts(3))).toBe(0);
  });

  test("guard takes the leader's state up to the limit, and then stops in the midst", async () => {
    await using stage = await TargetStage.open();
    await stage.scan(puts(40, { version: 9 }));
    await stage.target.beginScan(0, "scan", LEADER);
    const error = thrownBy(() => stage.apply(puts(40, { version: 2 }), "scan"));
    expect(error).toMatchObject({ name: "DivergedError", remedy: "stop" });
    expect(error.message).toContain("the limit is 16");
    expect(stage.get(15)).toEqual(valueOf(2));
    expect(stage.get(16)).toEqual(valueOf(9));
  });

  test.each([["hold", 0], ["accept", 40]] as const)(
    "%s takes %d of 40 contradictions",
    async (mode, taken) => {
      await using stage = await TargetStage.open({ divergence: { mode, limit: 0.1 } });
      await stage.scan(puts(40, { version: 9 }));
      await stage.target.beginScan(0, "scan", LEADER);
      const act = () => stage.apply(puts(40, { version: 2 }), "scan");
      if (mode === "hold") expect(act).toThrow("the limit is 0");
      else expect(act()).toBe(40);
      expect(puts(40).filter(({ slot }) => stage.get(slot)![0] === 2)).toHaveLength(taken);
    },
  );
});

describe("the mark of a scan", () => {
  test("is gone after one that was cut before it changed anything, or before it began", async () => {
    await using stage = await TargetStage.open();
    await stage.scan(puts(3));
    await stage.target.beginScan(0, "scan", LEADER);
    expect(stage.markOnDisk).not.toBeNull();
    stage.apply(puts(3), "scan");
    stage.target.abortScan(0);
    const beginning = rejection(stage.target.beginScan(0, "scan", LEADER));
    stage.target.abortScan(0);
    expect(await beginning).toMatchObject({ name: "ConnectionError" });
    await stage.reopen();
    expect(stage.isComplete).toBe(true);
  });

  test("stays after one that changed something, whatever comes behind it but a whole one", async () => {
    await using stage = await TargetStage.open();
    await stage.scan(puts(3));
    for (const events of [[put(0, 2)], []]) {
      await stage.target.beginScan(0, "scan", LEADER);
      stage.apply(events, "scan");
      stage.target.abortScan(0);
    }
    await stage.reopen();
    expect(stage.isComplete).toBe(false);
  });

  test("has the slots on disk before it is taken away, by any policy", async () => {
    const held = new HeldFiles();
    await using stage = await TargetStage.open({ files: held.files });
    await stage.target.beginScan(0, "scan", LEADER);
    stage.apply(puts(3), "scan");
    held.calls.length = 0;
    await stage.target.endScan(0, "scan");
    const synced = held.calls.indexOf("sync fixed.data");
    expect(synced).toBeGreaterThanOrEqual(0);
    expect(held.calls.indexOf("rename slotcask.json")).toBeGreaterThan(synced);
    expect(stage.target.directory!.store.shards[0].file.unsynced).toBe(false);
  });
});

describe("work that was given up", () => {
  test("of two scans that were begun the older one is none, however long the disk took", async () => {
    const held = new HeldFiles();
    await using stage = await TargetStage.open({ files: held.files });
    await stage.scan(puts(60));
    held.hold(COMPLETENESS_FILE);
    const older = rejection(stage.target.beginScan(0, "scan", LEADER));
    await until(() => held.calls.at(-1) === "sync slotcask.json.tmp", 2000);
    stage.target.abortScan(0);
    const younger = stage.target.beginScan(0, "scan", LEADER);
    held.release();
    await younger;
    expect(stage.markOnDisk).not.toBeNull();
    stage.apply(puts(30), "scan");
    expect(await older).toMatchObject({ name: "ConnectionError" });
    stage.apply(puts(30, { first: 30 }), "scan");
    expect((await stage.target.endScan(0, "scan")).unconfirmed).toBe(0);
  });

  /** A target in the midst of forgetting what two scans did not see: a slot at each turn. */
  async function forgetting(): Promise<{ stage: TargetStage; ending: Promise<Error>; keys: () => number }> {
    const stage = await TargetStage.open({
      slice: new TimeSlice(0),
      divergence: { mode: "accept", limit: 1 },
    });
    await stage.scan(puts(60));
    expect(await stage.scan([])).toBe(60);
    await stage.target.beginScan(0, "scan", LEADER);
    const ending = rejection(stage.target.endScan(0, "scan"));
    const keys = () => stage.target.directory!.store.size;
    while (keys() > 55) await nextTurn();
    return { stage, ending, keys };
  }

  test("a scan that is abandoned while it forgets forgets nothing more", async () => {
    const { stage, ending, keys } = await forgetting();
    await using _ = stage;
    stage.target.abortScan(0);
    const left = keys();
    expect(left).toBeGreaterThan(0);
    expect(await ending).toMatchObject({ name: "ConnectionError" });
    expect([keys(), stage.target.directory!.store.shards[0].suspects.size]).toEqual([left, 60]);
    await stage.reopen();
    expect([keys(), stage.isComplete]).toEqual([left, false]);
  });

  test("close ends a judgement, and then closes cleanly", async () => {
    const { stage, ending, keys } = await forgetting();
    await using _ = stage;
    const left = keys();
    expect(await stage.target.close(1000)).toEqual([]);
    expect(await ending).toMatchObject({ name: "ConnectionError" });
    expect([keys(), (await verifyDirectory(files, stage.path)).damage.total]).toEqual([left, 0]);
    expect(files.readFile(`${stage.path}/shard_000/fixed.data`)![17]).toBe(1);
  });

  test("close leaves a shard alone whose work hangs, and closes its file once that has ended", async () => {
    const held = new HeldFiles();
    const stage = await TargetStage.open({ files: held.files });
    await stage.scan(puts(3));
    held.hold("fixed.data");
    stage.apply([put(1, 7)]);
    const syncing = stage.target.sync(0);
    await until(() => held.calls.at(-1) === "sync fixed.data", 2000);
    held.calls.length = 0;
    expect(await stage.target.close(100)).toEqual([0]);
    expect(held.calls.filter((call) => call.endsWith("fixed.data"))).toEqual([]);
    held.release();
    await syncing;
    await until(() => held.calls.includes("close fixed.data"), 2000);
    expect(held.calls.filter((call) => call.endsWith("fixed.data"))).toEqual(["close fixed.data"]);
    expect(files.readFile(`${stage.path}/shard_000/fixed.data`)![17]).toBe(0);
    stage.temporary[Symbol.dispose]();
  });

  test("close does not wait beyond its limit for slotcask.json", async () => {
    const held = new HeldFiles();
    const stage = await TargetStage.open({ files: held.files });
    await stage.scan(puts(3));
    held.hold(COMPLETENESS_FILE);
    const beginning = rejection(stage.target.beginScan(0, "scan", LEADER));
    await until(() => held.calls.at(-1) === "sync slotcask.json.tmp", 2000);
    stage.target.abortScan(0);
    await stage.target.close(100);
    held.calls.length = 0;
    held.release();
    expect(await beginning).toMatchObject({ name: "StorageError" });
    await stage.target.directory!.completeness.settled();
    expect(held.calls).not.toContain("rename slotcask.json");
    stage.temporary[Symbol.dispose]();
  });
});
