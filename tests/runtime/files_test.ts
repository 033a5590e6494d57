import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { errorCode } from "../../src/error_code.ts";
import { detectRuntime } from "../../src/runtime/mod.ts";
import type { FileDescriptor } from "../../src/runtime/runtime.ts";
import { transferAll } from "../../src/runtime/transfer.ts";

const { files } = detectRuntime();

let directory: string;

beforeEach(() => {
  directory = files.makeTemporaryDirectory("slotcask-files-");
});
afterEach(() => files.remove(directory));

function withFile<T>(name: string, use: (file: FileDescriptor) => T): T {
  const file = files.open(`${directory}/${name}`, "create");
  try {
    return use(file);
  } finally {
    files.close(file);
  }
}

function codeOf(act: () => unknown): string | undefined {
  try {
    act();
  } catch (error) {
    return errorCode(error) ?? String(error);
  }
  throw new Error("It did not throw");
}

async function codeOfRejection(promise: Promise<unknown>): Promise<string | undefined> {
  try {
    await promise;
  } catch (error) {
    return errorCode(error) ?? String(error);
  }
  throw new Error("It did not reject");
}

describe("files: an open file", () => {
  test("is written and read at positions and offsets", () => {
    withFile("a", (file) => {
      files.write(file, Uint8Array.of(9, 1, 2, 3, 9), 1, 3, 10);
      expect(files.size(file)).toBe(13);
      const bytes = new Uint8Array(6).fill(7);
      expect(files.read(file, bytes, 1, 4, 9)).toBe(4);
      expect([...bytes]).toEqual([7, 0, 1, 2, 3, 7]);
    });
  });

  test("tells how much there was before its end", () => {
    withFile("a", (file) => {
      files.write(file, new Uint8Array(100).fill(1), 0, 100, 0);
      expect(files.read(file, new Uint8Array(50), 0, 50, 90)).toBe(10);
      expect(files.read(file, new Uint8Array(50), 0, 50, 100)).toBe(0);
      expect(files.read(file, new Uint8Array(50), 0, 0, 0)).toBe(0);
      expect(files.read(file, new Uint8Array(0), 0, 0, 0)).toBe(0);
      files.write(file, new Uint8Array(0), 0, 0, 500);
      expect(files.size(file)).toBe(100);
    });
  });

  test("has positions beyond 4 GiB", () => {
    withFile("large", (file) => {
      const position = 5 * 2 ** 30 + 7;
      files.truncate(file, position + 3);
      expect(files.size(file)).toBe(position + 3);
      files.write(file, Uint8Array.of(1, 2, 3), 0, 3, position);
      const bytes = new Uint8Array(4);
      expect(files.read(file, bytes, 0, 4, position - 1)).toBe(4);
      expect([...bytes]).toEqual([0, 1, 2, 3]);
    });
  });

  test("grows with zeros and shrinks", () => {
    withFile("a", (file) => {
      files.write(file, Uint8Array.of(1, 2, 3, 4), 0, 4, 0);
      files.truncate(file, 2);
      files.truncate(file, 4);
      const bytes = new Uint8Array(4).fill(9);
      files.read(file, bytes, 0, 4, 0);
      expect([...bytes]).toEqual([1, 2, 0, 0]);
    });
  });

  test("is synced, with and without waiting", async () => {
    const file = files.open(`${directory}/a`, "create");
    files.write(file, new Uint8Array(4_096), 0, 4_096, 0);
    files.syncNow(file);
    expect(await files.sync(file)).toBeUndefined();
    files.close(file);
  });

  test("refuses all once it is closed", async () => {
    const file = files.open(`${directory}/a`, "create");
    files.close(file);
    expect(codeOf(() => files.read(file, new Uint8Array(1), 0, 1, 0))).toBe("EBADF");
    expect(codeOf(() => files.write(file, new Uint8Array(1), 0, 1, 0))).toBe("EBADF");
    expect(codeOf(() => files.syncNow(file))).toBe("EBADF");
    expect(await codeOfRejection(files.sync(file))).toBe("EBADF");
  });

  test("opened to read cannot be written", () => {
    withFile("a", () => {});
    const file = files.open(`${directory}/a`, "read");
    expect(codeOf(() => files.write(file, new Uint8Array(1), 0, 1, 0))).toBe("EBADF");
    files.close(file);
  });

  test("must exist unless it may be created, and keeps its content", () => {
    expect(codeOf(() => files.open(`${directory}/b`, "read"))).toBe("ENOENT");
    expect(codeOf(() => files.open(`${directory}/b`, "write"))).toBe("ENOENT");
    withFile("b", (file) => files.write(file, Uint8Array.of(5), 0, 1, 0));
    withFile("b", (file) => expect(files.size(file)).toBe(1));
    const file = files.open(`${directory}/b`, "write");
    const bytes = new Uint8Array(1);
    expect(files.read(file, bytes, 0, 1, 0)).toBe(1);
    expect(bytes[0]).toBe(5);
    files.close(file);
  });

  test.if(files.exists("/dev/full"))("on a full disk throws ENOSPC", () => {
    const file = files.open("/dev/full", "write");
    expect(codeOf(() => files.write(file, new Uint8Array(10), 0, 10, 0))).toBe("ENOSPC");
    files.close(file);
  });
});

