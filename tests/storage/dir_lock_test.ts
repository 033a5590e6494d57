import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { LockedError, SlotcaskError, StorageError } from "../../src/errors.ts";
import { detectRuntime } from "../../src/runtime/mod.ts";
import { isLocked, LOCK_FILE, lockDirectory } from "../../src/storage/dir_lock.ts";
import { RecordingFiles } from "./recording_files.ts";
import { thrownBy } from "../harness/failures.ts";

const { files, process } = detectRuntime();

function text(bytes: Uint8Array | undefined): string {
  return new TextDecoder().decode(bytes);
}

describe("lockDirectory", () => {
  let directory: string;

  beforeEach(() => {
    directory = files.makeTemporaryDirectory("slotcask-dirlock-");
  });
  afterEach(() => files.remove(directory));

  test("writes the pid and a newline, and leaves the file", () => {
    const lock = lockDirectory(files, directory, 4_711);
    expect(text(files.readFile(`${directory}/db.lock`))).toBe("4711\n");
    lock.release();
    lock.release();
    expect(files.list(directory)).toEqual(["db.lock"]);
    expect(text(files.readFile(`${directory}/db.lock`))).toBe("4711\n");
  });

  test("replaces a longer pid whole", () => {
    lockDirectory(files, directory, 1_234_567).release();
    lockDirectory(files, directory, 89).release();
    expect(text(files.readFile(`${directory}/db.lock`))).toBe("89\n");
  });

  test("refuses a directory that is held, names the holder, and changes nothing", () => {
    const lock = lockDirectory(files, directory, process.pid);
    const error = thrownBy<SlotcaskError>(() => lockDirectory(files, directory, 99));
    expect(error).toBeInstanceOf(LockedError);
    expect(error.remedy).toBe("stop");
    expect(error.message).toBe(`Cannot lock ${directory}: db.lock is held by process ${process.pid}`);
    expect(text(files.readFile(`${directory}/db.lock`))).toBe(`${process.pid}\n`);
    lock.release();
    lockDirectory(files, directory, 99).release();
  });

  test("says so where the directory is missing", () => {
    const error = thrownBy<SlotcaskError>(() => lockDirectory(files, `${directory}/none`, 1));
    expect(error).toBeInstanceOf(StorageError);
    expect(error.message).toBe(`Cannot lock ${directory}/none/db.lock: No such file or directory (ENOENT)`);
  });

  test("isLocked tells who holds it, and makes no file", () => {
    expect(isLocked(files, directory)).toBe(false);
    expect(files.list(directory)).toEqual([]);
    const lock = lockDirectory(files, directory, 1);
    expect(isLocked(files, directory)).toBe(true);
    lock.release();
    expect(isLocked(files, directory)).toBe(false);
  });
});

describe("lockDirectory, step by step", () => {
  const path = `dir/${LOCK_FILE}`;

  test("writes only after it holds the lock, and never makes the file shorter before it wrote", () => {
    const fake = new RecordingFiles();
    lockDirectory(fake.files, "dir", 7);
    expect(fake.calls).toEqual([`lock ${path}`, `open create ${path}`, `write ${path}`, `truncate ${path}`]);
  });

  test.each([["", "another process"], ["not a pid\n", "another process"], ["12\n345\n", "process 12"]])(
    "a held file with content %j is held by %s",
    (content, holder) => {
      const fake = new RecordingFiles();
      fake.taken.add(path);
      fake.contents.set(path, new TextEncoder().encode(content));
      const error = thrownBy<SlotcaskError>(() => lockDirectory(fake.files, "dir", 7));
      expect(error.message).toBe(`Cannot lock dir: db.lock is held by ${holder}`);
    },
  );

  test("outlasts a process that only looks", () => {
    const fake = new RecordingFiles();
    fake.taken.add(path);
    const lock = fake.lock.bind(fake);
    fake.lock = (path) => {
      if (fake.calls.length === 2) fake.taken.delete(path);
      return lock(path);
    };
    lockDirectory(fake.files, "dir", 7).release();
    expect(fake.calls.filter((call) => call === `lock ${path}`).length).toBe(3);
  });

  test.each(["write", "truncate"])("gives the lock back if it cannot %s the pid", (step) => {
    const fake = new RecordingFiles();
    fake.failing = `${step} ${path}`;
    fake.code = "ENOSPC";
    const error = thrownBy<SlotcaskError>(() => lockDirectory(fake.files, "dir", 7));
    expect(error).toBeInstanceOf(StorageError);
    expect(error.message).toBe(`Cannot write ${path}: No space left on device (ENOSPC)`);
    expect(fake.openCount).toBe(0);
  });

  test("isLocked explains an error", () => {
    const fake = new RecordingFiles();
    fake.failing = `isLocked ${path}`;
    fake.code = "EACCES";
    const error = thrownBy<SlotcaskError>(() => isLocked(fake.files, "dir"));
    expect(error.message).toBe(`Cannot open ${path}: Permission denied (EACCES)`);
  });
});
