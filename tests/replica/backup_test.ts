import { afterEach, describe, expect, test } from "bun:test";
import { existsSync, mkdirSync, readdirSync, readFileSync } from "node:fs";

import { readCompleteness } from "../../src/directory/completeness.ts";
import { Directory } from "../../src/directory/directory.ts";
import { verifyDirectory } from "../../src/directory/verify.ts";
import { errorWithCode } from "../../src/error_code.ts";
import { applyEvent, forgetSlot } from "../../src/fixed/apply.ts";
import { DELETED, packMeta } from "../../src/fixed/meta.ts";
import { backupDirectory, newBackupStatus } from "../../src/replica/backup.ts";
import { backupName } from "../../src/replica/backup_folder.ts";
import type { BackupStatus } from "../../src/replica/status.ts";
import { detectRuntime } from "../../src/runtime/mod.ts";
import type { Files } from "../../src/runtime/runtime.ts";
import { eventBytes } from "../../src/slot_events.ts";
import { STORAGE_KINDS } from "../../src/storage/slot_file.ts";
import { Accounts, BusySlice, digestOf, sumOf } from "../fakes/accounts.ts";
import { HeldFiles } from "../fakes/held_files.ts";
import { rejection } from "../harness/failures.ts";
import "../harness/load_maps.ts";

const { files } = detectRuntime();
const CLEAN_FLAG_AT = 17;

/** A backup of accounts, with work between its steps. */
class Run {
  readonly status: BackupStatus = newBackupStatus();
  /** What the replica held when the copy began. */
  moment = "";
  readonly slice: BusySlice;
  readonly #accounts: Accounts;

  constructor(accounts: Accounts, turn: (turns: number) => unknown = () => {}) {
    this.#accounts = accounts;
    this.slice = new BusySlice(async (turns) => {
      await turn(turns);
      this.#look();
    });
  }

  async start(options: { files?: Files; signal?: AbortSignal; mostKept?: number } = {}): Promise<void> {
    this.#look();
    const { directory, backups } = this.#accounts;
    await backupDirectory(directory, backups, { files, slice: this.slice, status: this.status, ...options });
  }

  /** Until the copy has begun, the state that it will be of is the one that there is now. */
  #look(): void {
    if (this.status.slots === 0) this.moment = this.#accounts.digest;
  }
}

/** Reads a backup as the next process would. */
async function withOpened<T>(path: string, read: (directory: Directory) => T): Promise<T> {
  const directory = await Directory.open(files, path, { storage: "resident", readOnly: true, pid: 1 });
  try {
    return read(directory!);
  } finally {
    await directory!.close(1000);
  }
}

/** Asserts that nothing of a backup is left, and nothing still listens to the replica. */
function expectNothingLeft({ backups, directory }: Accounts): void {
  expect(existsSync(backups) ? readdirSync(backups) : []).toEqual([]);
  expect(directory.store.shards.map((shard) => shard.beforeChange)).toEqual([undefined, undefined]);
}

const opened: Accounts[] = [];
async function accounts(options: Parameters<typeof Accounts.open>[0] = {}): Promise<Accounts> {
  const made = await Accounts.open(options);
  opened.push(made);
  return made;
}
afterEach(async () => {
  for (const each of opened.splice(0)) await each[Symbol.asyncDispose]();
});

