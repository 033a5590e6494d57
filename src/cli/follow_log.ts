/** A follower's events as log lines. */

import { ProtocolVersionError, SlotcaskError } from "../errors.ts";
import type { FollowerEvent } from "../replica/follow_options.ts";
import type { Phase } from "../replication/phase.ts";
import type { Log, LogLevel } from "./log.ts";
import { RepeatFolder } from "./repeat_folder.ts";

/** `connecting` and `greeting` come with every try, so they are no news. */
const LEVELS: Record<Phase, LogLevel> = {
  "connecting": "debug",
  "greeting": "debug",
  "catching-up": "info",
  "live": "info",
  "catch-up-only": "warning",
  "backing-off": "warning",
  "paused": "info",
  "diverged": "error",
  "stopped": "info",
};

const EXPLANATIONS: Partial<Record<Phase, string>> = {
  "catch-up-only":
    "the leader streams nothing to this connection, so only repeated scans keep the copy fresh",
  "diverged": "the leader's data contradicts the copy, which is served as it is; see --on-divergence",
};

/** Options of {@link FollowLog}. */
export interface FollowLogOptions {
  /** A clock, in ms. */
  now(): number;
  /** Whether phases are told by other means, a live screen: then only those that need explaining are written. */
  quiet: boolean;
}

/** Writes a line per change of phase of a shard, and folds errors that repeat. */
export class FollowLog {
  readonly #log: Log;
  readonly #quiet: boolean;
  readonly #folder: RepeatFolder;
  readonly #told = new Map<number, Phase>();
  readonly #hasAskedVersion = new Set<number>();

  /** Writes to a log. */
  constructor(log: Log, { now, quiet }: FollowLogOptions) {
    this.#log = log;
    this.#quiet = quiet;
    this.#folder = new RepeatFolder(now);
  }

  /** Tells what happened. */
  add(event: FollowerEvent): void {
    if (event.type === "phase") this.#phase(event.shard, event.phase);
    else if (event.type === "notice") this.#log("info", event.message, event.shard);
    else this.#ended(event.shard, event.reason, event.error);
  }

  #phase(shard: number, phase: Phase): void {
    const level = LEVELS[phase];
    if (phase === "live" || phase === "catch-up-only") this.#endErrors(shard);
    if (level !== "debug") {
      if (this.#told.get(shard) === phase) return;
      this.#told.set(shard, phase);
    }
    const explanation = EXPLANATIONS[phase];
    const text = explanation === undefined ? phase : `${phase}: ${explanation}`;
    this.#log(this.#quiet && explanation === undefined ? "debug" : level, text, shard);
  }

  #ended(shard: number, reason: string, error: Error | undefined): void {
    if (error === undefined) return this.#log("debug", `the connection ended: ${reason}`, shard);
    if (this.#isFirstVersionAnswer(shard, error)) return this.#log("debug", error.message, shard);
    const line = this.#folder.add(shard, error.message);
    if (line === undefined) return;
    const isFatal = error instanceof SlotcaskError && error.remedy !== "reconnect";
    this.#log(isFatal ? "error" : "warning", line, shard);
  }

  /** How a leader of another version is found: where that ends the follower, its error is told anyway. */
  #isFirstVersionAnswer(shard: number, error: Error): boolean {
    if (!(error instanceof ProtocolVersionError) || this.#hasAskedVersion.has(shard)) return false;
    this.#hasAskedVersion.add(shard);
    return true;
  }

  #endErrors(shard: number): void {
    for (const line of this.#folder.end(shard)) this.#log("info", line);
  }
}
