/** What the fuzzers and the model test have found, each as small as it goes. */

import { describe, expect, test } from "bun:test";
import { CursorFile, readCursor } from "../../src/directory/cursor_file.ts";
import { Directory } from "../../src/directory/directory.ts";
import { inspectDirectory } from "../../src/directory/inspect.ts";
import { loadSidecar } from "../../src/directory/sidecar.ts";
import { StorageError } from "../../src/errors.ts";
import { decodeCursor, encodeCursor } from "../../src/fixed/cursor.ts";
import { encodeAck } from "../../src/replication/protocol.ts";
import { WatchHub } from "../../src/replica/watch.ts";
import { openSlotFile } from "../../src/storage/open_slot_file.ts";
import { TimeSlice } from "../../src/time_slice.ts";
import { AllocationWatch } from "./allocation_watch.ts";
import { PATH, sampleDirectories } from "./directory_corpus.ts";
import { MemoryTree } from "./memory_tree.ts";
import { Random } from "../harness/random.ts";

const CURSOR = `${PATH}/shard_000/fixed_repl.cursor`;

/** A directory of one shard and six slots. */
async function sample(): Promise<MemoryTree> {
  return (await sampleDirectories(new Random(1)))[4].tree.copy();
}

describe("a directory where a file should be", () => {
  test("the cursor: inspect says so, and the copy is served without it", async () => {
    const tree = await sample();
    tree.remove(CURSOR);
    tree.makeDirectory(CURSOR);
    const { shards: [{ cursor, problems }] } = await inspectDirectory(tree.files, PATH);
    expect([cursor, problems]).toEqual([null, [`Cannot read ${CURSOR}: Is a directory (EISDIR)`]]);
    expect(() => readCursor(tree.files, CURSOR)).toThrow(StorageError);
    expect(new CursorFile(tree.files, CURSOR, 0).applied).toBe(0);
  });

  test("slotcask.json: inspect and open refuse it with its path", async () => {
    const tree = await sample();
    const path = `${PATH}/slotcask.json`;
    tree.remove(path);
    tree.makeDirectory(path);
    const refusal = `Cannot read ${path}: Is a directory (EISDIR)`;
    await expect(inspectDirectory(tree.files, PATH)).rejects.toThrow(refusal);
    await expect(Directory.open(tree.files, PATH, { storage: "resident", pid: 1 })).rejects.toThrow(refusal);
    expect(tree.openCount).toBe(0);
  });
});

test("a cursor that counts up to where an Ack has no room is none: its next event would end every session", () => {
  const cursor = { shard: 0, applied: Number.MAX_SAFE_INTEGER, maxVersion: 1, ackedAtMs: 1 };
  expect(() => encodeAck({ shard: 0, applied: cursor.applied + 1, maxVersion: 1 })).toThrow("applied_count");
  expect(decodeCursor(encodeCursor(cursor))).toBeUndefined();
  expect(decodeCursor(encodeCursor({ ...cursor, applied: 2 ** 52 }))?.applied).toBe(2 ** 52);
});

test("a header that claims 2^32 slots costs no memory for a sidecar that is not there to have them", async () => {
  const tree = new MemoryTree();
  tree.makeDirectory(PATH);
  tree.put(`${PATH}/fixed.versions`, new Uint8Array(12));
  const watch = new AllocationWatch(1 << 20);
  watch.begin();
  try {
    const options = { slotCount: 0xffff_ffff, slice: new TimeSlice() };
    expect(await loadSidecar(tree.files, `${PATH}/fixed.versions`, options)).toBeUndefined();
  } finally {
    watch.end();
  }
});

test("a watch that still lists what is there ends quietly when its follower is closed", async () => {
  const tree = await sample();
  const directory = (await Directory.open(tree.files, PATH, { storage: "resident", pid: 1 }))!;
  const hub = new WatchHub();
  hub.attach(directory.store);
  const changes = hub.watch(() => directory.store, { initial: true });
  expect((await changes.next()).value?.type).toBe("put");
  hub.close();
  await directory.close(1000);
  expect(await changes.next()).toEqual({ value: undefined, done: true });
});

test("a positional file of a few slots reads them into a buffer for a few slots", () => {
  const tree = new MemoryTree();
  tree.makeDirectory(PATH);
  tree.put(`${PATH}/data`, new Uint8Array(4096 + 10 * 32));
  const watch = new AllocationWatch(1 << 20);
  const options = {
    files: tree.files,
    path: `${PATH}/data`,
    headerBytes: 4096,
    recordBytes: 32,
    recordCount: 10,
  };
  const file = openSlotFile("positional", options);
  watch.begin();
  try {
    expect(file.load(0, 10)).toBe(10);
    expect(watch.largest).toBe(320);
    file.extend(5000);
    expect(file.load(0, 5000)).toBe(5000);
    expect(watch.largest).toBeLessThanOrEqual(256 << 10);
  } finally {
    watch.end();
    file.close();
  }
});
