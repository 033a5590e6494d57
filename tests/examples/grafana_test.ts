import { describe, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { ROOT, runChild } from "../harness/runtimes.ts";
import { requireTool } from "../harness/tools.ts";
import { scrape, unknownIn } from "./metrics.ts";

const LIMIT_MS = 60_000;
const promtool = requireTool("promtool");

interface Panel {
  id: number;
  title: string;
  datasource: { type: string; uid: string };
  gridPos: { x: number; y: number; w: number; h: number };
  targets: { expr: string; refId: string }[];
}

interface Dashboard {
  title: string;
  uid: string;
  panels: Panel[];
  templating: { list: { name: string; type: string }[] };
}

/** What Grafana puts in the place of its variables. */
function withVariables(expression: string): string {
  return expression.replaceAll("$__rate_interval", "5m").replaceAll("$instance", ".*");
}

describe("examples/grafana.json", () => {
  const { title, uid, panels, templating }: Dashboard = JSON.parse(
    readFileSync(`${ROOT}/examples/grafana.json`, "utf8"),
  );
  const expressions = panels.flatMap(({ targets }) => targets.map(({ expr }) => withVariables(expr)));

  test("is a dashboard: a title, an address of its own, and panels with queries", () => {
    expect([title, uid]).toEqual(["Slotcask", "slotcask"]);
    expect(panels.filter(({ targets }) => targets.length === 0).map(({ title }) => title)).toEqual([]);
    expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length);
  });

  test("asks which data source and which followers, and uses no other source", () => {
    expect(templating.list.map(({ name, type }) => `${name} ${type}`)).toEqual([
      "datasource datasource",
      "instance query",
    ]);
    expect([...new Set(panels.map(({ datasource }) => datasource.uid))]).toEqual(["${datasource}"]);
  });

  test("has panels that lie within 24 columns and on no other", () => {
    const cells = panels.flatMap(({ gridPos: { x, y, w, h } }) =>
      Array.from({ length: w * h }, (_, i) => `${x + i % w},${y + Math.floor(i / w)}`)
    );
    expect(new Set(cells).size).toBe(cells.length);
    expect(Math.max(...panels.map(({ gridPos: { x, w } }) => x + w))).toBe(24);
  });

  test("uses metrics and labels that a follower has", async () => {
    expect(unknownIn(expressions.join("\n"), await scrape())).toEqual([]);
  });

  test.skipIf(promtool === undefined)("has queries that promtool can parse", async () => {
    const folder = mkdtempSync(`${tmpdir()}/slotcask-grafana-`);
    try {
      const rules = expressions.map((expr, i) => ({ record: `panel:query:${i}`, expr }));
      // JSON is YAML.
      writeFileSync(`${folder}/rules.yml`, JSON.stringify({ groups: [{ name: "dashboard", rules }] }));
      const { code, output } = await runChild(promtool!, ["check", "rules", `${folder}/rules.yml`]);
      expect(output).toContain(`SUCCESS: ${expressions.length} rules found`);
      expect(code).toBe(0);
    } finally {
      rmSync(folder, { recursive: true });
    }
  }, LIMIT_MS);
});
