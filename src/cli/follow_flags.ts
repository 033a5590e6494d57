/** The flags of `follow`, and what they ask of the follower. */

import { parseAddress } from "../address.ts";
import { UsageError } from "../errors.ts";
import { MOST_SLOTS } from "../fixed/layout.ts";
import type { FollowOptions } from "../replica/follow_options.ts";
import type { Files } from "../runtime/runtime.ts";
import { STORAGE_KINDS } from "../storage/slot_file.ts";
import {
  ADMIN_FOLLOW_FLAGS,
  ADMIN_FOLLOW_USAGE,
  ADMIN_USAGE,
  adminFlags,
  adminProblems,
} from "./admin_flags.ts";
import { type Arguments, type ArgumentSpec, type FlagValues, type Given, parseFlags } from "./args.ts";
import type { CliContext } from "./command.ts";
import { readConfigFile } from "./config_file.ts";
import { choice, durationOr, onOff, optionalText, percentage, text, wholeTo } from "./flags.ts";
import { LOG_FORMATS } from "./log.ts";

/** What `follow --help` prints. */
export const FOLLOW_USAGE = `Follow a leader: keep a copy of its data in a directory, and keep it fresh.

Usage: slotcask follow LEADER [flags]
       slotcask follow --config FILE [flags]

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
  --rescan DURATION|off         where only scans keep the copy fresh: from one to the next, each shard having
                                its turn, so that a shard is scanned every --rescan x shards (60s)
  --on-divergence guard|accept|hold
                                what to do where the leader contradicts the copy (guard)
  --divergence-limit PERCENT    how much of it guard accepts (10%)
  --max-slots N                 slots that a shard may have, whatever the leader says; mapped takes their room
                                on the disk at once (268435456)
  --log text|json               the format of log lines (text)
  --config FILE                 JSON with the names of these flags as fields, and "leader": see
                                docs/config.schema.json

The admin: a page that shows it all, /healthz, /readyz, /metrics, /status, reads and actions:

${ADMIN_USAGE}${ADMIN_FOLLOW_USAGE}
  --help                        this text

Durations carry units: 50ms, 2s, 1m, 6h. Each flag can be set by its environment variable, too:
--until-caught-up is SLOTCASK_UNTIL_CAUGHT_UP=true, --dir is SLOTCASK_DIR. Flags beat the environment,
which beats the config file.

SIGINT and SIGTERM stop it cleanly within 2 seconds; a second one, a second later, ends it at once.
Exit codes: 0 done or stopped, 1 failed or not caught up in time, 2 usage, 3 refused (wrong shape,
foreign or locked directory, diverged, port of --admin taken), 130 ended at once.

Examples:
  slotcask follow leader:9100
  slotcask follow leader:9100 --dir /var/lib/replica --until-caught-up --timeout 10m
  SLOTCASK_LOG=json slotcask follow armdb://leader:9100 --storage positional
  slotcask follow leader:9100 --admin 0.0.0.0:9464 --admin-token-file /run/secrets/admin
  slotcask follow --config /etc/slotcask.json --admin off
`;

/** The flags of `follow`. */
export type FollowFlags = ReturnType<typeof followFlags>;

/** The flags of `follow`; the return type is that of each. */
export function followFlags(files: Files) {
  return {
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
    "max-slots": wholeTo(MOST_SLOTS),
    "log": choice(LOG_FORMATS, "text"),
    "config": optionalText("a path"),
    ...adminFlags(files),
    ...ADMIN_FOLLOW_FLAGS,
  };
}

/** Reads what `follow` is given. Throws one UsageError for all problems. */
export function parseFollow(args: string[], context: CliContext): Arguments<FollowFlags> {
  const { files } = context.runtime;
  const spec: ArgumentSpec<FollowFlags> = {
    flags: followFlags(files),
    positionals: ["LEADER"],
    config: (path) => readConfigFile(files, path),
    check: (given) => [...leaderProblems(given), ...adminProblems(given.flags, given.isPartial)],
  };
  return parseFlags(args, spec, context);
}

function leaderProblems({ positionals: [leader] }: Given<FollowFlags>): string[] {
  try {
    if (leader !== undefined) parseAddress(leader);
    return [];
  } catch (error) {
    if (error instanceof UsageError) return [error.message];
    throw error;
  }
}

/** How long a fresh directory waits for a leader to tell the shape, in ms. */
const CONNECT_TIMEOUT_MS = 30_000;

/** What the flags ask of the follower. */
export function followOptions(flags: FlagValues<FollowFlags>): FollowOptions {
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
    maxSlots: flags["max-slots"],
    connectTimeoutMs: flags["until-caught-up"]
      ? Math.min(flags.timeout, CONNECT_TIMEOUT_MS)
      : CONNECT_TIMEOUT_MS,
  };
}
