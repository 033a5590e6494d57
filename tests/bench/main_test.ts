/** The command as it is typed, with a real leader and armdb's own follower. */
import { expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { OWN_RUNTIME, runChild, runtimePath } from "../harness/runtimes.ts";
import { ArmdbPeer } from "../interop/armdb_peer.ts";

const DENO = runtimePath("deno");
const canRun = DENO !== undefined && ArmdbPeer.available().ok;
const LIMIT_MS = 60_000;

function bench(...args: string[]) {
  return runChild(DENO!, ["run", "-A", "--no-check", "bench/main.ts", ...args]);
}

test.if(canRun)("catch-up --quick measures everybody, and prints and writes what it measured", async () => {
  const dir = mkdtempSync(join(tmpdir(), "slotcask-bench-"));
  const json = join(dir, "result.json");
  try {
    const args = ["catch-up", "--quick", "--rounds", "1", "--runtime", OWN_RUNTIME, "--json", json];
    const { code, output } = await bench(...args);
    expect({ code, output }).toEqual({ code: 0, output });
    const { quick, rounds, runtimes, machine, benches: [result] } = JSON.parse(readFileSync(json, "utf8"));
    expect([quick, rounds, Object.keys(runtimes), machine.cores > 0]).toEqual([true, 1, [OWN_RUNTIME], true]);
    const names = result.contenders.map(({ name }: { name: string }) => name);
    for (
      const name of [
        `slotcask ${OWN_RUNTIME}`,
        `positional ${OWN_RUNTIME}`,
        "armdb",
        `ack-only ${OWN_RUNTIME}`,
      ]
    ) {
      expect(names).toContain(name);
      expect(output).toContain(`\n${name} `);
    }
    for (const { rounds: [figures] } of result.contenders) {
      for (const value of Object.values(figures)) expect(value).toBeGreaterThanOrEqual(0);
      expect(figures["M slots/s"]).toBeGreaterThan(0);
    }
    expect(result.ratios).toHaveLength(2);
    expect(output).toContain(`slotcask ${OWN_RUNTIME} / armdb`);
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}, LIMIT_MS);

test.if(canRun)("an unknown name is refused with those that there are", async () => {
  const { code, output } = await bench("no-such-bench");
  expect(code).toBe(1);
  expect(output).toContain("Cannot run the bench no-such-bench: there are catch-up");
}, LIMIT_MS);
