/** What rounds gave, and how it stands against the ratios that count. */
import type { Figures, Ratio } from "./bench.ts";
import { type Spread, spreadOf } from "./statistics.ts";

/** A contender and what its rounds gave. */
export interface Measured {
  /** Its name. */
  name: string;
  /** One entry a round. */
  rounds: Figures[];
  /** Why it was not measured any further: what it failed with. */
  error?: string;
}

/** A bench's outcome. */
export interface BenchResult {
  /** The bench's name. */
  name: string;
  /** What was measured. */
  title: string;
  /** Contenders in the order of measuring. */
  contenders: Measured[];
  /** The ratios that could be formed. */
  ratios: RatioResult[];
}

/** How a ratio came out. */
export interface RatioResult extends Ratio {
  /** Ratio of the medians, or the median itself where there is no `against`. */
  value: number;
  /** Lowest and highest of the rounds, each taken by itself; where rounds differ in number, of those both have. */
  lowest: number;
  /** See `lowest`. */
  highest: number;
  /** Whether it is what it must be. */
  met: boolean;
  /** Whether it is where it should end. */
  reached: boolean;
}

/** The spread of each figure of a contender, in the order in which the figures first came. */
export function spreads({ rounds }: Measured): Map<string, Spread> {
  const names = new Set(rounds.flatMap((figures) => Object.keys(figures)));
  return new Map([...names].map((name) => [name, spreadOf(valuesOf(rounds, name))]));
}

/** The ratios of which both sides were measured: a runtime that was left out has none. */
export function judge(ratios: readonly Ratio[], contenders: readonly Measured[]): RatioResult[] {
  return ratios.map((ratio) => judgeOne(ratio, contenders)).filter((result) => result !== undefined);
}

function judgeOne(ratio: Ratio, contenders: readonly Measured[]): RatioResult | undefined {
  const of = figuresOf(contenders, ratio.of, ratio.figure);
  const against = ratio.against === undefined
    ? of.map(() => 1)
    : figuresOf(contenders, ratio.against, ratio.figure);
  if (of.length === 0 || against.length === 0) return undefined;
  const value = spreadOf(of).median / spreadOf(against).median;
  const paired = of.slice(0, against.length).map((figure, round) => figure / against[round]);
  const { min: lowest, max: highest } = spreadOf(paired);
  const fits = (limit: number) => ratio.atMost ? value <= limit : value >= limit;
  return { ...ratio, value, lowest, highest, met: fits(ratio.must), reached: fits(ratio.reach) };
}

function figuresOf(contenders: readonly Measured[], name: string, figure: string): number[] {
  return valuesOf(contenders.find((contender) => contender.name === name)?.rounds ?? [], figure);
}

function valuesOf(rounds: readonly Figures[], figure: string): number[] {
  return rounds.map((figures) => figures[figure]).filter((value) => value !== undefined);
}
