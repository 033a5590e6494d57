/** `follow LEADER`: a replica in a directory. */

import { ConnectionError, DivergedError, SlotcaskError } from "../errors.ts";
import { follow } from "../replica/follow.ts";
import type { Follower } from "../replica/follower.ts";
import type { FollowerStatus } from "../replica/status.ts";
import { type RunningAdmin, startAdmin } from "./admin.ts";
import type { FlagValues } from "./args.ts";
import { type CliContext, type Command, ExitCode } from "./command.ts";
import { formatDuration } from "./duration.ts";
import { FOLLOW_USAGE, type FollowFlags, followOptions, parseFollow } from "./follow_flags.ts";
import { LiveView } from "./live_view.ts";
import { plural } from "./progress.ts";
import { type StopRequest, withStopRequest } from "./stop_signal.ts";

const V1_WARNING = "this leader speaks protocol 1, which streams to the first connection of its life only: " +
  "--until-caught-up uses that stream up, and later followers are kept fresh by scans alone until it restarts";

/** See the head of this file. */
export const command: Command = {
  name: "follow",
  summary: "keep a copy of a leader's data in a directory, and keep it fresh",
  usage: FOLLOW_USAGE,
  run(args, context) {
    const { flags, positionals } = parseFollow(args, context);
    return withStopRequest(context.runtime.process, async (stop) => {
      const view = new LiveView(context, { format: flags.log });
      try {
        return await new FollowRun({ leader: positionals[0], flags, context, stop, view }).run();
      } finally {
        view.end();
      }
    });
  },
};

/** Why a run ended. */
type Outcome = "stopped" | "caught up" | "too late";

/** What a run is made of. */
interface RunParts {
  leader: string;
  flags: FlagValues<FollowFlags>;
  context: CliContext;
  stop: StopRequest;
  view: LiveView;
}

/** One run of the command. */
class FollowRun {
  readonly #parts: RunParts;
  readonly #startedAt = performance.now();
  #hasWarned = false;

  constructor(parts: RunParts) {
    this.#parts = parts;
  }

  async run(): Promise<number> {
    const { view, leader, flags } = this.#parts;
    view.log("info", `following ${leader} into ${flags.dir}`);
    const follower = await this.#start();
    if (follower === undefined) return ExitCode.done;
    view.show(follower);
    this.#warnOfV1(follower.status());
    follower.caughtUp().then(() => this.#tellCaughtUp(follower), () => {});
    // Not waited for: to load it takes longer than a small catch-up.
    const starting = this.#startAdmin(follower);
    let outcome: Outcome;
    let admin: RunningAdmin | undefined;
    try {
      outcome = await Promise.race([this.#outcome(follower), failureOf(starting)]);
      admin = await starting;
    } catch (error) {
      await this.#close(follower, await starting.catch(() => undefined));
      throw error;
    }
    const failure = this.#failureOf(outcome, follower);
    await this.#close(follower, admin);
    if (failure !== undefined) throw failure;
    return ExitCode.done;
  }

  /** A follower, or undefined where it was asked to stop before there was one. */
  async #start(): Promise<Follower | undefined> {
    const { leader, flags, stop, view } = this.#parts;
    try {
      return await follow(leader, {
        ...followOptions(flags),
        signal: stop.signal,
        onEvent: (event) => view.onEvent(event),
      });
    } catch (error) {
      if (error !== stop.signal.reason) throw error;
      view.log("info", "stopped before anything was opened or received");
      return undefined;
    }
  }

  async #startAdmin(follower: Follower): Promise<RunningAdmin | undefined> {
    const { flags, context: { runtime }, view: { log } } = this.#parts;
    const admin = await startAdmin(follower, { values: flags, runtime, log });
    if (admin !== undefined) log("info", `admin: ${admin.url}`);
    return admin;
  }

  async #outcome(follower: Follower): Promise<Outcome> {
    const { stop, flags } = this.#parts;
    const stopped = Promise.race([stop.requested, follower.closed]).then((): Outcome => "stopped");
    if (!flags["until-caught-up"]) return await stopped;
    const timeout = withTimeout(flags.timeout - (performance.now() - this.#startedAt));
    const caughtUp = follower.caughtUp().then((): Outcome => "caught up");
    try {
      return await Promise.race([stopped, caughtUp, timeout.over.then((): Outcome => "too late")]);
    } finally {
      caughtUp.catch(() => {});
      timeout.cancel();
    }
  }

  /** The version of an existing directory's leader is known only later: so this is asked again at the end. */
  #warnOfV1({ protocol }: FollowerStatus): void {
    const { flags, view } = this.#parts;
    if (protocol !== 1 || !flags["until-caught-up"] || this.#hasWarned) return;
    this.#hasWarned = true;
    view.log("warning", V1_WARNING);
  }

  #tellCaughtUp(follower: Follower): void {
    const seconds = formatDuration(performance.now() - this.#startedAt);
    this.#parts.view.log("info", `caught up: ${plural(follower.size, "key")} in ${seconds}`);
  }

  /** What the outcome fails with, told from the status before the close; undefined where all is well. */
  #failureOf(outcome: Outcome, follower: Follower): SlotcaskError | undefined {
    const { leader, flags } = this.#parts;
    const status = follower.status();
    this.#warnOfV1(status);
    const diverged = status.shards.find(({ phase }) => phase === "diverged");
    if (diverged !== undefined) {
      return new DivergedError(
        diverged.error?.message ?? `Cannot follow: shard ${diverged.shard} has diverged`,
      );
    }
    if (outcome !== "too late") return undefined;
    return new ConnectionError(
      `Cannot catch up with ${leader} within ${formatDuration(flags.timeout)}: ${howFar(status)}`,
    );
  }

  async #close(follower: Follower, admin: RunningAdmin | undefined): Promise<void> {
    const { view } = this.#parts;
    const { keys } = follower.status();
    view.end();
    // The admin first: its streams then end with its own word, and not with that of a closed follower.
    const [, dirty] = await Promise.all([admin?.close(), follower.close()]);
    if (dirty.length === 0) return view.log("info", `stopped cleanly with ${plural(keys, "key")}`);
    view.log("warning", `stopped, left dirty: ${shardList(dirty)}; the next open reads all their slots`);
  }
}

/** Rejects as a promise does; else it never settles. */
function failureOf(promise: Promise<unknown>): Promise<never> {
  return promise.then(() => new Promise<never>(() => {}));
}

/** `1 of 2 shards is caught up`, and why the others are not. */
function howFar({ shards, shape }: FollowerStatus): string {
  const done = shards.filter(({ scans }) => scans.whole > 0).length;
  const error = shards.find(({ error }) => error !== null)?.error?.message;
  return `${done} of ${plural(shape?.shardCount ?? 1, "shard")} caught up${
    error === undefined ? "" : `; ${error}`
  }`;
}

function withTimeout(ms: number): { over: Promise<void>; cancel(): void } {
  let timer: ReturnType<typeof setTimeout>;
  const over = new Promise<void>((resolve) => timer = setTimeout(resolve, Math.max(0, ms)));
  return { over, cancel: () => clearTimeout(timer) };
}

function shardList(shards: number[]): string {
  return `${shards.length === 1 ? "shard" : "shards"} ${shards.toSorted((a, b) => a - b).join(", ")}`;
}
