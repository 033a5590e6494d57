import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dumpOf, entriesOf, filledStore, isClean, Leading, SHAPE } from "./leading.ts";
import { PATIENCE_MS, Program, type ProgramEnd } from "./program.ts";
import { stallingProxy } from "./stalling_proxy.ts";

const KEYS = 20_000;
const LIMIT_MS = 2 * PATIENCE_MS;
/** On loopback nobody listens there. */
const NOBODY = "127.0.0.1:1";

let leading: Leading;
beforeAll(async () => void (leading = await Leading.start(KEYS)), LIMIT_MS);
afterAll(() => leading[Symbol.asyncDispose]());

let used = 0;
const freshDir = () => leading.path(`replica-${used++}`);

function follow(leader: string, ...flags: string[]): Program {
  return Program.slotcask(["follow", leader, ...flags]);
}

function expectRefusal({ code, err }: ProgramEnd, message: string, expectedCode = 3): void {
  expect(err).toContain(message);
  expect(err).toMatch(/^slotcask: [^\n]+\n$/);
  expect(code).toBe(expectedCode);
}

/** As a crash leaves it: the flag is clear, and a slot was half written. */
function tearFirstSlot(path: string): void {
  const bytes = readFileSync(path);
  bytes[17] = 0;
  bytes[4096 + 8 + 8] ^= 0xff;
  writeFileSync(path, bytes);
}

describe("follow --until-caught-up", () => {
  test("ends with 0, an equal copy and a clean directory", async () => {
    const dir = freshDir();
    const { code, out, err } = await follow(leading.address, "--dir", dir, "--until-caught-up").ended;
    expect({ code, err }).toEqual({ code: 0, err: "" });
    for (
      const line of ["shard 0: catching-up", "shard 1: live", "caught up: 20,000 keys in", "stopped cleanly"]
    ) {
      expect(out).toContain(line);
    }
    expect(isClean(dir)).toBe(true);
    expect(await dumpOf(dir)).toEqual(entriesOf(leading.store));
  }, LIMIT_MS);

  test("takes every flag from the environment, and flags beat it", async () => {
    const dir = freshDir();
    const env = {
      SLOTCASK_DIR: leading.path("not-here"),
      SLOTCASK_UNTIL_CAUGHT_UP: "1",
      SLOTCASK_TIMEOUT: "30s",
      SLOTCASK_STORAGE: "positional",
      SLOTCASK_SYNC: "batch",
      SLOTCASK_NUDGE: "off",
      SLOTCASK_RESCAN: "1m",
      SLOTCASK_PROTOCOL: "2",
      SLOTCASK_ON_DIVERGENCE: "hold",
      SLOTCASK_DIVERGENCE_LIMIT: "5%",
      SLOTCASK_LOG: "json",
    };
    const { code, out, err } = await Program.slotcask(["follow", leading.address, "--dir", dir], { env })
      .ended;
    expect({ code, err }).toEqual({ code: 0, err: "" });
    const lines = out.trim().split("\n").map((line) => JSON.parse(line));
    expect(lines).toContainEqual(expect.objectContaining({ level: "INFO", shard: 1, message: "live" }));
    expect(isClean(dir)).toBe(true);
  }, LIMIT_MS);

  test("ends with 1 where time is up before", async () => {
    await using proxy = await stallingProxy(leading.port, 100_000);
    const dir = freshDir();
    const end = await follow(proxy.address, "--dir", dir, "--until-caught-up", "--timeout", "1s").ended;
    expectRefusal(end, `Cannot catch up with ${proxy.address} within 1.0 s: 0 of 2 shards caught up`, 1);
    expect(isClean(dir)).toBe(true);
  }, LIMIT_MS);

  test("ends with 1 where a fresh directory cannot learn the shape", async () => {
    const end = await follow(NOBODY, "--dir", freshDir(), "--until-caught-up", "--timeout", "300ms").ended;
    expectRefusal(end, `Cannot learn the shape from ${NOBODY} within 300 ms: `, 1);
  }, LIMIT_MS);

  test("ends with 1 where the leader of an existing directory is away", async () => {
    const dir = freshDir();
    await (await filledStore(dir, { keys: 3 })).close();
    const end = await follow(NOBODY, "--dir", dir, "--until-caught-up", "--timeout", "300ms").ended;
    expectRefusal(end, "0 of 2 shards caught up; Cannot connect", 1);
    expect(end.out.match(/backing-off/g)).toHaveLength(1);
    expect(isClean(dir)).toBe(true);
  }, LIMIT_MS);

  test("says that it uses the stream of a leader of protocol 1 up", async () => {
    const flags = ["--dir", freshDir(), "--until-caught-up", "--protocol", "1"];
    const { code, out } = await follow(leading.address, ...flags).ended;
    expect(code).toBe(0);
    expect(out).toMatch(/warning .*protocol 1.*--until-caught-up uses that stream up/);
  }, LIMIT_MS);
});

