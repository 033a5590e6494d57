import type { Context, Hono } from "hono";

import { nextTurn } from "../src/time_slice.ts";
import { requireActions } from "./access.ts";
import { auditor, outcomeOf } from "./audit.ts";
import { ApiError } from "./errors.ts";
import type { AdminFollower } from "./follower_port.ts";
import type { ResolvedAdminOptions } from "./options.ts";
import { type Fields, type Parameters, readParameters } from "./parameters.ts";

/** Something that is asked of the follower. */
interface Action {
  /** The last part of its route. */
  name: string;
  /** What the body may hold. */
  fields?: Fields;
  /** Does it. What it throws before it first waits for something is the answer, even of a long one. */
  run: (parameters: Parameters) => Promise<unknown>;
  /** Whether the answer does not wait for its end: 202. */
  isLong: boolean;
  /** What the answer says besides the action. */
  answer: (parameters: Parameters) => Record<string, unknown>;
}

/** The POST routes: each asks one method of the follower, and the audit hears of each. */
export function actionRoutes(app: Hono, follower: AdminFollower, options: ResolvedAdminOptions): void {
  for (const action of actionsOf(follower, options)) {
    app.post(`/v1/${action.name}`, (c) => perform(c, action, options));
  }
}

function actionsOf(follower: AdminFollower, { signal, backupDir }: ResolvedAdminOptions): Action[] {
  // Not the phase, which a link that was just told to go on has not left yet.
  const paused = () => ({ paused: follower.status().paused });
  return [
    {
      name: "rescan",
      fields: { shard: "number?" },
      run: ({ shard }) => follower.rescan({ shard: shard as number | undefined, signal }),
      isLong: true,
      answer: (parameters) => parameters,
    },
    { name: "pause", run: () => follower.pause(), isLong: false, answer: paused },
    { name: "resume", run: async () => await follower.resume(), isLong: false, answer: paused },
    {
      name: "verify",
      run: () => follower.verify({ signal }),
      isLong: true,
      answer: () => ({ verify: follower.status().verify }),
    },
    {
      name: "retarget",
      fields: { leader: "string" },
      run: ({ leader }) => follower.retarget(leader as string, { signal }),
      isLong: false,
      answer: () => ({ leader: follower.leader }),
    },
    {
      name: "backup",
      run: async () => await follower.backup(requireBackupDir(backupDir), { signal }),
      isLong: true,
      answer: () => ({ backup: follower.status().backup }),
    },
  ];
}

async function perform(c: Context, action: Action, options: ResolvedAdminOptions): Promise<Response> {
  const audit = auditor(c, action.name, options);
  let parameters: Parameters = {};
  try {
    requireActions(options);
    parameters = await readParameters(c.req.raw, {
      fields: action.fields ?? {},
      limit: options.limits.bodyBytes,
    });
    const running = action.run(parameters);
    if (action.isLong) await start(running, (...outcome) => audit(parameters, ...outcome));
    else await running.then(() => audit(parameters, "done"));
  } catch (error) {
    audit(parameters, outcomeOf(error as Error), error as Error);
    throw error;
  }
  return c.json({ action: action.name, ...action.answer(parameters) }, action.isLong ? 202 : 200);
}

/** Lets it run on, and tells how it ended; rejects with what refused it before it had begun. */
async function start(
  running: Promise<unknown>,
  audit: (outcome: "started" | "done" | "failed", error?: Error) => void,
): Promise<void> {
  let refusal: { error: Error } | undefined;
  running.catch((error) => refusal = { error });
  // What is refused without waiting for anything is known by then.
  await nextTurn();
  if (refusal !== undefined) throw refusal.error;
  audit("started");
  running.then(() => audit("done"), (error) => audit("failed", error));
}

function requireBackupDir(dir: string | undefined): string {
  if (dir !== undefined) return dir;
  throw new ApiError(409, "no-backup-dir", { message: "Cannot back up: start with --backup-dir DIR" });
}
