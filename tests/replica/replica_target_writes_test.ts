import { describe, expect, test } from "bun:test";

import { errorWithCode } from "../../src/error_code.ts";
import { detectRuntime } from "../../src/runtime/mod.ts";
import type { Files } from "../../src/runtime/runtime.ts";
import { del, put, puts, valueOf } from "../fakes/leader_frames.ts";
import { rejection, thrownBy } from "../harness/failures.ts";
import { until } from "../harness/until.ts";
import { eventsOf, LEADER, type StageOptions, TargetStage } from "../fakes/target_stage.ts";

const { files } = detectRuntime();

/** A disk that refuses slots while it is full; there is room for headers and small files. */
class FillingDisk {
  isFull = false;
  readonly files: Files = {
    ...files,
    write: (file, bytes, at, length, position) => {
      if (this.isFull && position >= 4096) throw errorWithCode("no", "ENOSPC");
      files.write(file, bytes, at, length, position);
    },
  };
}

describe("batches of a whole scan", () => {
  interface Writing {
    /** Lengths of the writes behind the file's header. */
    writes: number[];
    stage: TargetStage;
  }

  async function scanning(options: StageOptions = {}): Promise<Writing> {
    const writes: number[] = [];
    const stage = await TargetStage.open({
      files: {
        ...files,
        write: (file, bytes, at, length, position) => {
          if (position >= 4096) writes.push(length);
          files.write(file, bytes, at, length, position);
        },
      },
      ...options,
    });
    await stage.target.beginScan(0, "scan", { ...LEADER, slotCount: 65_536 });
    return { writes, stage };
  }

  function applyLater(stage: TargetStage, first: number): void {
    const events = Array.from({ length: 256 }, (_, i) => put(first + i));
    stage.target.apply(0, eventsOf(events), "scan");
    stage.target.flushLater(0);
  }

  test.each(["resident", "positional"] as const)(
    "reach the file of %s storage together, and are served at once",
    async (storage) => {
      const slots = 2048;
      const { writes, stage } = await scanning({ storage });
      await using _stage = stage;
      for (let first = 0; first < slots - 256; first += 256) applyLater(stage, first);
      expect(writes).toEqual([]);
      expect(stage.get(slots - 257)).toEqual(valueOf(1));
      applyLater(stage, slots - 256);
      expect(writes).toEqual([slots * 32]);
    },
  );

  test("are in the file when the scan has ended, or was cut", async () => {
    const { writes, stage } = await scanning();
    await using _stage = stage;
    applyLater(stage, 0);
    stage.target.abortScan(0);
    expect(writes).toEqual([256 * 32]);
    await stage.target.beginScan(0, "scan", LEADER);
    applyLater(stage, 0);
    applyLater(stage, 256);
    await stage.target.endScan(0, "scan");
    expect(writes).toEqual([256 * 32, 256 * 32]);
  });

  test("are durable by the clock, and when asked", async () => {
    const { writes, stage } = await scanning({ sync: 10 });
    await using _stage = stage;
    applyLater(stage, 0);
    await until(() => writes.length === 1 && stage.target.syncOf(0)!.syncedAtMs !== undefined, 2000);
    applyLater(stage, 256);
    await stage.target.sync(0);
    expect(writes).toEqual([256 * 32, 256 * 32]);
  });

  test("of a disk that refuses them when the scan is cut stay, and the next scan tells of it", async () => {
    const full = new FillingDisk();
    const { stage } = await scanning({ files: full.files });
    await using _stage = stage;
    applyLater(stage, 0);
    full.isFull = true;
    stage.target.abortScan(0);
    expect(stage.get(3)).toEqual(valueOf(1));
    expect((await rejection(stage.target.beginScan(0, "scan", LEADER))).name).toBe("StorageError");
    full.isFull = false;
    await stage.target.close(1000);
    await stage.reopen();
    expect(stage.get(3)).toEqual(valueOf(1));
  });
});

describe("a disk that refuses", () => {
  test("loses nothing that was staged: the next flush writes it", async () => {
    const full = new FillingDisk();
    await using stage = await TargetStage.open({ files: full.files });
    await stage.scan(puts(3));
    full.isFull = true;
    const error = thrownBy(() => stage.apply([put(1, 7), del(2, 7)]));
    expect(error).toMatchObject({ name: "StorageError", remedy: "reconnect" });
    expect(error.message).toMatch(
      /^Cannot write .*shard_000.fixed\.data: No space left on device \(ENOSPC\)$/,
    );
    expect(stage.get(1)).toEqual(valueOf(7));
    expect((await rejection(stage.target.beginScan(0, "scan", LEADER))).name).toBe("StorageError");
    full.isFull = false;
    await stage.target.beginScan(0, "scan", LEADER);
    stage.target.abortScan(0);
    await stage.reopen();
    expect(stage.get(1)).toEqual(valueOf(7));
    expect(stage.get(2)).toBeUndefined();
  });
});