describe.each(STORAGE_KINDS.map((storage) => ({ storage })))(
  "a backup of a $storage replica",
  ({ storage }) => {
    test.each([16_384, 300, 1])("is the state of one moment, with %d slots in memory", async (mostKept) => {
      const replica = await accounts({ storage });
      replica.close(100);
      const run = new Run(replica, () => {
        replica.transfer(400);
        replica.close(20);
      });
      await run.start({ mostKept });

      expect(run.slice.turns).toBeGreaterThan(5);
      expect(replica.digest).not.toBe(run.moment);
      const { path, slots, position, bytes, error, endedAtMs } = run.status;
      expect({ slots, position, error }).toEqual({ slots: 4000, position: 4000, error: null });
      expect(bytes).toBe(4000 * (216 + 4) + 2 * (4096 + 8));
      expect(endedAtMs).not.toBeNull();
      expect((await verifyDirectory(files, path)).damage.listed).toEqual([]);
      await withOpened(path, ({ store }) => {
        expect(digestOf(store.entries())).toBe(run.moment);
        expect(sumOf(store.entries())).toBe(replica.sum);
        expect(store.shards.map(({ id }) => store.isComplete(id))).toEqual([true, true]);
      });
      expect(replica.directory.store.shards.map((shard) => shard.beforeChange)).toEqual([
        undefined,
        undefined,
      ]);
      expect(sumOf(replica.directory.store.entries())).toBe(replica.sum);
    });

    test("stays so while the replica grows and is scanned again", async () => {
      const replica = await accounts({ storage });
      const run = new Run(replica, async (turns) => {
        if (turns === 3) {
          await replica.target.grow(0, 2500);
          await replica.target.beginScan(1, "scan", { ...replica.directory.shape, slotCount: 2000 });
        }
        replica.transfer(50);
        if (turns > 3) replica.openAccount(0, 2000 + turns);
      });
      await run.start();
      expect(replica.directory.store.shards[0].slotCount).toBeGreaterThanOrEqual(2500);
      expect((await verifyDirectory(files, run.status.path)).damage.listed).toEqual([]);
      await withOpened(run.status.path, ({ store, completeness }) => {
        expect(store.shards.map((shard) => shard.slotCount)).toEqual([2000, 2000]);
        expect(digestOf(store.entries())).toBe(run.moment);
        expect([0, 1].map((shard) => completeness.isComplete(shard))).toEqual([true, true]);
      });
    });

    test("knows what has not reached the file", async () => {
      const replica = await accounts({ storage });
      const [, shard] = replica.directory.store.shards;
      for (const slot of [5, 1400]) forgetSlot(shard, slot);
      const run = new Run(replica, (turns) => {
        if (turns === 4) applyEvent(shard, 1400, packMeta(9, DELETED), eventBytes(new Uint8Array(8)), 0);
      });
      await run.start();
      expect((await verifyDirectory(files, run.status.path)).damage.listed).toEqual([]);
      await withOpened(run.status.path, ({ store }) => {
        expect(store.size).toBe(3000 - 2);
        expect([5, 1400].map((slot) => store.shards[1].metas.get(slot))).toEqual([0, 0]);
        expect(digestOf(store.entries())).toBe(run.moment);
      });
    });

    test("refuses a slot that does not match its CRC", async () => {
      const replica = await accounts({ storage });
      const [, shard] = replica.directory.store.shards;
      const offset = shard.file.stage(1400);
      if (storage === "resident") shard.file.window[offset + 50] ^= 1;
      // What the others stage begins empty.
      else shard.file.window.fill(1, offset + 4, offset + 216);
      shard.file.view.setUint32(offset, shard.metas.get(1400), true);
      // Not by way of a Run: its look at all entries would take the slot out of service before.
      const { directory, backups } = replica;
      const parts = { files, slice: new BusySlice(() => {}), status: newBackupStatus() };
      const error = await rejection(backupDirectory(directory, backups, parts));
      expect(error.name).toBe("ConflictError");
      expect(error.message).toContain("slot 1400 of shard 1 does not match its CRC");
      expectNothingLeft(replica);
    });
  },
);

