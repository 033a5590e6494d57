/** `status`: what a running follower says of itself, by its admin. */

import { SlotcaskError } from "../errors.ts";
import type { FollowerStatus } from "../replica/status.ts";
import { AdminClient } from "./admin_client.ts";
import { type ArgumentSpec, parseFlags } from "./args.ts";
import { CLIENT_USAGE, type ClientFlags, clientFlags } from "./client_flags.ts";
import { type CliContext, type Command, ExitCode } from "./command.ts";
import { failureLine } from "./failure.ts";
import { onOff } from "./flags.ts";
import { isCatchingUp, liveLine, summedLine, type View } from "./progress.ts";
import { Rates } from "./rate.ts";
import { Screen } from "./screen.ts";
import { statusTable } from "./status_table.ts";
import { waitFor, withStopRequest } from "./stop_signal.ts";
import { tokenOf, tokenProblems } from "./token.ts";

const USAGE = `Show how a running follower does: state, freshness, keys, rate, each shard, and its errors.

Usage: slotcask status [flags]

${CLIENT_USAGE}  --watch                       go on until Ctrl-C: a live table on a terminal, else a line a second
  --json                        the JSON of the admin's /status, with --watch one line a second
  --help                        this text

Each flag can be set by its environment variable, too: --admin is SLOTCASK_ADMIN.
Exit codes: 0 shown, 1 the admin cannot be reached, 2 usage, 3 refused (token, permission).

Examples:
  slotcask status
  slotcask status --watch
  slotcask status --admin replica-7:9464 --admin-token-file /run/secrets/admin
  slotcask status --json | jq .shards[0].phase
`;

/** Between the two looks that a rate is taken from, in ms. */
const RATE_MS = 300;
/** Between looks of --watch, in ms. */
const WATCH_MS = { terminal: 500, lines: 1000 };
/** More would not fit a terminal, and lines that scrolled away cannot be drawn again. */
const MOST_SHARDS = 12;

type Flags = ClientFlags & { watch: ReturnType<typeof onOff>; json: ReturnType<typeof onOff> };

/** See the head of this file. */
export const command: Command = {
  name: "status",
  summary: "show how a running follower does, once or live",
  usage: USAGE,
  run(args, context) {
    const { files, process } = context.runtime;
    const spec: ArgumentSpec<Flags> = {
      flags: { ...clientFlags(files), watch: onOff(), json: onOff() },
      positionals: [],
      check: ({ flags }) => tokenProblems(flags),
    };
    const { flags } = parseFlags(args, spec, context);
    return withStopRequest(process, async ({ signal }) => {
      const client = new AdminClient(flags.admin, { token: tokenOf(flags), signal });
      try {
        if (!flags.watch) await showOnce({ client, context, signal, isJson: flags.json });
        else await watch({ client, context, signal, isJson: flags.json });
      } catch (error) {
        if (error !== signal.reason) throw error;
      }
      return ExitCode.done;
    });
  },
};

/** What a look at a follower is made of. */
interface Look {
  client: AdminClient;
  context: CliContext;
  signal: AbortSignal;
  isJson: boolean;
}

async function showOnce({ client, context, signal, isJson }: Look): Promise<void> {
  const first = await client.status();
  if (isJson) return context.out(JSON.stringify(first, null, 2) + "\n");
  const rates = new Rates();
  statusTable({ status: first, rates, nowMs: Date.now() });
  await waitFor(RATE_MS, signal);
  const status = await client.status();
  const lines = statusTable({ status, rates, nowMs: Date.now() });
  context.out(lines.map((line) => `${line}\n`).join(""));
}

/** The first look must succeed; then it goes on, whatever becomes of the admin. */
async function watch(look: Look): Promise<void> {
  const { client, context, isJson } = look;
  const { process } = context.runtime;
  const isTerminal = !isJson && process.isTerminal(1);
  const screen = new Screen({ write: context.out, columns: () => process.columns() });
  const rates = new Rates();
  let status = await client.status();
  try {
    for (;;) {
      const view = { status, rates, nowMs: Date.now() };
      if (isTerminal) screen.draw(statusTable(view, { mostShards: MOST_SHARDS }));
      else context.out(`${isJson ? JSON.stringify(status) : statusLine(view)}\n`);
      status = await nextStatus(look, { screen, isTerminal, last: status });
    }
  } finally {
    // Over the ^C that the terminal wrote.
    if (isTerminal) context.out("\r\x1b[K");
  }
}

/** Asks until there is an answer, and says meanwhile why there is none. */
async function nextStatus(
  { client, context, signal }: Look,
  { screen, isTerminal, last }: { screen: Screen; isTerminal: boolean; last: FollowerStatus },
): Promise<FollowerStatus> {
  for (;;) {
    await waitFor(isTerminal ? WATCH_MS.terminal : WATCH_MS.lines, signal);
    try {
      return await client.status();
    } catch (error) {
      if (error === signal.reason || !(error instanceof SlotcaskError)) throw error;
      if (error.remedy === "stop") throw error;
      if (isTerminal) screen.draw([failureLine(error), `The last that it said was: ${last.phase}`]);
      else context.err(`${timeText()} ${failureLine(error)}\n`);
    }
  }
}

function statusLine(view: View): string {
  const { status } = view;
  return `${timeText()} ${isCatchingUp(status) ? `catching-up: ${summedLine(view)}` : liveLine(view)}`;
}

function timeText(): string {
  return new Date().toISOString();
}
