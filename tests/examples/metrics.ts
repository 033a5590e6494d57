/** The metrics that there are, by a scrape of a real follower, and those that a text names. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { createAdmin } from "../../admin/mod.ts";
import { follow } from "../../mod.ts";
import { startSmallLeader } from "../harness/small_leader.ts";

/** What /metrics of a follower that has caught up answers. */
export async function scrape(): Promise<string> {
  const dir = mkdtempSync(`${tmpdir()}/slotcask-metrics-`);
  try {
    await using leader = await startSmallLeader();
    await using follower = await follow(leader.address, { dir });
    await follower.caughtUp();
    const response = await createAdmin(follower).request("http://localhost/metrics");
    if (response.status !== 200) throw new Error(`/metrics answers ${response.status}`);
    return await response.text();
  } finally {
    rmSync(dir, { recursive: true });
  }
}

/** The names that a query may use: those of a histogram's series stand for the histogram. */
export function seriesNames(exposition: string): string[] {
  return [...exposition.matchAll(/^# TYPE (\w+) (\w+)$/gm)].flatMap(([, name, type]) =>
    type === "histogram" ? ["bucket", "count", "sum"].map((part) => `${name}_${part}`) : [name]
  );
}

/** The label names of each series that has a sample. */
export function labelNames(exposition: string): Map<string, Set<string>> {
  const names = new Map<string, Set<string>>();
  for (const [, name, labels] of exposition.matchAll(/^(slotcask_\w+)(?:\{(.*)\})? /gm)) {
    const known = names.get(name) ?? new Set<string>();
    for (const [, label] of (labels ?? "").matchAll(/(\w+)="/g)) known.add(label);
    names.set(name, known);
  }
  return names;
}

/** The metrics that a text names, each once. */
export function namedMetrics(text: string): string[] {
  return [...new Set(text.match(/\bslotcask_\w+/g) ?? [])];
}

/** The labels by which a text selects, as `metric{label}`, each once. */
export function namedLabels(text: string): { metric: string; label: string }[] {
  return [...text.matchAll(/\b(slotcask_\w+)\{([^}]*)\}/g)].flatMap(([, metric, selectors]) =>
    [...selectors.matchAll(/(\w+)\s*(?:=~|!~|!=|=)\s*\\?"/g)].map(([, label]) => ({ metric, label }))
  );
}

/** Labels that Prometheus adds to what it scrapes. */
export const ADDED_LABELS: readonly string[] = ["job", "instance", "le"];

/** Metrics and labels that a text names and a scrape does not have. */
export function unknownIn(text: string, exposition: string): string[] {
  const series = seriesNames(exposition);
  const labels = labelNames(exposition);
  const metrics = namedMetrics(text).filter((name) => !series.includes(name));
  const strangeLabels = namedLabels(text).filter(({ metric, label }) =>
    !ADDED_LABELS.includes(label) && labels.get(metric)?.has(label) === false
  );
  return [...metrics, ...strangeLabels.map(({ metric, label }) => `${metric}{${label}}`)];
}
