/** The mutants that no test can catch, each with the reason: survivors.json. */

import { type Mutant, placeOf } from "./mutants.ts";

/** An entry of survivors.json. */
export interface KnownSurvivor {
  file: string;
  /** The line of code, with what is changed between « and »; a longer change ends with the line. */
  code: string;
  /** What takes its place, or several of them; a dropped statement leaves ";". */
  after: string | string[];
  /** Why the program is no worse for it. */
  reason: string;
}

/** A mutant as survivors.json writes it: its line, with marks around what is changed. */
export function markedLine(source: string, { at, before }: Mutant): string {
  const { column } = placeOf(source, at);
  const lineAt = at - column + 1;
  const line = source.slice(lineAt, source.indexOf("\n", at));
  const changed = before.split("\n")[0];
  return `${line.slice(0, column - 1)}«${changed}»${line.slice(column - 1 + changed.length)}`.trim();
}

/** The entry for a mutant. */
export function findKnown(
  known: readonly KnownSurvivor[],
  source: string,
  mutant: Mutant,
): KnownSurvivor | undefined {
  const line = markedLine(source, mutant);
  return known.find(({ file, code, after }) =>
    file === mutant.file && code === line && [after].flat().includes(mutant.after)
  );
}

/** What is wrong with the entries: those whose mutant can no longer be made, and those without a reason. */
export function staleEntries(
  known: readonly KnownSurvivor[],
  mutantsIn: (file: string) => { source: string; mutants: readonly Mutant[] },
): string[] {
  return known.flatMap((entry) => {
    const { source, mutants } = mutantsIn(entry.file);
    const lines = mutants.filter((mutant) => markedLine(source, mutant) === entry.code);
    const missing = [entry.after].flat().filter((after) => !lines.some((mutant) => mutant.after === after));
    const name = `${entry.file}: ${entry.code}`;
    return [
      ...missing.map((after) => `${name} -> ${after}: there is no such mutant`),
      ...(entry.reason.trim() === "" ? [`${name}: no reason is given`] : []),
    ];
  });
}
