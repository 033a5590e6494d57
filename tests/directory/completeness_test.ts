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

  test("a mark that could not be written is set by the next scan", async () => {
    const completeness = open();
    await completeness.scanEnded(0, 1000);
    files.makeDirectory(`${path}.tmp`);
    await expect(completeness.scanBegins(0, 2000)).rejects.toBeInstanceOf(StorageError);
    expect(completeness.isMarked(0)).toBe(false);
    files.remove(`${path}.tmp`);
    await completeness.scanBegins(0, 3000);
    expect(open().state.shards[0]).toEqual({ wholeScanAtMs: 1000, scanningSinceMs: 3000 });
  });

  test("a scan that begins beside another waits for the mark too", async () => {
    const completeness = open();
    await completeness.scanEnded(0, 1000);
    const first = completeness.scanBegins(0, 2000);
    await completeness.scanBegins(0, 3000);
    expect(open().state.shards[0].scanningSinceMs).toBe(2000);
    await first;
    files.makeDirectory(`${path}.tmp`);
    completeness.scanChangedNothing(0);
    await completeness.settled();
    files.makeDirectory(`${path}.tmp`);
    const both = [completeness.scanBegins(0, 4000), completeness.scanBegins(0, 5000)];
    for (const each of await Promise.allSettled(both)) expect(each.status).toBe("rejected");
  });

  test("forgets shards, and says so on disk before it returns", async () => {
    const completeness = open();
    await completeness.scanEnded(0, 1000);
    await completeness.scanEnded(1, 1000);
    const reading = open();
    reading.forget([0], { inMemory: true });
    expect([reading.isComplete(0), reading.isComplete(1), open().isComplete(0)]).toEqual([false, true, true]);
    completeness.forget([1]);
    expect(open().state.shards).toEqual([{ wholeScanAtMs: 1000, scanningSinceMs: null }, NOTHING]);
    await completeness.scanEnded(1, 2000);
    expect(open().isComplete(1)).toBe(true);
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
