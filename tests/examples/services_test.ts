import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { encode, i64le, struct, u32le, u64be, u64le, type ValueType } from "../../src/values/mod.ts";
import { isClean, Leading } from "../cli/leading.ts";
import { stallingProxy } from "../cli/stalling_proxy.ts";
import { type RuntimeName, runtimePath } from "../harness/runtimes.ts";
import { until } from "../harness/until.ts";
import { commandInHead, Service } from "./service.ts";

const LIMIT_MS = 30_000;
const PATIENCE_MS = 8000;
/** A stop: 500 ms for open answers, then what is left is closed. */
const STOP_MS = 2000;
const SHARD_INFO_BYTES = 17;
const LATER_MS = BigInt(Date.now() + 3_600_000);

/** What a service is asked for, and what is in its leader. */
interface Case {
  runtime: RuntimeName;
  path: string;
  folder: string;
  value: Uint8Array;
  answer: Record<string, unknown>;
  /** The status for a key that the leader does not have. */
  absent: number;
}

const BALANCE = struct({ cents: i64le, updatedMs: u64le });
const COUNT = struct({ used: u32le, limit: u32le, resetsAtMs: u64le });
const CASES: Case[] = [
  {
    runtime: "deno",
    path: "/balances/",
    folder: "balances",
    value: encode(BALANCE, { cents: -1250n, updatedMs: 1_790_000_000_000n }),
    answer: { cents: -1250, updatedMs: 1_790_000_000_000 },
    absent: 404,
  },
  {
    runtime: "bun",
    path: "/limits/",
    folder: "limits",
    value: encode(COUNT, { used: 30, limit: 100, resetsAtMs: LATER_MS }),
    answer: { left: 70 },
    absent: 200,
  },
];

const NAMED_CASES = CASES.map((each): [RuntimeName, Case] => [each.runtime, each]);

describe.each(NAMED_CASES)("examples/%s_service.ts", (runtime, { path, folder, value, answer, absent }) => {
  const isMissing = runtimePath(runtime) === undefined;
  const key = (id: bigint) => encode(u64be as ValueType<bigint>, id);

  test("has a command that names every permission", () => {
    const flags = commandInHead(runtime).filter((word) => word.startsWith("-"));
    expect(flags.includes("-A")).toBe(false);
    expect(flags.length).toBe(runtime === "deno" ? 4 : 0);
  });

  describe.skipIf(isMissing)("that follows", () => {
    let leading: Leading;
    let service: Service;

    beforeAll(async () => {
      leading = await Leading.start(0);
      leading.store.put(key(42n), value);
      service = await Service.start(runtime, leading.address);
      await until(async () => await service.status("/admin/readyz") === 200, PATIENCE_MS, "ready");
    }, LIMIT_MS);

    afterAll(async () => {
      await service?.[Symbol.asyncDispose]();
      await leading[Symbol.asyncDispose]();
    });

    test("answers from its copy", async () => {
      const response = await service.get(`${path}42`);
      expect(response.status).toBe(200);
      expect(await response.json()).toMatchObject(answer);
      expect(await service.status(`${path}43`)).toBe(absent);
      expect(await service.status(`${path}x`)).toBe(404);
    });

    test("has the admin below /admin, behind the token", async () => {
      const open = await fetch(`${service.url}/admin/status`);
      expect(open.status).toBe(401);
      await open.body?.cancel();
      expect(await (await service.get("/admin/status")).json()).toMatchObject({ phase: "live", keys: 1 });
      expect(await (await service.get("/admin/metrics")).text()).toContain("\nslotcask_ready 1\n");
      expect(await (await service.get("/admin/")).text()).toMatch(/^<!doctype html>/i);
    });

    test("ends its watches and closes its directory by SIGTERM", async () => {
      const watch = await service.get("/admin/v1/watch?initial=true");
      expect(watch.status).toBe(200);
      const startedAt = performance.now();
      service.program.kill("SIGTERM");
      expect(await watch.text()).toContain("event: stopping");
      expect(await service.program.ended).toMatchObject({ code: 0, err: "" });
      expect(performance.now() - startedAt).toBeLessThan(STOP_MS);
      expect(isClean(`${service.folder}/${folder}`)).toBe(true);
    }, LIMIT_MS);
  });

  test.skipIf(isMissing)("answers 503 where it knows too little, and stops all the same", async () => {
    await using leading = await Leading.start(10);
    await using proxy = await stallingProxy(leading.port, SHARD_INFO_BYTES);
    await using service = await Service.start(runtime, proxy.address);
    expect(await service.status(`${path}42`)).toBe(503);
    expect(await service.status("/admin/readyz")).toBe(503);
    service.program.kill("SIGTERM");
    expect((await service.program.ended).code).toBe(0);
  }, LIMIT_MS);
});
