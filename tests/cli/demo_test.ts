import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import process from "node:process";
import { runtimePath } from "../harness/runtimes.ts";
import { isClean, Leading } from "./leading.ts";
import { PATIENCE_MS, Program } from "./program.ts";

const LIMIT_MS = 2 * PATIENCE_MS;
const deno = process.versions.deno === undefined ? undefined : runtimePath("deno");

let temporary = "";
beforeAll(() => void (temporary = mkdtempSync(`${tmpdir()}/slotcask-demo-test-`)));
afterAll(() => rmSync(temporary, { recursive: true }));

describe("demo", () => {
  test("--seconds ends it with 0, and nothing is left behind", async () => {
    const { code, out, err } = await Program.slotcask(["demo", "--seconds", "2"], {
      env: { TMPDIR: temporary },
    })
      .ended;
    expect({ code, err }).toEqual({ code: 0, err: "" });
    expect(out).toMatch(/live +\d[\d,]+ keys +[1-9][\d,]* events\/s +fresh 0\.\d s ago/);
    expect(out).toMatch(
      /leader and follower hold the same \d[\d,]+ keys; their directory is removed/,
    );
    expect(readdirSync(temporary)).toEqual([]);
  }, LIMIT_MS);

  test.each<["SIGINT" | "SIGTERM"]>([["SIGINT"], ["SIGTERM"]])(
    "%s ends it with 0 and removes its directory",
    async (signal) => {
      await using program = Program.slotcask(["demo"], { env: { TMPDIR: temporary } });
      await program.says("shard 1: live");
      expect(readdirSync(temporary)).toHaveLength(1);
      program.kill(signal);
      expect(await program.ended).toMatchObject({ code: 0, err: "" });
      expect(readdirSync(temporary)).toEqual([]);
    },
    LIMIT_MS,
  );
});

describe.skipIf(deno === undefined)("Ctrl-C under deno task: SIGINT to the process group", () => {
  test("ends the demo with 0 and removes its directory", async () => {
    await using program = Program.start([deno!, "task", "demo"], {
      env: { TMPDIR: temporary },
      detached: true,
    });
    await program.says("shard 1: live");
    process.kill(-program.pid, "SIGINT");
    const { code, out } = await program.ended;
    expect(code).toBe(0);
    expect(out).toContain("their directory is removed");
    expect(readdirSync(temporary)).toEqual([]);
  }, LIMIT_MS);

  test("stops follow cleanly", async () => {
    await using leading = await Leading.start(1000);
    const dir = leading.path("replica");
    const task = `deno run -A mod.ts follow ${leading.address} --dir ${dir}`;
    await using program = Program.start([deno!, "task", "--eval", task], { detached: true });
    await program.says("caught up: ");
    process.kill(-program.pid, "SIGINT");
    expect((await program.ended).code).toBe(0);
    expect(program.out).toContain("stopped cleanly");
    expect(isClean(dir)).toBe(true);
  }, LIMIT_MS);
});
