import { describe, expect, test } from "bun:test";
import { LockedError, StorageError } from "../../src/errors.ts";
import { detectRuntime } from "../../src/runtime/mod.ts";
import { errorCode } from "../../src/error_code.ts";
import { wrapStorageError } from "../../src/storage/storage_error.ts";

describe("wrapStorageError", () => {
  test("says what failed, where and why, with the same words for every runtime", () => {
    const cause = Object.assign(new Error("ENOSPC: no space left on device, write"), { code: "ENOSPC" });
    const error = wrapStorageError(cause, "write", "a/b");
    expect(error).toBeInstanceOf(StorageError);
    expect(error.message).toBe("Cannot write a/b: No space left on device (ENOSPC)");
    expect(error.cause).toBe(cause);
    expect(error.remedy).toBe("reconnect");
  });

  test("keeps the runtime's words for a code that it does not know, or that is missing", () => {
    const odd = Object.assign(new Error("odd thing"), { code: "EODD" });
    expect(wrapStorageError(odd, "open", "a").message).toBe("Cannot open a: odd thing (EODD)");
    expect(wrapStorageError(new Error("Requires write access"), "open", "a").message)
      .toBe("Cannot open a: Requires write access");
    expect(wrapStorageError("text", "open", "a").message).toBe("Cannot open a: text");
  });

  test("leaves an explained error alone", () => {
    const error = new LockedError("Cannot lock a");
    expect(wrapStorageError(error, "open", "a")).toBe(error);
  });

  test("explains what the runtime throws", () => {
    const { files } = detectRuntime();
    let thrown: unknown;
    try {
      files.open("no/such/place", "read");
    } catch (error) {
      thrown = error;
    }
    expect(wrapStorageError(thrown, "open", "no/such/place").message)
      .toBe("Cannot open no/such/place: No such file or directory (ENOENT)");
  });
});

describe("errorCode", () => {
  test("is the code, where there is one that is text", () => {
    expect(errorCode(Object.assign(new Error(), { code: "EIO" }))).toBe("EIO");
    expect(errorCode({ code: "EIO" })).toBe("EIO");
    for (const other of [new Error(), { code: 5 }, "EIO", null, undefined, 7]) {
      expect(errorCode(other)).toBeUndefined();
    }
  });
});
