/** Actions that take long: begun, then watched by the status until they have ended. */

import { ConnectionError } from "../errors.ts";
import type { BackupStatus, FollowerStatus, VerifyStatus } from "../replica/status.ts";
import type { AdminClient } from "./admin_client.ts";
import { type CliContext, ExitCode } from "./command.ts";
import { formatDuration } from "./duration.ts";
import { oneLine } from "./one_line.ts";
import { damageText, progressText } from "./outcome.ts";
import { plural } from "./progress.ts";
import { Screen } from "./screen.ts";
import { waitFor } from "./stop_signal.ts";

/** Between looks, in ms. */
const LOOK_MS = 200;

/** The actions that take long, by the fields of status that tell of them. */
export type LongAction = "verify" | "backup";

/** What an action is watched with. */
export interface LongActionParts {
  client: AdminClient;
  context: CliContext;
  signal: AbortSignal;
  /** Whether to wait for its end. */
  isWaiting: boolean;
}

/**
 * Begins an action and waits for its end; answers the exit code. Rejects where it cannot begin, or fails, and with the
 * signal's reason.
 */
export async function awaitEnd(action: LongAction, parts: LongActionParts): Promise<number> {
  const { client, context, isWaiting } = parts;
  // So that an earlier one is not taken for this one.
  const before = (await client.status())[action]?.startedAtMs;
  await client.act(action);
  if (!isWaiting) {
    context.out(`the ${action} has begun: slotcask status shows how far it is\n`);
    return ExitCode.done;
  }
  return tellEnd(action, await ended(action, before, parts), context);
}

async function ended(
  action: LongAction,
  before: number | undefined,
  { client, context, signal }: LongActionParts,
): Promise<VerifyStatus | BackupStatus> {
  const { process } = context.runtime;
  const isTerminal = process.isTerminal(1);
  const screen = new Screen({ write: context.out, columns: () => process.columns() });
  try {
    for (;;) {
      const state = (await client.status())[action];
      if (state !== null && state.startedAtMs !== before) {
        if (state.endedAtMs !== null) return state;
        if (isTerminal) screen.draw([`${action}: ${progressText(state)}`]);
      }
      await waitFor(LOOK_MS, signal);
    }
  } finally {
    if (isTerminal) screen.draw([]);
  }
}

function tellEnd(
  action: LongAction,
  state: NonNullable<FollowerStatus[LongAction]>,
  context: CliContext,
): number {
  const took = formatDuration(state.endedAtMs! - state.startedAtMs);
  if (state.error !== null) throw new ConnectionError(`Cannot end the ${action}: ${oneLine(state.error)}`);
  if ("damaged" in state) {
    context.out(`verified ${plural(state.slots, "slot")} in ${took}: ${damageText(state.damaged)}\n`);
    return state.damaged === 0 ? ExitCode.done : ExitCode.failed;
  }
  const size = `${plural(state.slots, "slot")}, ${plural(state.bytes, "byte")}`;
  context.out(`backed up ${size} in ${took}: ${state.path}\n`);
  return ExitCode.done;
}
