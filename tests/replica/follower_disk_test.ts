import { describe, expect, test } from "bun:test";

import { parseAddress } from "../../src/address.ts";
import { errorWithCode } from "../../src/error_code.ts";
import { verifyDirectory } from "../../src/directory/verify.ts";
import { follow } from "../../src/replica/follow.ts";
import { resolveFollowOptions } from "../../src/replica/follow_options.ts";
import { Follower } from "../../src/replica/follower.ts";
import { detectRuntime } from "../../src/runtime/mod.ts";
import type { Files, Runtime } from "../../src/runtime/runtime.ts";
import { filled, Followed, good, NOBODY, QUICK, TemporaryDirectory } from "../fakes/followed.ts";
import { STORAGE_KINDS } from "../../src/storage/slot_file.ts";
import { ForgetfulFiles } from "../fakes/forgetful_files.ts";
import { batch, keyOf, put, puts, valueOf } from "../fakes/leader_frames.ts";
import { ScriptedLeader } from "../fakes/scripted_leader.ts";
import { rejection } from "../harness/failures.ts";
import "../harness/load_maps.ts";
import { until } from "../harness/until.ts";

/** A follower whose files fail where they are told to. */
async function withFiles(
  leader: string,
  dir: string,
  change: (files: Files) => Partial<Files>,
): Promise<Follower> {
  const runtime = detectRuntime();
  const files: Files = { ...runtime.files, ...change(runtime.files) };
  const changed: Runtime = { ...runtime, files };
  return await Follower.start(
    changed,
    parseAddress(leader),
    resolveFollowOptions({ dir, ...QUICK, connectTimeoutMs: 500 }),
  );
}

describe("a disk that refuses", () => {
  /** Files that fail the next writes, or syncs, of a data file. */
  function failing(of: { writes?: number; syncs?: number }, code: string): (files: Files) => Partial<Files> {
    const data = new Set<number>();
    return (files) => ({
      open: (path, mode) => {
        const file = files.open(path, mode);
        if (path.endsWith("fixed.data")) data.add(file);
        return file;
      },
      close: (file) => {
        data.delete(file);
        files.close(file);
      },
      write: (file, bytes, at, length, position) => {
        // Slots, not headers.
        if (position >= 4096 && data.has(file) && of.writes !== undefined && of.writes-- > 0) {
          throw errorWithCode("no", code);
        }
        files.write(file, bytes, at, length, position);
      },
      sync: (file) => {
        if (data.has(file) && of.syncs !== undefined && of.syncs-- > 0) {
          return Promise.reject(errorWithCode("no", code));
        }
        return files.sync(file);
      },
    });
  }

  test.each([["ENOSPC", 1], ["EIO", 3]])(
    "%s at %d writes: it says so, backs off, and loses nothing",
    async (code, writes) => {
      using directory = new TemporaryDirectory();
      const path = directory.of("replica");
      await using leader = await ScriptedLeader.start(good);
      {
        await using follower = await withFiles(leader.address, path, failing({ writes }, code));
        await until(() => follower.status().shards[0]?.error !== null, 2000);
        const { error } = follower.status().shards[0];
        expect(error?.message).toMatch(new RegExp(`^Cannot write .*fixed\\.data: .*\\(${code}\\)$`));
        expect(error?.remedy).toBe("reconnect");
        expect(follower.get(keyOf(1))).toEqual(valueOf(1));
        await follower.caughtUp();
        expect(follower.status().shards[0].error).toBeNull();
      }
      await using again = await Followed.start(NOBODY, path);
      expect([...again.follower.entries()].map(([, value]) => value)).toEqual([1, 1, 1].map(valueOf));
      expect(again.follower.status()).toMatchObject({ complete: true });
    },
  );

  test("a sync that fails while live is shown until one succeeds", async () => {
    using directory = new TemporaryDirectory();
    await filled(directory.of("replica"));
    const of = { syncs: 0 };
    const runtime = detectRuntime();
    await using leader = await ScriptedLeader.start(good);
    const files: Files = { ...runtime.files, ...failing(of, "EIO")(runtime.files) };
    await using follower = await Follower.start(
      { ...runtime, files },
      parseAddress(leader.address),
      resolveFollowOptions({ ...QUICK, dir: directory.of("replica"), sync: 5 }),
    );
    await follower.caughtUp();
    of.syncs = 2;
    leader.last.send(batch([put(1, 9)]));
    await until(() => follower.status().shards[0].error !== null, 2000);
    expect(follower.status().shards[0].error?.message).toContain("(EIO)");
    await until(() => follower.status().shards[0].error === null, 2000);
    expect(follower.get(keyOf(1))).toEqual(valueOf(9));
    expect(follower.status().shards[0].syncedAtMs).not.toBeNull();
  });

  test.each(STORAGE_KINDS)(
    "a failed sync that loses what was written: nothing wrong is served, all comes back: %s",
    async (storage) => {
      using directory = new TemporaryDirectory();
      const dir = directory.of("replica");
      await filled(dir, (connection) => connection.scan([batch(puts(200))]));
      const runtime = detectRuntime();
      const forgetful = new ForgetfulFiles(runtime.files);
      await using leader = await ScriptedLeader.start((connection) =>
        connection.scan([batch(puts(200, connection.index === 0 ? {} : { version: 9 }))])
      );
      const follower = await Follower.start(
        { ...runtime, files: forgetful.files },
        parseAddress(leader.address),
        resolveFollowOptions({ ...QUICK, dir, storage, sync: 5, rescan: { suspectMs: 20 } }),
      );
      await follower.caughtUp();
      await until(() => follower.status().phase === "live", 2000);
      forgetful.failures = 2;
      leader.last.send(batch(puts(200, { version: 9 })));
      const served = () => [...Array(200).keys()].map((key) => follower.lookup(keyOf(key)));
      await until(() => forgetful.failed === 2, 2000, "two failed syncs");
      // Never what the file went back to: the new value, or that it is not known.
      expect(served().filter(({ found, value }) => found !== "unknown" && value?.[0] !== 9)).toEqual([]);
      await until(() => served().every(({ found }) => found === "yes"), 3000, "all are served again");
      await until(() => follower.status().shards[0].error === null, 3000, "a sync that succeeds");
      expect(served().every(({ value }) => value![0] === 9)).toBe(true);
      expect(follower.status().shards[0].rescans).toEqual(
        storage === "resident" ? {} : { damage: expect.any(Number) },
      );
      expect(await follower.close()).toEqual([]);
      expect((await verifyDirectory(runtime.files, dir)).damage.total).toBe(0);
      const reopened = await follow(NOBODY, { ...QUICK, dir });
      for (let key = 0; key < 200; key++) expect(reopened.get(keyOf(key))).toEqual(valueOf(9));
      await reopened.close();
    },
  );

  test("a directory that cannot be made rejects, and the lock is free", async () => {
    using directory = new TemporaryDirectory();
    await using leader = await ScriptedLeader.start(good);
    const full = (files: Files): Partial<Files> => ({
      rename: (from, to) => {
        if (to.endsWith("db.meta")) throw errorWithCode("no", "ENOSPC");
        files.rename(from, to);
      },
    });
    const error = await rejection(withFiles(leader.address, directory.of("replica"), full));
    expect(error.name).toBe("StorageError");
    expect(error.message).toContain("ENOSPC");
    await filled(directory.of("replica"));
  });
});
