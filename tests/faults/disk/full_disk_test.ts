import { describe, expect, test } from "bun:test";

import { STORAGE_KINDS } from "../../../src/storage/slot_file.ts";
import { keyOf, valueOf } from "../../fakes/leader_frames.ts";
import { NOBODY } from "../../fakes/followed.ts";
import { SmallDisk } from "./small_disk.ts";
import { DiskStage, dump, range } from "./stage.ts";

const missing = SmallDisk.missing;
const why = missing === undefined ? "" : ` (skipped: ${missing})`;

describe.skipIf(missing !== undefined)(`a real disk that is full${why}`, () => {
  test.each(STORAGE_KINDS)("is told, reads go on, and it heals once there is room: %s", async (storage) => {
    using disk = SmallDisk.mount(1024);
    await using stage = await DiskStage.live({ storage, keys: 100, dir: `${disk.path}/replica` });
    disk.fill();
    // More than there is room for in the blocks that it has, and more than it has slots.
    stage.put(2, range(9000));
    await stage.tells(/^Cannot (write|grow|sync) .*No space left on device \(ENOSPC\)$/);
    const { found, value } = stage.follower.lookup(keyOf(5));
    expect(found === "yes" && (value![0] === 1 || value![0] === 2)).toBe(true);
    for (const [, value] of stage.follower.entries()) expect([valueOf(1), valueOf(2)]).toContainEqual(value);
    disk.free();
    await stage.healed();
    expect(await stage.follower.close()).toEqual([]);
    await stage.follow({}, NOBODY);
    expect(dump(stage.follower.entries())).toBe(dump(stage.leader.store.entries()));
  }, 15_000);

  test.each(STORAGE_KINDS)(
    "from the start on: the follower comes up once there is room: %s",
    async (storage) => {
      using disk = SmallDisk.mount(1024);
      disk.fill();
      await using stage = await DiskStage.set({ storage, keys: 100, dir: `${disk.path}/replica` });
      const failure = await stage.follow({ connectTimeoutMs: 300 }).then(() => undefined, (error) => error);
      expect([failure?.name, failure?.message]).toEqual([
        "StorageError",
        expect.stringContaining("(ENOSPC)"),
      ]);
      disk.free();
      await stage.follow();
      await stage.healed();
    },
    15_000,
  );
});
