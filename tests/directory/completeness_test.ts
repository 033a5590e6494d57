import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { Completeness, COMPLETENESS_FILE, readCompleteness } from "../../src/directory/completeness.ts";
import { StorageError } from "../../src/errors.ts";
import { files, temporaryDirectory } from "./sample.ts";

const NOTHING = { wholeScanAtMs: null, scanningSinceMs: null };

describe("Completeness", () => {
  let directory: string;
  let path: string;
  beforeEach(() => {
    directory = temporaryDirectory();
    path = `${directory}/${COMPLETENESS_FILE}`;
  });
  afterEach(() => files.remove(directory));

  /** As a process finds it that opens the directory now. */
  function open(shardCount = 2): Completeness {
    return new Completeness(files, path, readCompleteness(files, path, shardCount));
  }

  function writeText(text: string): void {
    files.remove(path);
    const file = files.open(path, "create");
    const bytes = new TextEncoder().encode(text);
    files.write(file, bytes, 0, bytes.length, 0);
    files.close(file);
  }

  test("knows of no scan at first, and writes nothing", () => {
    const completeness = open();
    expect([completeness.isComplete(0), completeness.isComplete(1)]).toEqual([false, false]);
    expect(completeness.state).toEqual({ leader: null, protocol: null, shards: [NOTHING, NOTHING] });
    expect(files.list(directory)).toEqual([]);
  });

  test("keeps leader, protocol and the time of each shard's whole scan", async () => {
    const completeness = open();
    completeness.setLeader("127.0.0.1:9100", 2);
    await completeness.scanEnded(1, 1234);
    expect([completeness.isComplete(0), completeness.isComplete(1)]).toEqual([false, true]);
    expect(files.list(directory)).toEqual([COMPLETENESS_FILE]);
    const later = open();
    expect(later.state).toEqual({
      leader: "127.0.0.1:9100",
      protocol: 2,
      shards: [NOTHING, { wholeScanAtMs: 1234, scanningSinceMs: null }],
    });
    expect([later.isComplete(0), later.isComplete(1)]).toEqual([false, true]);
  });

  test("goes on serving a complete shard while it is scanned, and distrusts it after a cut", async () => {
    const completeness = open();
    await completeness.scanEnded(0, 1000);
    await completeness.scanBegins(0, 2000);
    expect(completeness.isComplete(0)).toBe(true);
    const afterCut = open();
    expect(afterCut.isComplete(0)).toBe(false);
    expect(afterCut.state.shards[0]).toEqual({ wholeScanAtMs: 1000, scanningSinceMs: 2000 });
    await afterCut.scanEnded(0, 3000);
    expect([afterCut.isComplete(0), open().isComplete(0)]).toEqual([true, true]);
  });

  test("notes only the first of several cut scans, and none of a shard that is not complete", async () => {
    const completeness = open();
    await completeness.scanBegins(1, 500);
    expect(files.list(directory)).toEqual([]);
    await completeness.scanEnded(0, 1000);
    await completeness.scanBegins(0, 2000);
    await completeness.scanBegins(0, 2500);
    expect(open().state.shards).toEqual([{ wholeScanAtMs: 1000, scanningSinceMs: 2000 }, NOTHING]);
  });

  test("writes one change after the other, and the last one wins", async () => {
    const completeness = open(20);
    await Promise.all(Array.from({ length: 20 }, (_, shard) => completeness.scanEnded(shard, 100 + shard)));
    await completeness.settled();
    expect(open(20).state.shards.map((shard) => shard.wholeScanAtMs)).toEqual(
      Array.from({ length: 20 }, (_, shard) => 100 + shard),
    );
    expect(files.list(directory)).toEqual([COMPLETENESS_FILE]);
  });

  test("rejects where the disk refuses, and writes the next change", async () => {
    const completeness = open();
    files.makeDirectory(`${path}.tmp`);
    await expect(completeness.scanEnded(0, 1)).rejects.toBeInstanceOf(StorageError);
    files.remove(`${path}.tmp`);
    await completeness.scanEnded(1, 2);
    expect(open().state.shards.map((shard) => shard.wholeScanAtMs)).toEqual([1, 2]);
  });

  test.each([
    ["no JSON", "{"],
    ["no object", "null"],
    ["another format", '{"format":2,"shards":[{},{}]}'],
    ["no shards", '{"format":1}'],
    ["another number of shards", '{"format":1,"shards":[{"wholeScanAtMs":1,"scanningSinceMs":null}]}'],
  ])("counts a file with %s as absent", (_, text) => {
    writeText(text);
    expect(readCompleteness(files, path, 2).shards).toEqual([NOTHING, NOTHING]);
  });

  test("takes fields of other types as unknown", () => {
    writeText('{"format":1,"leader":7,"protocol":"2","shards":[null,{"wholeScanAtMs":"5"}]}');
    expect(readCompleteness(files, path, 2)).toEqual({
      leader: null,
      protocol: null,
      shards: [NOTHING, NOTHING],
    });
  });
});
