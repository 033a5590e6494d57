import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { command } from "../../src/cli/ctl.ts";
import { exitCodeOf } from "../../src/cli/failure.ts";
import type { VerifyStatus } from "../../src/replica/status.ts";
import { liveStatus } from "../admin/fake_follower.ts";
import { FakeAdmin, type FakeRequest, nobody } from "./fake_admin.ts";
import { ask, Following } from "./following.ts";
import { dumpOf, entriesOf, Leading } from "./leading.ts";
import { PATIENCE_MS, Program } from "./program.ts";
import { runCommand } from "./run_command.ts";

const LIMIT_MS = 2 * PATIENCE_MS;

async function failureOf(args: string[]): Promise<[number, string]> {
  try {
    await runCommand(command, args);
  } catch (error) {
    return [exitCodeOf(error), (error as Error).message];
  }
  throw new Error("It did not fail");
}

/** What the admin of a follower says of it. */
async function statusOf(url: string): Promise<{ phase: string; paused: boolean; leader: string }> {
  return JSON.parse((await ask(`${url}status`)).text);
}

describe("ctl acts on a running follower", () => {
  let following: Following;
  let folder: string;
  beforeAll(async () => {
    folder = mkdtempSync(`${tmpdir()}/slotcask-ctl-`);
    following = await Following.start({ flags: ["--allow-actions", "--backup-dir", `${folder}/backups`] });
  }, LIMIT_MS);
  afterAll(async () => {
    await following[Symbol.asyncDispose]();
    rmSync(folder, { recursive: true });
  });
  const ctl = (...args: string[]) => runCommand(command, [...args, "--admin", following.url]);

  test("pause and resume, in the program", async () => {
    const run = (action: string) => Program.slotcask(["ctl", action, "--admin", following.url]).ended;
    expect(await run("pause")).toMatchObject({ code: 0, out: expect.stringMatching(/^paused: /), err: "" });
    expect(await statusOf(following.url)).toMatchObject({ phase: "paused", paused: true });
    expect(await run("resume")).toMatchObject({ code: 0, out: expect.stringMatching(/^resumed: /), err: "" });
    expect((await statusOf(following.url)).paused).toBe(false);
    await following.program.says("admin: resume done");
  }, LIMIT_MS);

  test("rescan of all, or of one shard", async () => {
    expect(await ctl("rescan")).toMatchObject({
      code: 0,
      out: expect.stringMatching(/^the rescan has begun/),
    });
    await following.program.says("admin: rescan done");
    expect((await ctl("rescan", "--shard", "1")).code).toBe(0);
    await following.program.says('admin: rescan {"shard":1} done');
    const [code, message] = await failureOf(["rescan", "--shard", "2", "--admin", following.url]);
    expect([code, message]).toEqual([2, expect.stringContaining("shard is 2, allowed are 0 to 1")]);
  }, LIMIT_MS);

  test("verify waits for its end", async () => {
    const { code, out } = await ctl("verify");
    expect(out).toMatch(/^verified [\d,]+ slots in \d\.\d s: none damaged\n$/);
    expect(code).toBe(0);
  }, LIMIT_MS);

  test("backup tells the folder, which holds what the leader has", async () => {
    const { code, out } = await ctl("backup");
    const [, path] = /^backed up [\d,]+ slots, [\d,]+ bytes in \d\.\d s: (.+)\n$/.exec(out)!;
    expect(code).toBe(0);
    expect(path).toContain(`${folder}/backups/`);
    expect(await dumpOf(path)).toEqual(entriesOf(following.leading.store));
  }, LIMIT_MS);

  test("retarget follows another leader", async () => {
    await using other = await Leading.start(5);
    const { code, out } = await ctl("retarget", other.address);
    expect([code, out]).toEqual([0, `retargeted: it follows ${other.address}\n`]);
    expect((await statusOf(following.url)).leader).toBe(other.address);
    await ctl("retarget", following.leading.address);
  }, LIMIT_MS);
});

describe("ctl against a follower that refuses", () => {
  let following: Following;
  beforeAll(async () => void (following = await Following.start()), LIMIT_MS);
  afterAll(() => following[Symbol.asyncDispose]());

  test.each([["rescan"], ["pause"], ["resume"], ["verify"], ["backup"]])(
    "ends %s with 3, and says how to allow it",
    async (action) => {
      const [code, message] = await failureOf([action, "--admin", following.url]);
      expect([code, message]).toEqual([3, expect.stringContaining("--allow-actions")]);
      expect(message).toContain("(actions-not-allowed, status 403)");
    },
  );
});

