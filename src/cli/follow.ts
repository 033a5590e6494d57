/** `follow LEADER`: a replica in a directory. */

import { parseAddress } from "../address.ts";
import { ConnectionError, DivergedError, SlotcaskError } from "../errors.ts";
import { follow } from "../replica/follow.ts";
import type { FollowOptions } from "../replica/follow_options.ts";
import type { Follower } from "../replica/follower.ts";
import type { FollowerStatus } from "../replica/status.ts";
import { STORAGE_KINDS } from "../storage/slot_file.ts";
import { type FlagValues, parseFlags } from "./args.ts";
import { type CliContext, type Command, ExitCode } from "./command.ts";
import { formatDuration } from "./duration.ts";
import { choice, durationOr, onOff, percentage, text } from "./flags.ts";
import { LiveView } from "./live_view.ts";
import { LOG_FORMATS } from "./log.ts";
import { plural } from "./progress.ts";
import { type StopRequest, withStopRequest } from "./stop_signal.ts";

const USAGE = `Follow a leader: keep a copy of its data in a directory, and keep it fresh.

Usage: slotcask follow LEADER [flags]

LEADER is host:port, [v6]:port, :port (this machine) or armdb://host:port.

  --dir DIR                     the replica's directory, made if need be (./replica)
  --until-caught-up             end with 0 once every shard has caught up
  --timeout DURATION            with --until-caught-up: end with 1 after so long (60s)
  --storage resident|positional|mapped
                                all slots in memory, none, or those that the system keeps there; mapped
                                needs Linux and, under Deno, --allow-ffi (resident)
  --sync none|DURATION|batch    when data is made durable (50ms)
  --protocol auto|1|2           the protocol version (auto)
  --nudge DURATION|off          idle time after which a leader of protocol 2 is nudged (2ms)
  --rescan DURATION|off         time between scans where only they keep the copy fresh (60s)
  --on-divergence guard|accept|hold
                                what to do where the leader contradicts the copy (guard)
  --divergence-limit PERCENT    how much of it guard accepts (10%)
  --log text|json               the format of log lines (text)
  --help                        this text

Durations carry units: 50ms, 2s, 1m, 6h. Each flag can be set by its environment variable, too:
--until-caught-up is SLOTCASK_UNTIL_CAUGHT_UP=true, --dir is SLOTCASK_DIR. Flags beat the environment.

SIGINT and SIGTERM stop it cleanly within 2 seconds; a second one, a second later, ends it at once.
Exit codes: 0 done or stopped, 1 failed or not caught up in time, 2 usage, 3 refused (wrong shape,
foreign or locked directory, diverged), 130 ended at once.

Examples:
  slotcask follow leader:9100
  slotcask follow leader:9100 --dir /var/lib/replica --until-caught-up --timeout 10m
  SLOTCASK_LOG=json slotcask follow armdb://leader:9100 --storage positional
`;

const FLAGS = {
  "dir": text("a path", "./replica"),
  "until-caught-up": onOff(),
  "timeout": durationOr([], 60_000),
  "storage": choice(STORAGE_KINDS, "resident"),
  "sync": durationOr(["none", "batch"], 50),
  "protocol": choice(["auto", "1", "2"], "auto"),
  "nudge": durationOr(["off"], 2),
  "rescan": durationOr(["off"], 60_000),
  "on-divergence": choice(["guard", "accept", "hold"], "guard"),
  "divergence-limit": percentage(0.1),
  "log": choice(LOG_FORMATS, "text"),
};

/** How long a fresh directory waits for a leader to tell the shape, in ms. */
const CONNECT_TIMEOUT_MS = 30_000;

const V1_WARNING = "this leader speaks protocol 1, which streams to the first connection of its life only: " +
  "--until-caught-up uses that stream up, and later followers are kept fresh by scans alone until it restarts";

/** See the head of this file. */
export const command: Command = {
  name: "follow",
  summary: "keep a copy of a leader's data in a directory, and keep it fresh",
  usage: USAGE,
  run(args, context) {
    const { flags, positionals } = parseFlags(args, { flags: FLAGS, positionals: ["LEADER"] }, context);
    parseAddress(positionals[0]);
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
  flags: FlagValues<typeof FLAGS>;
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
    let outcome: Outcome;
    try {
      outcome = await this.#outcome(follower);
    } catch (error) {
      await this.#close(follower);
      throw error;
    }
    const failure = this.#failureOf(outcome, follower);
    await this.#close(follower);
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

  async #close(follower: Follower): Promise<void> {
    const { view } = this.#parts;
    const { keys } = follower.status();
    view.end();
    const dirty = await follower.close();
    if (dirty.length === 0) return view.log("info", `stopped cleanly with ${plural(keys, "key")}`);
    view.log("warning", `stopped, left dirty: ${shardList(dirty)}; the next open reads all their slots`);
  }
}

/** `1 of 2 shards is caught up`, and why the others are not. */
function howFar({ shards, shape }: FollowerStatus): string {
  const done = shards.filter(({ scans }) => scans.whole > 0).length;
  const error = shards.find(({ error }) => error !== null)?.error?.message;
  return `${done} of ${plural(shape?.shardCount ?? 1, "shard")} caught up${
    error === undefined ? "" : `; ${error}`
  }`;
}

function followOptions(flags: FlagValues<typeof FLAGS>): FollowOptions {
  const { protocol, nudge, rescan } = flags;
  return {
    dir: flags.dir,
    storage: flags.storage,
    sync: flags.sync,
    protocol: protocol === "auto" ? protocol : protocol === "1" ? 1 : 2,
    nudgeMs: nudge === "off" ? false : nudge,
    rescanMs: rescan === "off" ? false : rescan,
    onDivergence: flags["on-divergence"],
    divergenceLimit: flags["divergence-limit"],
    connectTimeoutMs: flags["until-caught-up"]
      ? Math.min(flags.timeout, CONNECT_TIMEOUT_MS)
      : CONNECT_TIMEOUT_MS,
  };
}

function withTimeout(ms: number): { over: Promise<void>; cancel(): void } {
  let timer: ReturnType<typeof setTimeout>;
  const over = new Promise<void>((resolve) => timer = setTimeout(resolve, ms));
  return { over, cancel: () => clearTimeout(timer) };
}

function shardList(shards: number[]): string {
  return `${shards.length === 1 ? "shard" : "shards"} ${shards.toSorted((a, b) => a - b).join(", ")}`;
}
