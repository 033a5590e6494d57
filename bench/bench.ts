/** What a bench is: contenders that are measured side by side, round by round, and the ratios that count. */

/** A runtime that Slotcask runs on. */
export type RuntimeName = "deno" | "bun";

/** One bench. */
export interface Bench {
  /** Its name on the command line, in kebab-case: `catch-up`, `get`. */
  readonly name: string;
  /** What is measured, in one line. */
  readonly title: string;
  /** Starts what all rounds need. */
  prepare(setup: Setup): Promise<Prepared>;
}

/** What a bench is prepared with. */
export interface Setup {
  /** An empty directory of its own, removed afterwards. */
  dir: string;
  /** The runtimes to measure. */
  runtimes: readonly RuntimeName[];
  /** Smaller numbers, to see that it works: such figures mean nothing. */
  quick: boolean;
}

/** A bench that is ready for its rounds. */
export interface Prepared extends AsyncDisposable {
  /** Measured in this order in every round. */
  contenders: Contender[];
  /** What the medians of the rounds are compared by. */
  ratios: Ratio[];
}

/** Something that is measured. */
export interface Contender {
  /** `slotcask deno`, `armdb`, `ack-only bun`, `lmdb deno`. */
  readonly name: string;
  /** Measured in no more rounds than this, since one takes long; in all of them if not given. */
  readonly rounds?: number;
  /** Measures once. */
  measure(round: number): Promise<Figures>;
}

/** Figures of one round by their names, which end in their unit: `slots/s`, `p99 ms`, `rss MB`. */
export type Figures = Record<string, number>;

/** One figure of one contender, divided by the same figure of another. */
export interface Ratio {
  /** The figure's name. */
  figure: string;
  /** The contender whose figure is divided. */
  of: string;
  /** The contender that it is divided by; none compares the figure itself. */
  against?: string;
  /** Whether a smaller ratio is better. */
  atMost?: boolean;
  /** What it must be. */
  must: number;
  /** Where it should end. */
  reach: number;
}