describe("a backup", () => {
  test("looks like a directory that was closed cleanly, and knows its leader", async () => {
    const replica = await accounts();
    const run = new Run(replica);
    await run.start();
    const { path, startedAtMs } = run.status;
    expect(path).toBe(`${replica.backups}/${backupName(startedAtMs)}`);
    for (const shard of ["shard_000", "shard_001"]) {
      expect(readdirSync(`${path}/${shard}`).sort()).toEqual(["fixed.data", "fixed.versions"]);
      expect(readFileSync(`${path}/${shard}/fixed.data`)[CLEAN_FLAG_AT]).toBe(1);
    }
    const scans = readCompleteness(files, `${path}/slotcask.json`, 2);
    expect(scans).toEqual(replica.directory.completeness.state);
    expect([scans.leader, scans.protocol]).toEqual(["leader:1", 2]);
  });

  test("of an empty store is one", async () => {
    const replica = await accounts({ filled: false });
    for (const shard of [0, 1]) await replica.target.endScan(shard, "scan");
    const run = new Run(replica);
    await run.start();
    await withOpened(run.status.path, ({ store }) => expect(store.size).toBe(0));
  });

  test("becomes a store with its last write: headers after all slots, db.meta after all else", async () => {
    const held = new HeldFiles();
    const replica = await accounts();
    const watched: Files = {
      ...held.files,
      write: (file, bytes, at, length, position) => {
        if (bytes[0] === 0x46 && bytes[1] === 0x49) held.calls.push("header");
        held.files.write(file, bytes, at, length, position);
      },
    };
    await new Run(replica).start({ files: watched });
    const at = (call: string) => held.calls.indexOf(call);
    const written = held.calls.filter((call) => /^(header|rename)/.test(call));
    expect(written).toEqual(["header", "header", "rename slotcask.json", "rename db.meta"]);
    const beforeHeader = held.calls.slice(0, at("header"));
    expect(beforeHeader.lastIndexOf("sync fixed.data")).toBeGreaterThan(
      beforeHeader.indexOf("write fixed.data"),
    );
    const behind = held.calls.slice(at("rename db.meta") + 1);
    expect(behind.filter((call) => /^(write|rename)/.test(call))).toEqual([]);
  });

  test("has a name of its own", async () => {
    expect(backupName(Date.UTC(2026, 10, 21, 12, 0, 5, 678))).toBe("backup-20261121T120005Z");
    const replica = await accounts();
    const atMs = Date.UTC(2026, 10, 21, 12);
    const paths: string[] = [];
    // Somebody else is about to fill this one.
    mkdirSync(`${replica.backups}/backup-20261121T120000Z-2`, { recursive: true });
    for (let i = 0; i < 3; i++) {
      const run = new Run(replica);
      run.status.startedAtMs = atMs;
      await run.start();
      paths.push(run.status.path.slice(replica.backups.length + 1));
    }
    expect(paths).toEqual([
      "backup-20261121T120000Z",
      "backup-20261121T120000Z-3",
      "backup-20261121T120000Z-4",
    ]);
  });

  test("is one at a time", async () => {
    const replica = await accounts();
    let second: Promise<Error> | undefined;
    const run = new Run(replica, (turns) => {
      if (turns === 4) second = rejection(new Run(replica).start());
    });
    await run.start();
    expect((await second)?.name).toBe("ConflictError");
    expect(readdirSync(replica.backups).length).toBe(1);
    await withOpened(run.status.path, ({ store }) => expect(digestOf(store.entries())).toBe(run.moment));
  });
});

describe("a replica that is no state of one moment", () => {
  test("is refused: it never finished a whole scan", async () => {
    const replica = await accounts({ filled: false });
    const error = await rejection(new Run(replica).start());
    expect(error).toMatchObject({ name: "ConflictError", remedy: "stop" });
    expect(error.message).toContain("shard 0 is a mix of two moments, it has not finished a whole scan");
    expectNothingLeft(replica);
  });

  test("is refused: a whole scan is under way, at the start or when the files are there", async () => {
    const replica = await accounts();
    const begin = () => replica.target.beginScan(1, "scan", { ...replica.directory.shape, slotCount: 2000 });
    const late = await rejection(new Run(replica, (turns) => turns === 1 ? begin() : undefined).start());
    const early = await rejection(new Run(replica).start());
    for (const error of [late, early]) {
      expect(error.name).toBe("ConflictError");
      expect(error.message).toContain("shard 1 is a mix of two moments, a whole scan of it is under way");
    }
    expectNothingLeft(replica);
  });

  test("is refused: a slot cannot be trusted", async () => {
    const replica = await accounts();
    replica.directory.store.shards[1].unverified.add(3);
    const run = new Run(replica);
    const error = await rejection(run.start());
    expect(error.message).toContain("shard 1 is a mix of two moments, 1 of its slots cannot be trusted");
    expect(run.status.error).toBe(error.message);
    expect(run.status.endedAtMs).not.toBeNull();
    expectNothingLeft(replica);
  });
});

