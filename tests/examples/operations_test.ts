import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { METRICS } from "../../admin/metric_definitions.ts";
import { commands } from "../../src/cli/commands.ts";
import type { Phase } from "../../src/replication/phase.ts";
import { ROOT } from "../harness/runtimes.ts";
import { namedMetrics } from "./metrics.ts";

/** By type, so that a new one is missed here. */
const PHASES: Record<Phase, true> = {
  "connecting": true,
  "greeting": true,
  "catching-up": true,
  "live": true,
  "catch-up-only": true,
  "backing-off": true,
  "paused": true,
  "diverged": true,
  "stopped": true,
};
/** Flags of Deno that the page tells. */
const OF_DENO = ["--allow-net", "--allow-read", "--allow-write", "--allow-env", "--allow-ffi"];

describe("docs/operations.md", () => {
  const page = readFileSync(`${ROOT}/docs/operations.md`, "utf8");
  const flagsIn = (text: string) => text.match(/(?<![\w-])--[a-z][a-z-]*/g) ?? [];

  test("names flags that commands have", () => {
    const known = [...OF_DENO, ...commands.flatMap(({ usage }) => flagsIn(usage))];
    expect(flagsIn(page).filter((flag) => !known.includes(flag))).toEqual([]);
  });

  test("names actions that ctl has", () => {
    const { usage } = commands.find(({ name }) => name === "ctl")!;
    const named = [...page.matchAll(/slotcask ctl ([a-z]+)/g)].map(([, action]) => action);
    expect(named.length).toBeGreaterThan(4);
    expect(named.filter((action) => !usage.includes(`\n  ${action} `))).toEqual([]);
  });

  test("explains each state", () => {
    const explained = [...page.matchAll(/^\| ([a-z][a-z-]*) +\| /gm)].map(([, state]) => state);
    const all = Object.keys(PHASES).sort();
    expect(explained.filter((state) => !["state", "permission"].includes(state)).sort()).toEqual(all);
  });

  test("names metrics that there are", () => {
    const known = METRICS.map(({ name }) => `slotcask_${name}`);
    expect(namedMetrics(page).filter((name) => !known.includes(name))).toEqual([]);
  });

  test("has sections for what its links point to", () => {
    const anchors = [...page.matchAll(/^#+ (.*)$/gm)].map(([, title]) =>
      `#${title.toLowerCase().replaceAll(/[^\w -]/g, "").replaceAll(" ", "-")}`
    );
    const links = [...page.matchAll(/\]\((#[^)]+)\)/g)].map(([, link]) => link);
    expect(links.length).toBeGreaterThan(5);
    expect(links.filter((link) => !anchors.includes(link))).toEqual([]);
  });
});
