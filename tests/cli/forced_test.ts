import { expect, test } from "bun:test";
import { until } from "../harness/until.ts";
import { PATIENCE_MS, Program, runScript } from "./program.ts";

test("a signal a second after the first ends the process at once, with 130", async () => {
  await using program = Program.start(runScript("tests/cli/children/slow_to_stop.ts"));
  let code: number | null | undefined;
  program.ended.then((end) => code = end.code);
  await program.says("running");
  const first = performance.now();
  program.kill("SIGINT");
  await program.says("asked");
  await until(() => {
    program.kill("SIGTERM");
    return code !== undefined;
  }, PATIENCE_MS);
  expect(code).toBe(130);
  expect(performance.now() - first).toBeGreaterThan(990);
}, 2 * PATIENCE_MS);
