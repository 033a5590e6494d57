import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { findTestFiles } from "./test_files.ts";

describe("findTestFiles", () => {
  let root = "";
  beforeAll(() => {
    root = mkdtempSync(`${tmpdir()}/slotcask-files-`);
    const paths = [
      "folder/second_test.ts",
      "folder/second.ts",
      "a_test.ts",
      "folder/target/x_test.ts",
      "folder/fixtures/y_test.ts",
    ];
    for (const path of [...paths, "node_modules/z_test.ts"]) {
      mkdirSync(`${root}/${path}`.replace(/\/[^/]*$/, ""), { recursive: true });
      writeFileSync(`${root}/${path}`, "");
    }
  });
  afterAll(() => rmSync(root, { recursive: true }));

  test("lists test files by name, not what was built, installed or recorded", () => {
    expect(findTestFiles(root)).toEqual([`${root}/a_test.ts`, `${root}/folder/second_test.ts`]);
  });
  test.each([["second"], ["./folder/second"], ["folder/"]])("the filter %s keeps one", (filter) => {
    expect(findTestFiles(root, [filter])).toEqual([`${root}/folder/second_test.ts`]);
  });
  test("a file stays if one filter of several fits", () => {
    expect(findTestFiles(root, ["none", "a_test", "second"])).toHaveLength(2);
  });
  test("a filter that fits nothing leaves nothing", () => expect(findTestFiles(root, ["none"])).toEqual([]));
});
