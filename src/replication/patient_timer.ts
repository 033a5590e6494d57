import { LONGEST_TIMEOUT_MS } from "../time_slice.ts";

/**
 * A timer that comes so late says that the process stood still. What came meanwhile, the end of the connection among
 * it, lies unread in the kernel, and nothing is concluded from silence before it was looked at.
 */
const LATE_MS = 25;
/** How long to look, and how often in a row: a machine that is always late must go on all the same. */
const GRACE_MS = 50, MOST_GRACES = 4;

/** What a {@link PatientTimer} needs. */
export interface PatientTimerOptions {
  /** The clock, in ms. */
  now(): number;
  /** Whether it is wanted at the moment; who does not want it arms it again later. */
  isWanted(): boolean;
  /** It is time, or was. */
  onDue(now: number): void;
}

/** One timer that may be brought forward, and gives a process that stood still time to read what came meanwhile. */
export class PatientTimer {
  readonly #options: PatientTimerOptions;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #due = Infinity;
  #graces = 0;

  /** A timer that is not armed. */
  constructor(options: PatientTimerOptions) {
    this.#options = options;
  }

  /** Calls at `due` on the clock, if it would not do so before. */
  arm(due: number): void {
    if (due < this.#due) this.#armAt(due);
  }

  /** Calls no more, until it is armed again. */
  stop(): void {
    clearTimeout(this.#timer);
    this.#due = Infinity;
  }

  #armAt(due: number): void {
    if (this.#due !== Infinity) clearTimeout(this.#timer);
    this.#due = due;
    // Whole ms: the runtimes cut what is left off, and come too early.
    const wait = Math.ceil(Math.min(Math.max(0, due - this.#options.now()), LONGEST_TIMEOUT_MS));
    this.#timer = setTimeout(this.#onTimer, wait);
  }

  #onTimer = (): void => {
    const now = this.#options.now();
    const lateMs = now - this.#due;
    this.#due = Infinity;
    if (!this.#options.isWanted()) return;
    if (lateMs > LATE_MS && this.#graces++ < MOST_GRACES) return this.#armAt(now + GRACE_MS);
    this.#graces = 0;
    this.#options.onDue(now);
  };
}
