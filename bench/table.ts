/** Results as lines of text that fit a terminal. */
import { type BenchResult, type RatioResult, spreads } from "./results.ts";
import type { Spread } from "./statistics.ts";

/** Columns of the widest line, as far as names and figures allow. */
const WIDTH = 100;
const GAP = "  ";

/** A bench's table: figures as `median (min..max)`, then its ratios. */
export function benchLines(result: BenchResult): string[] {
  const title = `${result.name}: ${result.title}`;
  const failures = failureLines(result);
  return [
    "",
    title,
    "=".repeat(title.length),
    ...figureLines(result),
    ...failures,
    ...ratioLines(result.ratios),
  ];
}

/** Contenders that failed, each with what it said, and a line behind them. */
function failureLines({ contenders }: BenchResult): string[] {
  const lines = contenders.filter(({ error }) => error !== undefined).map(({ name, error }) =>
    `${name} FAILED: ${error}`.trim()
  );
  return lines.length === 0 ? [] : [...lines, ""];
}

/** Three digits that count: 0.0123, 1.23, 12.3, 123, 1234. */
export function formatFigure(value: number): string {
  if (value === 0) return "0";
  const digits = Math.floor(Math.log10(Math.abs(value)));
  return value.toFixed(Math.min(6, Math.max(0, 2 - digits)));
}

/** A column: its head and a cell for each contender. */
type Column = string[];

function figureLines({ contenders }: BenchResult): string[] {
  const rows = contenders.map(spreads);
  const names = [
    "",
    ...contenders.map((contender) => contender.name + (roundsNote(contender.rounds.length))),
  ];
  const figures = [...new Set(rows.flatMap((row) => [...row.keys()]))];
  const columns = figures.map((figure) => [figure, ...rows.map((row) => formatSpread(row.get(figure)))]);
  return blocks(names, columns).flatMap((block) => [...alignColumns(names, block), ""]);

  /** Said where a contender had fewer rounds than the others. */
  function roundsNote(rounds: number): string {
    const most = Math.max(...contenders.map((contender) => contender.rounds.length));
    return rounds === most ? "" : ` (${rounds} round${rounds === 1 ? "" : "s"})`;
  }
}

function formatSpread(spread: Spread | undefined): string {
  if (spread === undefined) return "-";
  const { median, min, max } = spread;
  const middle = formatFigure(median);
  return min === max ? middle : `${middle} (${formatFigure(min)}..${formatFigure(max)})`;
}

/** Columns that stand side by side within the width; each block repeats the names. */
function blocks(names: Column, columns: Column[]): Column[][] {
  const blocks: Column[][] = [];
  let left = 0;
  for (const column of columns) {
    const width = widthOf(column) + GAP.length;
    if (blocks.length === 0 || width > left) {
      blocks.push([]);
      left = WIDTH - widthOf(names);
    }
    blocks.at(-1)!.push(column);
    left -= width;
  }
  return blocks;
}

/** Names to the left, figures to the right. */
function alignColumns(names: Column, columns: Column[]): string[] {
  return names.map((name, row) => {
    const cells = columns.map((column) => column[row].padStart(widthOf(column)));
    return [name.padEnd(widthOf(names)), ...cells].join(GAP).trimEnd();
  });
}

function widthOf(column: Column): number {
  return Math.max(...column.map((cell) => cell.length));
}

/** Ratios below the name of the figure that they are of. */
function ratioLines(ratios: readonly RatioResult[]): string[] {
  const rows = ratios.map((ratio) => [
    ratio.against === undefined ? ratio.of : `${ratio.of} / ${ratio.against}`,
    formatRatio(ratio),
    `must ${mark(ratio, ratio.must, ratio.met)}`,
    `reach ${mark(ratio, ratio.reach, ratio.reached)}`,
  ]);
  const widths = rows[0]?.map((_, at) => Math.max(...rows.map((row) => row[at].length)));
  const lines = rows.map((row) => GAP + row.map((cell, at) => cell.padEnd(widths[at])).join(GAP).trimEnd());
  return lines.flatMap((line, at) =>
    ratios[at].figure === ratios[at - 1]?.figure ? line : [ratios[at].figure, line]
  );
}

function formatRatio({ against, value, lowest, highest }: RatioResult): string {
  const unit = against === undefined ? "" : " x";
  const middle = formatFigure(value) + unit;
  return lowest === highest ? middle : `${middle} (${formatFigure(lowest)}..${formatFigure(highest)})`;
}

function mark({ atMost }: RatioResult, limit: number, isMet: boolean): string {
  return `${atMost ? "<=" : ">="} ${formatLimit(limit)} ${isMet ? "met" : "MISSED"}`;
}

/** As it was written, or three digits of one that was computed: 1/15. */
function formatLimit(limit: number): string {
  const written = String(limit);
  return written.length <= 5 ? written : formatFigure(limit);
}
