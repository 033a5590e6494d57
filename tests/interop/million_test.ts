/** A stop is clean and quick at a million slots too, in the middle of a scan and live. */
import { describe, expect, test } from "bun:test";
import { closeSync, existsSync, openSync, readSync } from "node:fs";

import { Program } from "../cli/program.ts";
import { canRun, LIMIT_MS, Stage } from "./stage.ts";

const KEYS = 1_000_000;
const SHARDS = 2;
/** SIGINT and SIGTERM end the command within this, in ms. */
const STOP_MS = 2000;

/** Whether a shard was closed cleanly: the flag of its header is set, and the sidecar is there. */
function isClean(dir: string, shard: number): boolean {
  const folder = `${dir}/shard_00${shard}`;
  const file = openSync(`${folder}/fixed.data`, "r");
  const flag = new Uint8Array(1);
  readSync(file, flag, 0, 1, 17);
  closeSync(file);
  return flag[0] === 1 && existsSync(`${folder}/fixed.versions`);
}

async function stop(program: Program, signal: "SIGINT" | "SIGTERM"): Promise<number> {
  const signalled = performance.now();
  program.kill(signal);
  const { code, err } = await program.ended;
  expect({ code, err }).toEqual({ code: 0, err: "" });
  return performance.now() - signalled;
}

describe.if(canRun)("a million slots of a real leader", () => {
  test("SIGINT in the middle of the scan, then SIGTERM while live: clean, within 2 s", async () => {
    await using stage = new Stage();
    const leader = await stage.leader(2, { shards: SHARDS, fill: KEYS });
    const dir = `${stage.dir}/replica`;

    await leader.command("hold-scan 300000");
    await using scanning = Program.slotcask(["follow", leader.address, "--dir", dir]);
    await Promise.all([0, 1].map((shard) => leader.peer.event(`scan-held ${shard}`)));
    expect(await stop(scanning, "SIGINT")).toBeLessThan(STOP_MS);
    expect([isClean(dir, 0), isClean(dir, 1)]).toEqual([true, true]);

    await leader.command("release-scan");
    await using live = Program.slotcask(["follow", leader.address, "--dir", dir]);
    await live.says("caught up: ");
    expect(live.out).toContain("1,000,000 keys");
    expect(await stop(live, "SIGTERM")).toBeLessThan(STOP_MS);
    expect([isClean(dir, 0), isClean(dir, 1)]).toEqual([true, true]);
    // Both scans really ran: the whole one is counted in full, and the held one's batches were acknowledged.
    expect(await leader.metric("catchup_slots_scanned")).toBeGreaterThanOrEqual(KEYS);
  }, 2 * LIMIT_MS);
});
