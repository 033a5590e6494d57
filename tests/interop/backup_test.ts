import { describe, expect, test } from "bun:test";
import { basename } from "node:path";

import { openStore } from "../../mod.ts";
import { Directory } from "../../src/directory/directory.ts";
import { verifyDirectory } from "../../src/directory/verify.ts";
import { detectRuntime } from "../../src/runtime/mod.ts";
import { STORAGE_KINDS } from "../../src/storage/slot_file.ts";
import "../harness/load_maps.ts";
import { dumpText } from "./equal.ts";
import { canRun, expectEqual, LIMIT_MS, Stage, untilPhase, untilSame, VERSIONS } from "./stage.ts";

const { files } = detectRuntime();
const SHARDS = 2;
const KEYS = 20_000;

/** What Slotcask reads in a directory, which stays as it is. */
async function read(path: string): Promise<string> {
  expect((await verifyDirectory(files, path)).damage.listed).toEqual([]);
  const directory = await Directory.open(files, path, { storage: "resident", readOnly: true, pid: 1 });
  const text = dumpText(directory!.store.entries());
  await directory!.close(1000);
  return text;
}

for (const version of VERSIONS) {
  describe.skipIf(!canRun)(`a backup of a replica of armdb, protocol ${version}`, () => {
    test.each(STORAGE_KINDS)(
      "is opened by armdb, %s, although its leader never paused",
      async (storage) => {
        await using stage = new Stage();
        const leader = await stage.leader(version, { shards: SHARDS, fill: KEYS });
        const follower = await stage.follow(leader.address, { storage });
        await follower.caughtUp();
        await untilPhase(follower, "live");
        await leader.command(`churn 5000 0 ${KEYS * 2} 7 30`);
        await leader.reaches("streaming_events_sent", 100);

        const busy = await follower.backup(stage.dir);
        await leader.command("stop-churn");
        await untilSame(leader, follower);
        const quiet = await follower.backup(stage.dir);

        const [busyText, quietText] = [await read(busy.path), await read(quiet.path)];
        const dump = await leader.dump();
        expect(busyText).not.toBe(dump);
        expect(quietText).toBe(dump);
        for (const [{ path }, text] of [[busy, busyText], [quiet, quietText]] as const) {
          const heir = await stage.leader(version, { name: basename(path), shards: SHARDS, listen: false });
          expect(await heir.dump()).toBe(text);
          // It goes on as a leader's own: armdb writes it, and gives it back.
          await heir.command("burst 500 30000 8 40");
          const after = await heir.dump();
          await heir.command("close");
          await using store = await openStore(path);
          expect(dumpText(store.entries())).toBe(after);
        }
      },
      LIMIT_MS,
    );

    test("is followed on from", async () => {
      await using stage = new Stage();
      const leader = await stage.leader(version, { shards: SHARDS, fill: KEYS });
      const follower = await stage.follow(leader.address);
      await follower.caughtUp();
      await untilPhase(follower, "live");
      const { path } = await follower.backup(stage.dir);
      await leader.command("burst 500 30000 8 40");
      await untilSame(leader, follower);
      await follower.close();

      const heir = await stage.follow(leader.address, { dir: basename(path) });
      expect(heir.status()).toMatchObject({ complete: true });
      expect(heir.size).toBe(KEYS);
      await heir.caughtUp();
      await expectEqual(leader, heir);
      const applied = heir.status().shards.reduce((sum, shard) => sum + shard.applied.occupied, 0);
      // All that is in the backup needs no event.
      expect(applied).toBeLessThan(600);
    }, LIMIT_MS);
  });
}
