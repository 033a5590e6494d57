import { expect, test } from "bun:test";
import { PATIENCE_MS, Program, runScript } from "./program.ts";

test("a signal a second after the first ends the process at once, with 130", async () => {
  await using program = Program.start(runScript("tests/cli/children/slow_to_stop.ts"));
  await program.says("running");
  program.kill("SIGINT");
  program.kill("SIGINT");
  await program.says("asked");
  program.kill("SIGTERM");
  // It is the time between the signals that makes the difference: the child heard the first before it said so.
  await new Promise((resolve) => setTimeout(resolve, 1010));
  program.kill("SIGTERM");
  expect(await program.ended).toEqual({ code: 130, out: "running\nasked\n", err: "" });
}, 2 * PATIENCE_MS);