describe("a backup that does not come to its end", () => {
  /** Files that take so many writes. */
  function filesFor(writes: number): Files {
    return {
      ...files,
      write: (...args) => {
        if (writes-- <= 0) throw errorWithCode("no", "ENOSPC");
        files.write(...args);
      },
    };
  }

  test("for want of space leaves nothing, at whichever write", async () => {
    const replica = await accounts();
    const expectRefused = async (writes: number, turn?: () => void, mostKept?: number) => {
      const run = new Run(replica, turn);
      const error = await rejection(run.start({ files: filesFor(writes), mostKept }));
      expect(error.name).toBe("StorageError");
      expect(error.message).toMatch(
        /^Cannot (back up to|write) .*backup-.*: No space left on device \(ENOSPC\)$/,
      );
      expect(run.status.error).toBe(error.message);
      expectNothingLeft(replica);
    };
    let writes = 0;
    const counting: Files = { ...files, write: (...args) => (writes++, files.write(...args)) };
    await new Run(replica).start({ files: counting });
    files.remove(replica.backups);
    expect(writes).toBeGreaterThan(20);
    for (let taken = 0; taken < writes; taken++) await expectRefused(taken);
    // Where most writes are those of slots that are about to change, or that gave way to such.
    for (const mostKept of [1, 200]) {
      for (const taken of [7, 50, 101]) await expectRefused(taken, () => replica.transfer(200), mostKept);
    }
    expect(sumOf(replica.directory.store.entries())).toBe(replica.sum);
  });

  test("for a sync that fails leaves nothing", async () => {
    const replica = await accounts();
    const broken: Files = { ...files, sync: () => Promise.reject(errorWithCode("no", "EIO")) };
    const error = await rejection(new Run(replica).start({ files: broken }));
    expect(error.message).toMatch(/^Cannot back up to .*: Input\/output error \(EIO\)$/);
    expectNothingLeft(replica);
  });

  test("for want of permission says which flag gives it", async () => {
    const replica = await accounts();
    const denied: Files = {
      ...files,
      makeDirectory: () => {
        throw Object.assign(new Error("Requires write access"), { name: "NotCapable" });
      },
    };
    const error = await rejection(new Run(replica).start({ files: denied }));
    expect(error).toMatchObject({ name: "PermissionError", remedy: "stop" });
    expect(error.message).toContain(`--allow-write=${replica.backups}`);
    const refused: Files = {
      ...files,
      makeDirectory: () => {
        throw errorWithCode("no", "EACCES");
      },
    };
    const other = await rejection(new Run(replica).start({ files: refused }));
    expect(other.message).toMatch(/^Cannot back up to .*: Permission denied \(EACCES\)$/);
    expectNothingLeft(replica);
  });

  test("for an abort leaves nothing, and the replica goes on", async () => {
    const replica = await accounts();
    for (const at of [0, 1, 4, 8]) {
      const aborting = new AbortController();
      if (at === 0) aborting.abort(new Error("enough"));
      const run = new Run(replica, (turns) => {
        replica.transfer(30);
        if (turns === at) aborting.abort(new Error("enough"));
      });
      const error = await rejection(run.start({ signal: aborting.signal }));
      expect(error).toBe(aborting.signal.reason);
      expect(run.status.error).toBe("enough");
      expect(run.slice.turns).toBe(at);
      expectNothingLeft(replica);
    }
    const run = new Run(replica);
    await run.start();
    await withOpened(run.status.path, ({ store }) => expect(digestOf(store.entries())).toBe(run.moment));
  });

  test("for a crash is not a store", async () => {
    const replica = await accounts();
    const aborting = new AbortController();
    const run = new Run(replica, (turns) => {
      if (turns === 8) aborting.abort();
    });
    const crashing: Files = { ...files, remove: () => {} };
    await rejection(run.start({ files: crashing, signal: aborting.signal }));
    const opening = Directory.open(files, run.status.path, { storage: "resident", readOnly: true, pid: 1 });
    expect((await rejection(opening)).message).toContain("it holds slots, but db.meta is missing");
    const head = readFileSync(`${run.status.path}/shard_000/fixed.data`).subarray(0, 4096);
    expect(head.every((byte) => byte === 0)).toBe(true);
  });
});
