import { afterAll, afterEach, beforeEach, describe, expect, test } from "bun:test";
import { spawnSync } from "node:child_process";
import process from "node:process";
import { detectRuntime } from "../../src/runtime/mod.ts";
import { denoProgram, run, script } from "./child.ts";
import "../harness/load_maps.ts";

const { files } = detectRuntime();
const LIMIT_MS = 30_000;

/** A file system of 2 MiB, or why there is none. */
function mountSmall(): { path: string; problem?: string } {
  const path = files.makeTemporaryDirectory("slotcask-small-");
  const { status, stderr, error } = spawnSync("mount", ["-t", "tmpfs", "-o", "size=2m", "none", path]);
  return { path, problem: status === 0 ? undefined : `: not run, mount says ${error ?? stderr}`.trim() };
}

const small = mountSmall();
afterAll(() => {
  if (small.problem === undefined) spawnSync("umount", [small.path]);
  files.remove(small.path);
});

/** Runs the child with its arguments. */
function child(args: string[]) {
  return run(script(process.execPath, "map_files", args));
}

describe("mapped files in a process of their own", () => {
  test.skipIf(small.problem !== undefined)(
    `a full disk is ENOSPC and not the end${small.problem ?? ""}`,
    async () => {
      const { code, signal, out, err } = await child(["full", `${small.path}/file`]);
      expect([code, signal, err]).toEqual([0, null, ""]);
      const [growth, held, holes, end] = out.split("\n");
      expect(growth).toMatch(/^growth ENOSPC fallocate of 32000 bytes at \d+ failed: ENOSPC$/);
      expect([held, end]).toEqual(["held true true", ""]);
      expect(holes).toBe("holes ENOSPC fallocate of 33558528 bytes at 0 failed: ENOSPC");
    },
    LIMIT_MS,
  );

  test("a mapping lives as long as a view of it, and no longer, whatever is closed and removed", async () => {
    const directory = files.makeTemporaryDirectory("slotcask-views-");
    const { code, signal, out, err } = await child(["views", `${directory}/file`]);
    files.remove(directory);
    expect([code, signal, err]).toEqual([0, null, ""]);
    expect(out).toBe("mapped true\ncollected true\nview 9,9,9 true\n");
  }, LIMIT_MS);

  test.skipIf(denoProgram === undefined)("Deno needs --allow-ffi for them, and says so", async () => {
    const directory = files.makeTemporaryDirectory("slotcask-denied-");
    const [program, runs, noPrompt, , path] = script(denoProgram!, "map_files");
    const allowed = [`--allow-read=${directory}`, `--allow-write=${directory}`];
    const command = [program, runs, noPrompt, ...allowed, path, "denied", `${directory}/store`];
    const { code, out, err } = await run(command);
    files.remove(directory);
    expect([code, err]).toEqual([0, ""]);
    expect(out.split("\n")).toEqual([
      "UsageError stop Cannot use mapped storage: Deno was not given --allow-ffi; " +
      "resident and positional storage need nothing of it",
      "made false",
      "resident",
      "",
    ]);
  }, LIMIT_MS);
});

describe("map and allocate", () => {
  let path: string;
  let file: number;
  beforeEach(() => {
    path = files.makeTemporaryDirectory("slotcask-map-");
    file = files.open(`${path}/file`, "create");
  });
  afterEach(() => {
    files.close(file);
    files.remove(path);
  });

  test.each([0, 1, 4095, 4096, 100_000])("maps from position %d, and both ways", (position) => {
    files.allocate(file, 0, position + 10);
    expect(files.size(file)).toBe(position + 10);
    const bytes = files.map(file, { position, length: 20_000, writable: true });
    expect(bytes.length).toBe(20_000);
    bytes.set([1, 2, 3], 5);
    const read = new Uint8Array(20);
    expect(files.read(file, read, 0, 20, position)).toBe(10);
    expect([...read.subarray(0, 10)]).toEqual([0, 0, 0, 0, 0, 1, 2, 3, 0, 0]);
    files.write(file, Uint8Array.of(9), 0, 1, position);
    expect(bytes[0]).toBe(9);
  });

  test("allocate keeps what is there, and never shortens", () => {
    files.write(file, Uint8Array.of(1, 2, 3), 0, 3, 0);
    files.allocate(file, 0, 2);
    files.allocate(file, 2, 5);
    expect([...files.readFile(`${path}/file`)!]).toEqual([1, 2, 3, 0, 0, 0, 0]);
  });

  test("fail with the system's code", () => {
    const reading = files.open(`${path}/file`, "read");
    try {
      expect(() => files.allocate(reading, 0, 10)).toThrow("EBADF");
      expect(() => files.map(reading, { position: 0, length: 10, writable: true })).toThrow("EACCES");
      expect(() => files.map(file, { position: 0, length: 0, writable: true })).toThrow("EINVAL");
      expect(() => files.map(file, { position: 0, length: 2 ** 47, writable: true })).toThrow("ENOMEM");
    } finally {
      files.close(reading);
    }
  });
});