describe("ctl by what the admin says", () => {
  const begun: VerifyStatus = {
    startedAtMs: 2000,
    endedAtMs: null,
    slots: 10,
    position: 5,
    damaged: 0,
    error: null,
  };
  const earlier: VerifyStatus = { ...begun, startedAtMs: 1000, endedAtMs: 1500 };

  /** An admin whose status is each of these in turn, and then the last. */
  function admin(...states: (VerifyStatus | null)[]): Promise<FakeAdmin> {
    let looks = 0;
    const answer = ({ method }: FakeRequest) =>
      method === "POST"
        ? { status: 202, body: { action: "verify" } }
        : { body: liveStatus({ verify: states[Math.min(looks++, states.length - 1)] }) };
    return FakeAdmin.start(answer);
  }

  test("verify does not take an earlier one for its own", async () => {
    await using fake = await admin(earlier, earlier, begun, { ...begun, endedAtMs: 3500, slots: 7 });
    const { code, out } = await runCommand(command, ["verify", "--admin", fake.address]);
    expect([code, out]).toEqual([0, "verified 7 slots in 1.5 s: none damaged\n"]);
    expect(fake.requests.map(({ method }) => method)).toEqual(["GET", "POST", "GET", "GET", "GET"]);
  });

  test("verify ends with 1 where slots were damaged", async () => {
    await using fake = await admin(null, { ...begun, endedAtMs: 2100, damaged: 3 });
    const { code, out } = await runCommand(command, ["verify", "--admin", fake.address]);
    expect([code, out]).toEqual([
      1,
      "verified 10 slots in 0.1 s: 3 damaged: a rescan brings them again\n",
    ]);
  });

  test("verify ends with 1 where it failed", async () => {
    await using fake = await admin(null, { ...begun, endedAtMs: 2100, error: "the follower was closed" });
    expect(await failureOf(["verify", "--admin", fake.address])).toEqual([
      1,
      "Cannot end the verify: the follower was closed",
    ]);
  });

  test("--no-wait answers at once", async () => {
    await using fake = await admin(null);
    const { code, out } = await runCommand(command, ["verify", "--no-wait", "--admin", fake.address]);
    expect([code, out]).toEqual([0, "the verify has begun: slotcask status shows how far it is\n"]);
    expect(fake.requests).toHaveLength(2);
  });

  test("sends what was asked, and the token", async () => {
    await using fake = await FakeAdmin.start(({ path }) => ({ body: { action: path.slice("/v1/".length) } }));
    const flags = ["--admin", fake.address, "--admin-token", "t"];
    await runCommand(command, ["rescan", "--shard", "3", ...flags]);
    await runCommand(command, [...flags, "retarget", ":9"]);
    const authorization = "Bearer t";
    expect(fake.requests).toEqual([
      { method: "POST", path: "/v1/rescan", authorization, body: '{"shard":3}' },
      { method: "POST", path: "/v1/retarget", authorization, body: '{"leader":":9"}' },
    ]);
  });

  test.each<[unknown]>([[{}], [[]], [["pause"]], [{ status: "ok" }], [{ action: "resume" }], [{
    action: true,
  }]])(
    "what answers %j has not paused: it is no admin",
    async (body) => {
      await using fake = await FakeAdmin.start(() => ({ body }));
      const [code, message] = await failureOf(["pause", "--admin", fake.address]);
      expect([code, message]).toEqual([
        1,
        `Cannot use the answer of http://${fake.address}/ (status 200): it is no admin of Slotcask`,
      ]);
    },
  );

  test("verify does not begin where there is no admin", async () => {
    await using fake = await FakeAdmin.start(() => ({ body: { verify: null, action: "verify" } }));
    expect(await failureOf(["verify", "--admin", fake.address])).toEqual([
      1,
      expect.stringContaining("it is no admin of Slotcask"),
    ]);
    expect(fake.requests.map(({ method }) => method)).toEqual(["GET"]);
  });

  test.each<[number, number]>([[400, 2], [401, 3], [403, 3], [409, 3], [500, 1], [502, 1], [503, 1]])(
    "a refusal with %d ends with %d, with code and message",
    async (status, expected) => {
      await using fake = await FakeAdmin.start(() => ({
        status,
        body: { error: { code: "a-code", message: "Cannot do: it is so" } },
      }));
      const [code, message] = await failureOf(["pause", "--admin", fake.address]);
      expect(code).toBe(expected);
      expect(message).toMatch(/^Cannot do: it is so \(a-code/);
    },
  );
});

describe("ctl refuses", () => {
  test.each<[string[], string]>([
    [[], "Cannot go on: ACTION is missing; allowed as ACTION are rescan, pause,"],
    [["restart"], 'Cannot use the action "restart": allowed are rescan, pause,'],
    [["retarget"], "LEADER is missing"],
    [["retarget", "nowhere"], 'Cannot use the address "nowhere"'],
    [["pause", "more"], 'Cannot use the argument "more"'],
    [["pause", "--shard", "1"], "Cannot use --shard with pause: only rescan takes it"],
    [["rescan", "--shard", "-1"], "Cannot use --shard"],
    [["rescan", "--shard", "1.5"], "Cannot use --shard=1.5: allowed is a whole number"],
    [["rescan", "--no-wait"], "Cannot use --no-wait with rescan: only verify and backup wait"],
  ])("%j with 2", async (args, message) => {
    expect(await failureOf(args)).toEqual([2, expect.stringContaining(message)]);
  });

  test("with 1 where nobody answers", async () => {
    const address = await nobody();
    const [code, message] = await failureOf(["pause", "--admin", address]);
    expect([code, message]).toEqual([
      1,
      expect.stringContaining(`Cannot reach the admin at http://${address}/: `),
    ]);
  });
});
