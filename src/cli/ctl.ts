/** `ctl ACTION`: acts on a running follower, by its admin. */

import { parseAddress } from "../address.ts";
import { UsageError } from "../errors.ts";
import { AdminClient } from "./admin_client.ts";
import { type ArgumentSpec, type FlagValues, type Given, parseFlags } from "./args.ts";
import { CLIENT_USAGE, clientFlags } from "./client_flags.ts";
import { type Command, ExitCode } from "./command.ts";
import { awaitEnd, type LongAction } from "./ctl_wait.ts";
import { onOff, optionalWhole } from "./flags.ts";
import { withStopRequest } from "./stop_signal.ts";
import { tokenOf, tokenProblems } from "./token.ts";
import type { Files } from "../runtime/runtime.ts";

const USAGE = `Act on a running follower.

Usage: slotcask ctl ACTION [flags]

  rescan             scan all shards again, or one with --shard N
  pause              close the links to the leader: the copy is served, and ages
  resume             connect again
  verify             check every slot that is served; damaged ones are scanned again
  retarget LEADER    follow another leader of the same shape
  backup             copy the directory into a new folder under the follower's --backup-dir

${CLIENT_USAGE}  --shard N                     with rescan: this shard alone
  --no-wait                     with verify and backup: do not wait for the end
  --help                        this text

Actions need the admin's token, or a follower that was started with --allow-actions.
Each flag can be set by its environment variable, too: --admin is SLOTCASK_ADMIN.
Exit codes: 0 done, 1 failed, slots were damaged, or the admin cannot be reached, 2 usage, 3 refused
(token, actions not allowed, conflict, permission).

Examples:
  slotcask ctl rescan --shard 3
  slotcask ctl verify --admin replica-7:9464 --admin-token-file /run/secrets/admin
  slotcask ctl retarget other-leader:9100
  slotcask ctl backup --no-wait
`;

const ACTIONS = ["rescan", "pause", "resume", "verify", "retarget", "backup"] as const;
type Action = typeof ACTIONS[number];

/** What is told of an action that is over, or only begun, once the admin has answered. */
const DONE: Record<Exclude<Action, LongAction | "retarget">, string> = {
  rescan: "the rescan has begun: slotcask status --watch shows how far it is",
  pause: "paused: the links are closed, the copy is served and ages",
  resume: "resumed: it connects again",
};

function ctlFlags(files: Files) {
  return { ...clientFlags(files), "shard": optionalWhole(), "no-wait": onOff() };
}

type CtlFlags = ReturnType<typeof ctlFlags>;

/** See the head of this file. */
export const command: Command = {
  name: "ctl",
  summary: "act on a running follower: rescan, pause, resume, verify, retarget, backup",
  usage: USAGE,
  run(args, context) {
    const { files, process } = context.runtime;
    const spec: ArgumentSpec<CtlFlags> = {
      flags: ctlFlags(files),
      positionals: args.includes("retarget") ? ["ACTION", "LEADER"] : ["ACTION"],
      check: (given) => [...problemsOf(given), ...tokenProblems(given.flags)],
    };
    const { flags, positionals } = parseFlags(args, spec, context);
    const [action, leader] = positionals as [Action, string | undefined];
    return withStopRequest(process, async ({ signal }) => {
      const client = new AdminClient(flags.admin, { token: tokenOf(flags), signal });
      try {
        if (action === "verify" || action === "backup") {
          return await awaitEnd(action, { client, context, signal, isWaiting: !flags["no-wait"] });
        }
        await client.act(action, parametersOf(flags, leader));
        context.out(`${action === "retarget" ? `retargeted: it follows ${leader}` : DONE[action]}\n`);
      } catch (error) {
        if (error !== signal.reason) throw error;
        context.out(`${action} is no longer waited for, but may go on: slotcask status shows it\n`);
      }
      return ExitCode.done;
    });
  },
};

function parametersOf({ shard }: FlagValues<CtlFlags>, leader: string | undefined): Record<string, unknown> {
  if (leader !== undefined) return { leader };
  return shard === undefined ? {} : { shard };
}

/** Problems of the action, and of flags that another one has. */
function problemsOf({ flags, positionals: [action, leader] }: Given<CtlFlags>): string[] {
  if (action === undefined) return [`allowed as ACTION are ${ACTIONS.join(", ")}`];
  if (!(ACTIONS as readonly string[]).includes(action)) {
    return [`Cannot use the action "${action}": allowed are ${ACTIONS.join(", ")}`];
  }
  const problems = leader === undefined ? [] : addressProblems(leader);
  if (flags.shard !== undefined && action !== "rescan") {
    problems.push(`Cannot use --shard with ${action}: only rescan takes it`);
  }
  if (flags["no-wait"] && action !== "verify" && action !== "backup") {
    problems.push(`Cannot use --no-wait with ${action}: only verify and backup wait`);
  }
  return problems;
}

function addressProblems(leader: string): string[] {
  try {
    parseAddress(leader);
    return [];
  } catch (error) {
    if (error instanceof UsageError) return [error.message];
    throw error;
  }
}