describe("follow refuses", () => {
  test("a directory of another shape", async () => {
    const dir = freshDir();
    await (await filledStore(dir, { keys: 3, shape: { ...SHAPE, valueLength: 24 } })).close();
    const end = await follow(leading.address, "--dir", dir).ended;
    expectRefusal(end, "24");
    expect(end.err).toContain("16");
    expect(isClean(dir)).toBe(true);
  }, LIMIT_MS);

  test("a directory that somebody holds", async () => {
    const end = await follow(leading.address, "--dir", leading.path("leader")).ended;
    expectRefusal(end, "Cannot lock");
  }, LIMIT_MS);

  test("a directory that is not ours", async () => {
    const dir = freshDir();
    mkdirSync(dir);
    writeFileSync(`${dir}/letter.txt`, "Dear");
    expectRefusal(await follow(leading.address, "--dir", dir).ended, "letter.txt");
  }, LIMIT_MS);

  test("a leader that contradicts what --on-divergence hold keeps", async () => {
    const dir = freshDir();
    await (await filledStore(dir, { keys: KEYS, add: 1 })).close();
    const flags = ["--dir", dir, "--on-divergence", "hold"];
    const end = await follow(leading.address, ...flags, "--until-caught-up").ended;
    expectRefusal(end, "contradicts shard");
    expect(end.out).toMatch(/error .*diverged: /);
    await using running = follow(leading.address, ...flags);
    await running.says("diverged: ");
    running.kill("SIGINT");
    expectRefusal(await running.ended, "contradicts shard");
  }, LIMIT_MS);
});

describe("follow is stopped", () => {
  test.each<["SIGINT" | "SIGTERM"]>([["SIGINT"], ["SIGTERM"]])(
    "by %s while live, cleanly",
    async (signal) => {
      const dir = freshDir();
      await using program = follow(leading.address, "--dir", dir);
      await program.says("caught up: ");
      program.kill(signal);
      const { code, out, err } = await program.ended;
      expect({ code, err }).toEqual({ code: 0, err: "" });
      expect(out).toContain("stopped cleanly with 20,000 keys");
      expect(isClean(dir)).toBe(true);
      expect(await dumpOf(dir)).toEqual(entriesOf(leading.store));
    },
    LIMIT_MS,
  );

  test.each<["SIGINT" | "SIGTERM"]>([["SIGINT"], ["SIGTERM"]])(
    "by %s in the middle of a catch-up",
    async (signal) => {
      const dir = freshDir();
      await using proxy = await stallingProxy(leading.port, 150_000);
      await using program = follow(proxy.address, "--dir", dir);
      await proxy.stalled;
      await program.says("shard 0: catching-up");
      const signalled = performance.now();
      program.kill(signal);
      const { code, err } = await program.ended;
      expect({ code, err }).toEqual({ code: 0, err: "" });
      expect(performance.now() - signalled).toBeLessThan(2000);
      expect(isClean(dir)).toBe(true);
      const dump = await dumpOf(dir);
      const entries = new Set(entriesOf(leading.store));
      expect(dump.length).toBeGreaterThan(100);
      expect(dump.length).toBeLessThan(KEYS);
      expect(dump.every((entry) => entries.has(entry))).toBe(true);
    },
    LIMIT_MS,
  );

  test("by the same request twice: Ctrl-C under deno task arrives twice", async () => {
    const dir = freshDir();
    await using program = follow(leading.address, "--dir", dir);
    await program.says("caught up: ");
    program.kill("SIGINT");
    program.kill("SIGINT");
    program.kill("SIGTERM");
    expect(await program.ended).toMatchObject({ code: 0, err: "" });
    expect(isClean(dir)).toBe(true);
  }, LIMIT_MS);

  test("and names the shards that it leaves dirty: a torn slot that no leader has healed", async () => {
    const dir = freshDir();
    await (await filledStore(dir, { keys: 100 })).close();
    tearFirstSlot(`${dir}/shard_001/fixed.data`);
    await using program = follow(NOBODY, "--dir", dir);
    await program.says("backing-off");
    program.kill("SIGTERM");
    const { code, out, err } = await program.ended;
    expect({ code, err }).toEqual({ code: 0, err: "" });
    expect(out.match(/left dirty: .*/g)).toEqual([
      "left dirty: shard 1; the next open reads all their slots",
    ]);
  }, LIMIT_MS);

  test("before it knows the shape", async () => {
    await using program = follow(NOBODY, "--dir", freshDir());
    await program.says("backing-off");
    program.kill("SIGINT");
    const { code, out, err } = await program.ended;
    expect({ code, err }).toEqual({ code: 0, err: "" });
    expect(out).toContain("stopped before");
  }, LIMIT_MS);
});
