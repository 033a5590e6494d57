import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { follow } from "../../mod.ts";
import { dumpOf, filledStore, isClean } from "../cli/leading.ts";

/** On loopback nobody listens there. */
const NOBODY = "127.0.0.1:1";

describe("follow with a signal", () => {
  let folder = "";
  beforeEach(() => void (folder = mkdtempSync(`${tmpdir()}/slotcask-start-`)));
  afterEach(() => rmSync(folder, { recursive: true }));

  test("that was aborted before touches nothing", async () => {
    const signal = AbortSignal.abort(new Error("enough"));
    await expect(follow(NOBODY, { dir: `${folder}/replica`, signal })).rejects.toThrow("enough");
    await expect(dumpOf(`${folder}/replica`)).rejects.toThrow("there is no armdb fixed store");
  });

  test("that is aborted while the directory opens leaves it clean and unlocked", async () => {
    const dir = `${folder}/replica`;
    await (await filledStore(dir, { keys: 100 })).close();
    const controller = new AbortController();
    const started = follow(NOBODY, { dir, signal: controller.signal });
    controller.abort(new Error("enough"));
    await expect(started).rejects.toThrow("enough");
    expect(isClean(dir)).toBe(true);
    expect(await dumpOf(dir)).toHaveLength(100);
  });

  test("that is aborted while a fresh directory waits for the shape unlocks it", async () => {
    const dir = `${folder}/replica`;
    const controller = new AbortController();
    const onEvent = ({ type }: { type: string }) => {
      if (type === "end") controller.abort(new Error("enough"));
    };
    await expect(follow(NOBODY, { dir, signal: controller.signal, onEvent })).rejects.toThrow("enough");
    await (await filledStore(dir, { keys: 1 })).close();
  });

  test("that is aborted later does nothing", async () => {
    const dir = `${folder}/replica`;
    await (await filledStore(dir, { keys: 100 })).close();
    const controller = new AbortController();
    await using follower = await follow(NOBODY, { dir, signal: controller.signal });
    controller.abort();
    expect(follower.size).toBe(100);
    expect(follower.status().phase).not.toBe("stopped");
  });
});
