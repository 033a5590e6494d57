import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { StorageError } from "../../src/errors.ts";
import { detectRuntime } from "../../src/runtime/mod.ts";
import { writeFileAtomic, writeFileAtomicAsync } from "../../src/storage/atomic_file.ts";
import { RecordingFiles } from "./recording_files.ts";
import { rejection } from "../harness/failures.ts";

const PATH = "dir/state";
const OLD = Uint8Array.of(1, 1, 1);
const NEW = Uint8Array.of(2, 2);

const STEPS = [
  "open create dir/state.tmp",
  "truncate dir/state.tmp",
  "write dir/state.tmp",
  "sync dir/state.tmp",
  "rename dir/state.tmp dir/state",
  "syncDirectory dir",
];

const kinds = [
  ["writeFileAtomic", async (files, path, bytes) => await writeFileAtomic(files, path, bytes)],
  ["writeFileAtomicAsync", writeFileAtomicAsync],
] as [string, typeof writeFileAtomicAsync][];

describe.each(kinds)("%s", (_, write) => {
  test("syncs before it renames, and the directory after", async () => {
    const fake = new RecordingFiles();
    await write(fake.files, PATH, NEW);
    expect(fake.calls).toEqual([...STEPS.slice(0, 4), "close dir/state.tmp", ...STEPS.slice(4)]);
    expect([...fake.contents]).toEqual([[PATH, NEW]]);
    expect(fake.openCount).toBe(0);
  });

  test("replaces the rest that a crash left of a longer temporary file", async () => {
    const fake = new RecordingFiles();
    fake.contents.set(`${PATH}.tmp`, new Uint8Array(100).fill(7));
    await write(fake.files, PATH, NEW);
    expect([...fake.contents]).toEqual([[PATH, NEW]]);
  });

  test.each(STEPS)("fails at %s: an explained error, no temporary file, a whole file", async (step) => {
    const fake = new RecordingFiles();
    fake.contents.set(PATH, OLD);
    fake.failing = step;
    fake.code = "ENOSPC";
    const error = await rejection<unknown>(write(fake.files, PATH, NEW)) as StorageError;
    expect(error).toBeInstanceOf(StorageError);
    expect(error.message).toBe("Cannot write dir/state: No space left on device (ENOSPC)");
    expect((error.cause as Error).message).toBe(`${step} failed`);
    expect([...fake.contents]).toEqual([[PATH, step === "syncDirectory dir" ? NEW : OLD]]);
    expect(fake.openCount).toBe(0);
  });

  test("tells the first error where the temporary file cannot be removed either", async () => {
    const fake = new RecordingFiles();
    fake.remove = () => {
      throw new Error("remove failed too");
    };
    fake.failing = "write dir/state.tmp";
    const error = await rejection<unknown>(write(fake.files, PATH, NEW)) as StorageError;
    expect(error.message).toBe("Cannot write dir/state: Input/output error (EIO)");
  });

  test("syncs the current directory for a path without one", async () => {
    const fake = new RecordingFiles();
    await write(fake.files, "state", NEW);
    expect(fake.calls.at(-1)).toBe("syncDirectory .");
  });
});

describe.each(kinds)("%s on a disk", (_, write) => {
  const { files } = detectRuntime();
  let directory: string;

  beforeEach(() => {
    directory = files.makeTemporaryDirectory("slotcask-atomic-");
  });
  afterEach(() => files.remove(directory));

  test("replaces a file and leaves nothing beside it", async () => {
    await write(files, `${directory}/state`, OLD);
    await write(files, `${directory}/state`, NEW);
    await write(files, `${directory}/empty`, new Uint8Array());
    expect([...files.readFile(`${directory}/state`)!]).toEqual([...NEW]);
    expect(files.list(directory)!.sort()).toEqual(["empty", "state"]);
  });

  test("names the path where the directory is missing", async () => {
    const error = await rejection<unknown>(write(files, `${directory}/none/state`, NEW)) as StorageError;
    expect(error.message).toBe(`Cannot write ${directory}/none/state: No such file or directory (ENOENT)`);
    expect(error.remedy).toBe("reconnect");
  });
});
