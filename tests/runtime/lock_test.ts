import { spawn } from "node:child_process";
import process from "node:process";
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { errorCode } from "../../src/error_code.ts";
import { detectRuntime } from "../../src/runtime/mod.ts";
import { isInstalled, otherProgram, run, script, start } from "./child.ts";

const { files } = detectRuntime();

let directory: string;
let path: string;

beforeEach(() => {
  directory = files.makeTemporaryDirectory("slotcask-lock-");
  path = `${directory}/db.lock`;
});
afterEach(() => files.remove(directory));

/** What flock(1), a program that is not ours, says: 0 if it could lock the file, 1 if it is taken. */
async function flockProgram(): Promise<number | null> {
  return (await run(["flock", "--nonblock", path, "true"])).code;
}

describe("files: lock", () => {
  test("makes the file, keeps its content, and leaves it when released", () => {
    const lock = files.lock(path)!;
    files.write(lock.file, Uint8Array.of(49, 10), 0, 2, 0);
    lock.release();
    expect([...files.readFile(path)!]).toEqual([49, 10]);
    const again = files.lock(path)!;
    expect(files.size(again.file)).toBe(2);
    again.release();
  });

  test("is taken until released, in this process too", () => {
    const lock = files.lock(path)!;
    expect(files.lock(path)).toBeUndefined();
    lock.release();
    lock.release();
    const again = files.lock(path)!;
    expect(again).toBeDefined();
    lock.release();
    expect(files.lock(path)).toBeUndefined();
    again.release();
  });

  test("does not give up the lock when the file is opened and closed otherwise", () => {
    const lock = files.lock(path)!;
    files.close(files.open(path, "write"));
    files.readFile(path);
    expect(files.lock(path)).toBeUndefined();
    lock.release();
  });

  test("holds against another process, and that against this one", async () => {
    const lock = files.lock(path)!;
    expect((await run(script(otherProgram, "hold_lock", [path]))).out).toBe("taken\n");
    lock.release();
    const child = start(script(otherProgram, "hold_lock", [path]));
    try {
      expect(await child.line()).toBe("locked");
      expect(files.lock(path)).toBeUndefined();
      expect(files.isLocked(path)).toBe(true);
    } finally {
      child.process.kill("SIGKILL");
      await child.ended;
    }
    const after = files.lock(path);
    expect(after).toBeDefined();
    after?.release();
  }, 20_000);

  test("is free once released, though a child of this process lives on", async () => {
    const lock = files.lock(path)!;
    const child = spawn(process.execPath, [], { stdio: "pipe" });
    lock.release();
    expect(files.isLocked(path)).toBe(false);
    child.kill("SIGKILL");
    await new Promise((resolve) => child.once("close", resolve));
  });

  test.if(isInstalled("flock"))("is the same lock as flock(1)'s", async () => {
    const lock = files.lock(path)!;
    expect(await flockProgram()).toBe(1);
    lock.release();
    expect(await flockProgram()).toBe(0);
    const child = start(["flock", path, "sh", "-c", "echo held; exec cat"], { stdin: true });
    expect(await child.line()).toBe("held");
    expect(files.lock(path)).toBeUndefined();
    expect(files.isLocked(path)).toBe(true);
    child.process.stdin!.end();
    await child.ended;
    expect(files.isLocked(path)).toBe(false);
  });

  test("throws where the file cannot be made", () => {
    let thrown: unknown;
    try {
      files.lock(`${directory}/none/db.lock`);
    } catch (error) {
      thrown = error;
    }
    expect(errorCode(thrown)).toBe("ENOENT");
  });
});

describe("files: isLocked", () => {
  test("neither makes the file nor takes the lock", () => {
    expect(files.isLocked(path)).toBe(false);
    expect(files.isLocked(`${directory}/none/db.lock`)).toBe(false);
    expect(files.list(directory)).toEqual([]);
    files.lock(path)!.release();
    expect(files.isLocked(path)).toBe(false);
    const lock = files.lock(path)!;
    expect(lock).toBeDefined();
    expect(files.isLocked(path)).toBe(true);
    expect(files.isLocked(path)).toBe(true);
    lock.release();
  });
});
