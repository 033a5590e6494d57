import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdirSync } from "node:fs";
import { dumpOf, filledStore, isClean, Leading } from "./leading.ts";
import { PATIENCE_MS, Program } from "./program.ts";

const LIMIT_MS = 2 * PATIENCE_MS;

let leading: Leading;
let dir = "";
beforeAll(async () => {
  leading = await Leading.start(10);
  dir = leading.path("served");
  await (await filledStore(dir, { keys: 500 })).close();
}, LIMIT_MS);
afterAll(() => leading[Symbol.asyncDispose]());

function lead(path: string, ...flags: string[]): Program {
  return Program.slotcask(["lead", path, ...flags]);
}

describe("lead", () => {
  test.each<["SIGINT" | "SIGTERM"]>([["SIGINT"], ["SIGTERM"]])(
    "serves a directory at the address that it prints, until %s",
    async (signal) => {
      await using program = lead(dir, "--listen", "127.0.0.1:0");
      await program.says("500 keys, 2 shards");
      const address = /at (127\.0\.0\.1:[1-9]\d*): 500 keys/.exec(program.out)![1];
      const copy = leading.path(`copy-${signal}`);
      const follower = Program.slotcask(["follow", address, "--dir", copy, "--until-caught-up"]);
      expect(await follower.ended).toMatchObject({ code: 0, err: "" });
      await program.says("left");
      expect(program.out).toMatch(/a follower connected from 127\.0\.0\.1:\d+\n/);
      program.kill(signal);
      expect(await program.ended).toMatchObject({ code: 0, err: "" });
      expect(program.out).toContain("stopped cleanly");
      expect(isClean(dir)).toBe(true);
      expect(await dumpOf(copy)).toEqual(await dumpOf(dir));
    },
    LIMIT_MS,
  );

  test("refuses a port that is taken, and names the address", async () => {
    const { code, err } = await lead(dir, "--listen", leading.address).ended;
    expect({ code, err }).toEqual({
      code: 3,
      err: `slotcask: Cannot listen on ${leading.address}: the port is taken\n`,
    });
    expect(isClean(dir)).toBe(true);
  }, LIMIT_MS);

  test("refuses a directory that somebody holds", async () => {
    const { code, err } = await lead(leading.path("leader"), "--listen", ":0").ended;
    expect(code).toBe(3);
    expect(err).toMatch(/^slotcask: Cannot lock [^\n]+\n$/);
  }, LIMIT_MS);

  test("refuses a directory without a store, and one that is not there", async () => {
    mkdirSync(leading.path("empty"));
    for (const name of ["empty", "missing"]) {
      const { code, err } = await lead(leading.path(name), "--listen", ":0").ended;
      expect(code).toBe(3);
      expect(err).toMatch(/^slotcask: Cannot open [^\n]+ there is no armdb fixed store in it[^\n]+\n$/);
    }
  }, LIMIT_MS);
});
