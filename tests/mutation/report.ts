/** What a run of mutants came to, as text. */

import { type Mutant, placeOf } from "./mutants.ts";
import type { KnownSurvivor } from "./survivors.ts";

/** What became of a mutant. A test that hangs caught it. */
export type Outcome = "caught" | "hung" | "survived";

/** A mutant that was run. */
export interface Result {
  mutant: Mutant;
  outcome: Outcome;
  /** The entry of survivors.json, where it has one. */
  known?: KnownSurvivor;
}

/** A mutant on one line, by its place. */
export function describeMutant(source: string, mutant: Mutant): string {
  const { line, column } = placeOf(source, mutant.at);
  return `${mutant.file}:${line}:${column} ${oneLine(mutant.before)} -> ${
    oneLine(mutant.after) || "(nothing)"
  }`;
}

function oneLine(text: string): string {
  const line = text.replace(/\s+/g, " ");
  return line.length <= 80 ? line : `${line.slice(0, 79)}…`;
}

/** The share of mutants that were caught, 0 to 1. Those that nothing can catch count as not caught. */
export function score(results: readonly Result[]): number {
  return results.filter(({ outcome }) => outcome !== "survived").length / results.length;
}

/** Counts by file, and then each survivor. */
export function reportLines(results: readonly Result[], read: (path: string) => string): string[] {
  const files = [...new Set(results.map(({ mutant }) => mutant.file))].sort();
  const rows = files.map((file) => row(file, results.filter(({ mutant }) => mutant.file === file)));
  const survivors = results.filter(({ outcome }) => outcome === "survived");
  const text = ({ mutant }: Result) => describeMutant(read(mutant.file), mutant);
  return [
    "caught  hung  survived  file",
    ...rows,
    row("all", results),
    "",
    ...survivors.filter(({ known }) => known === undefined).map((result) => `survived: ${text(result)}`),
    ...survivors.filter(({ known }) => known !== undefined).map((result) =>
      `answered: ${text(result)}: ${result.known!.reason}`
    ),
    ...results.filter(({ outcome, known }) => outcome !== "survived" && known !== undefined).map((result) =>
      `caught after all, take it out of survivors.json: ${text(result)}`
    ),
    `${(100 * score(results)).toFixed(1)} % of ${results.length} mutants were caught`,
  ];
}

function row(name: string, results: readonly Result[]): string {
  const count = (wanted: Outcome) => results.filter(({ outcome }) => outcome === wanted).length;
  const cells = [
    `${count("caught")}`.padStart(6),
    `${count("hung")}`.padStart(6),
    `${count("survived")}`.padStart(10),
  ];
  return `${cells.join("")}  ${name}`;
}
