/** `demo`: a leader and a follower in one process, over a real socket, with nothing installed. */

import { formatAddress } from "../address.ts";
import { ConnectionError } from "../errors.ts";
import { follow } from "../replica/follow.ts";
import type { Follower } from "../replica/follower.ts";
import { openStore, type OwnStore } from "../open_store.ts";
import type { Files } from "../runtime/runtime.ts";
import { type RunningAdmin, startAdmin } from "./admin.ts";
import { ADMIN_USAGE, adminFlags, adminProblems, type AdminValues } from "./admin_flags.ts";
import { type ArgumentSpec, parseFlags } from "./args.ts";
import { type CliContext, type Command, ExitCode } from "./command.ts";
import { DEMO_SHAPE, DemoTraffic } from "./demo_traffic.ts";
import { choice, optionalNumber } from "./flags.ts";
import { LiveView } from "./live_view.ts";
import { LOG_FORMATS } from "./log.ts";
import { plural } from "./progress.ts";
import { serve } from "./serve.ts";
import { type StopRequest, withStopRequest } from "./stop_signal.ts";

const USAGE = `See it work: a leader with changing data and a follower of it, talking over a real socket.

Usage: slotcask demo [flags]

  --seconds N      end after N seconds: with 0 if the follower is live and equal, else with 1
  --log text|json  the format of log lines (text)

The follower's admin: a page that shows it all, with actions, as this is a demo:

${ADMIN_USAGE}
  --help           this text

It needs nothing but free ports on 127.0.0.1, which it finds by itself, and a temporary directory,
which it removes at the end. Each flag can be set by its environment variable, too: SLOTCASK_SECONDS.

Examples:
  slotcask demo
  slotcask demo --seconds 5 --admin off
`;

/** The flags of `demo`. */
function demoFlags(files: Files) {
  return {
    seconds: optionalNumber("a number above 0"),
    log: choice(LOG_FORMATS, "text"),
    ...adminFlags(files),
  };
}

/** How long the last changes may take to arrive once the leader has stopped changing, in ms. */
const SETTLE_MS = { proof: 3000, stopped: 500 };

/** See the head of this file. */
export const command: Command = {
  name: "demo",
  summary: "a leader, a follower and their status: works with nothing installed",
  usage: USAGE,
  run(args, context) {
    const { files, process } = context.runtime;
    const spec: ArgumentSpec<ReturnType<typeof demoFlags>> = {
      flags: demoFlags(files),
      positionals: [],
      check: (given) => adminProblems(given.flags),
    };
    const { flags } = parseFlags(args, spec, context);
    return withStopRequest(process, async (stop) => {
      const dir = files.makeTemporaryDirectory("slotcask-demo-");
      const view = new LiveView(context, { format: flags.log, statusLineMs: 1000 });
      let verdict: string;
      try {
        verdict = await runDemo({ dir, view, stop, context, flags, seconds: flags.seconds });
      } finally {
        view.end();
        files.remove(dir);
      }
      tell(view, `Over: ${verdict}; their directory is removed.`);
      return ExitCode.done;
    });
  },
};

/** What a demo is made of. */
interface DemoParts {
  dir: string;
  view: LiveView;
  stop: StopRequest;
  context: CliContext;
  flags: AdminValues;
  seconds: number | undefined;
}

/** Runs until it is over; answers what came of it. Rejects where `--seconds` ended it and the copy is not equal. */
async function runDemo(parts: DemoParts): Promise<string> {
  const { dir, view } = parts;
  await using store = await openStore(`${dir}/leader`, DEMO_SHAPE);
  const traffic = new DemoTraffic(store);
  traffic.fill();
  await using leader = await serve(store, "127.0.0.1:0", quietly(view));
  const address = formatAddress(leader.address);
  introduce(parts, store, address);
  await using follower = await follow(address, {
    dir: `${dir}/replica`,
    onEvent: (event) => view.onEvent(event),
  });
  const admin = await startDemoAdmin(parts, follower);
  view.show(follower);
  traffic.start();
  try {
    await demoEnds(parts, follower);
  } finally {
    traffic.stop();
    await admin?.close();
  }
  return await judge(parts, store, follower);
}

function introduce({ view, dir }: DemoParts, store: OwnStore, address: string): void {
  const say = (text: string) => tell(view, text);
  say("Slotcask demo: a leader and its follower, in one process, over a real socket.");
  say(`  leader    ${plural(store.size, "key")}, about 2,000 changes a second, at ${address}`);
  say(`  follower  its own copy of them, in ${dir}/replica`);
}

/** The admin of the follower. Its actions need no token, for nothing can be lost here; on loopback, that is. */
async function startDemoAdmin(
  { dir, view, context, flags, seconds }: DemoParts,
  follower: Follower,
): Promise<RunningAdmin | undefined> {
  const values = { ...flags, "allow-actions": true, "backup-dir": `${dir}/backups` };
  const admin = await startAdmin(follower, { values, runtime: context.runtime, log: view.log });
  if (admin !== undefined) tell(view, `  page      ${admin.url}`);
  tell(view, seconds === undefined ? "Press Ctrl-C to stop." : `It ends after ${seconds} s.`);
  if (view.isTerminal) view.line("");
  return admin;
}

async function demoEnds({ stop, seconds }: DemoParts, follower: Follower): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const over = new Promise<void>((resolve) => {
    if (seconds !== undefined) timer = setTimeout(resolve, seconds * 1000);
  });
  try {
    await Promise.race([stop.requested, follower.closed, over]);
  } finally {
    clearTimeout(timer);
  }
}

/** Whether the copy is live and equal, once the last changes have arrived. */
async function judge(
  { view, stop, seconds }: DemoParts,
  store: OwnStore,
  follower: Follower,
): Promise<string> {
  const isProof = seconds !== undefined && !stop.signal.aborted;
  const deadline = performance.now() + (isProof ? SETTLE_MS.proof : SETTLE_MS.stopped);
  let difference = differenceOf(store, follower);
  while (difference !== undefined && performance.now() < deadline) {
    await new Promise((resolve) => setTimeout(resolve, 20));
    difference = differenceOf(store, follower);
  }
  view.end();
  if (isProof && difference !== undefined) {
    throw new ConnectionError(`Cannot end the demo well: ${difference}`);
  }
  return difference === undefined
    ? `leader and follower hold the same ${plural(store.size, "key")}`
    : "leader and follower were stopped while changes were on their way";
}

/** How the copy differs from the leader's data; undefined where it is live and equal. */
function differenceOf(store: OwnStore, follower: Follower): string | undefined {
  const { phase } = follower.status();
  if (phase !== "live") return `the follower is ${phase}, not live`;
  if (store.size !== follower.size) return `the leader has ${store.size} keys, the follower ${follower.size}`;
  for (const [key, value] of store.entries()) {
    const copy = follower.get(key);
    if (copy === undefined || copy.some((byte, at) => byte !== value[at])) {
      return `key ${[...key].map((byte) => byte.toString(16).padStart(2, "0")).join("")} differs`;
    }
  }
  return undefined;
}

/** A sentence for people, or a log line. */
function tell(view: LiveView, text: string): void {
  if (view.isTerminal) view.line(text);
  else view.log("info", text);
}

/** The leader's own lines would only repeat the follower's. */
function quietly({ log }: LiveView): LiveView["log"] {
  return (level, message, shard) => log(level === "info" ? "debug" : level, message, shard);
}