describe("files: paths", () => {
  test("a missing one is undefined, or not there", () => {
    expect(files.readFile(`${directory}/none`)).toBeUndefined();
    expect(files.list(`${directory}/none`)).toBeUndefined();
    expect(files.exists(`${directory}/none`)).toBe(false);
    expect(files.exists(`${directory}/none/below`)).toBe(false);
    files.remove(`${directory}/none`);
  });

  test("one of the wrong kind is an error, not a missing one", () => {
    withFile("a", () => {});
    expect(codeOf(() => files.readFile(directory))).toBe("EISDIR");
    expect(codeOf(() => files.list(`${directory}/a`))).toBe("ENOTDIR");
    expect(codeOf(() => files.readFile(`${directory}/a/below`))).toBe("ENOTDIR");
    expect(codeOf(() => files.exists(`${directory}/a/below`))).toBe("ENOTDIR");
  });

  test("a whole file is read as a plain Uint8Array of its own", () => {
    withFile("a", (file) => files.write(file, Uint8Array.of(1, 2, 3), 0, 3, 0));
    const bytes = files.readFile(`${directory}/a`)!;
    expect(bytes.constructor).toBe(Uint8Array);
    expect([...bytes]).toEqual([1, 2, 3]);
    bytes.slice(0, 1)[0] = 9;
    expect(bytes[0]).toBe(1);
  });

  test("directories are made with their parents, listed, renamed, removed with all in them", () => {
    files.makeDirectory(`${directory}/a/b/c`);
    files.makeDirectory(`${directory}/a/b/c`);
    withFile("a/b/file", () => {});
    expect(files.list(`${directory}/a/b`)!.sort()).toEqual(["c", "file"]);
    files.rename(`${directory}/a`, `${directory}/z`);
    expect(files.exists(`${directory}/z/b/file`)).toBe(true);
    files.remove(`${directory}/z`);
    expect(files.list(directory)).toEqual([]);
  });

  test("a rename replaces its target", () => {
    withFile("old", (file) => files.write(file, Uint8Array.of(1), 0, 1, 0));
    withFile("new", (file) => files.write(file, Uint8Array.of(2), 0, 1, 0));
    files.rename(`${directory}/new`, `${directory}/old`);
    expect([...files.readFile(`${directory}/old`)!]).toEqual([2]);
    expect(files.list(directory)).toEqual(["old"]);
  });

  test("directories are synced, with and without waiting", async () => {
    files.syncDirectory(directory);
    expect(await files.syncDirectoryAsync(directory)).toBeUndefined();
    expect(codeOf(() => files.syncDirectory(`${directory}/none`))).toBe("ENOENT");
    expect(await codeOfRejection(files.syncDirectoryAsync(`${directory}/none`))).toBe("ENOENT");
  });

  test("temporary directories differ and carry the prefix", () => {
    const other = files.makeTemporaryDirectory("slotcask-files-");
    expect(other).not.toBe(directory);
    expect(other).toContain("slotcask-files-");
    expect(files.list(other)).toEqual([]);
    files.remove(other);
  });
});

describe("transferAll", () => {
  test("goes on after a step that did less than asked", () => {
    const steps: [number, number][] = [];
    const moved = transferAll(10, (done, most) => {
      steps.push([done, most]);
      return Math.min(4, most);
    });
    expect(moved).toBe(10);
    expect(steps).toEqual([[0, 10], [4, 6], [8, 2]]);
  });

  test("stops at the end of the file", () => {
    const answers = [3, 0, 99];
    expect(transferAll(10, () => answers.shift()!)).toBe(3);
    expect(answers).toEqual([99]);
  });

  test("asks for at most 1 GiB at once", () => {
    const asked: number[] = [];
    transferAll(2.5 * 2 ** 30, (_, most) => {
      asked.push(most);
      return most;
    });
    expect(asked).toEqual([2 ** 30, 2 ** 30, 2 ** 29]);
  });

  test("asks nothing for no bytes", () => {
    expect(transferAll(0, () => 1)).toBe(0);
  });
});
