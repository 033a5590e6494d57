/** What a running command shows: a live screen on a terminal, log lines elsewhere. */

import type { Follower } from "../replica/follower.ts";
import type { FollowerEvent } from "../replica/follow_options.ts";
import type { CliContext } from "./command.ts";
import { FollowLog } from "./follow_log.ts";
import { type Log, type LogFormat, openLog } from "./log.ts";
import { EVENTS, isCatchingUp, liveLine, statusLines, summedLine, type View } from "./progress.ts";
import { Rates } from "./rate.ts";
import { Screen } from "./screen.ts";

/** How often a terminal is drawn, in ms. */
const DRAW_MS = 100;
/** How often a log says how a long catch-up goes, in ms. */
const PROGRESS_LINE_MS = 5000;

/** Options of {@link LiveView}. */
export interface LiveViewOptions {
  /** The format of log lines; `json` is for machines, so no screen is drawn. */
  format: LogFormat;
  /** Where no terminal is: a line with the status every so many ms, instead of progress lines alone. */
  statusLineMs?: number;
}

/** Shows a follower. */
export class LiveView {
  /** Writes a log line. */
  readonly log: Log;
  /** Whether a screen is drawn. */
  readonly isTerminal: boolean;
  readonly #screen: Screen;
  readonly #events: FollowLog;
  readonly #context: CliContext;
  readonly #statusLineMs: number | undefined;
  readonly #rates = new Rates();
  #follower: Follower | undefined;
  #timer: ReturnType<typeof setInterval> | undefined;

  /** A view without a follower. */
  constructor(context: CliContext, { format, statusLineMs }: LiveViewOptions) {
    const { process } = context.runtime;
    this.#context = context;
    this.#statusLineMs = statusLineMs;
    this.isTerminal = format === "text" && process.isTerminal(1);
    this.#screen = new Screen({ write: context.out, columns: () => process.columns() });
    this.log = openLog(format, {
      writeLine: (line) => this.line(line),
      debug: context.env("SLOTCASK_DEBUG") === "1",
    });
    this.#events = new FollowLog(this.log, { now: () => performance.now(), quiet: this.isTerminal });
  }

  /** Writes a line, above the screen where there is one. */
  line(text: string): void {
    if (this.isTerminal) this.#screen.line(text);
    else this.#context.out(`${text}\n`);
  }

  /** Takes a follower's events. */
  onEvent(event: FollowerEvent): void {
    this.#events.add(event);
    if (event.type === "phase" && event.phase === "live") this.#countEventsFromHere();
  }

  /** Shows this follower's status until {@link end}. */
  show(follower: Follower): void {
    this.#follower = follower;
    const everyMs = this.isTerminal ? DRAW_MS : this.#statusLineMs ?? PROGRESS_LINE_MS;
    this.#timer = setInterval(() => this.#tick(), everyMs);
    if (this.isTerminal) this.#tick();
    else this.#countEventsFromHere();
  }

  /** Draws a last time and leaves it. */
  end(): void {
    if (this.#timer === undefined) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
    if (this.isTerminal) this.#tick();
    this.#screen.leave();
  }

  #tick(): void {
    const view = this.#view();
    if (this.isTerminal) this.#screen.draw(statusLines(view));
    else this.#logStatus(view);
  }

  /** The events of a catch-up would be a rate that nothing streams at. */
  #countEventsFromHere(): void {
    this.#rates.forget(EVENTS);
    if (this.#follower !== undefined && this.#statusLineMs !== undefined) liveLine(this.#view());
  }

  #view(): View {
    const columns = this.isTerminal ? this.#context.runtime.process.columns() : undefined;
    return { status: this.#follower!.status(), rates: this.#rates, nowMs: Date.now(), columns };
  }

  #logStatus(view: View): void {
    if (isCatchingUp(view.status)) this.log("info", `catching-up: ${summedLine(view)}`);
    else if (this.#statusLineMs !== undefined) this.log("info", liveLine(view));
  }
}
