/** What an error comes to: one line and an exit code. */

import { ClosedError, DamagedDirectoryError, SlotcaskError, UsageError } from "../errors.ts";
import { type CliContext, ExitCode } from "./command.ts";
import { oneLine } from "./one_line.ts";

/** Tells of an error in one line on standard error, never by a stack trace; answers the exit code. */
export function reportFailure(error: unknown, context: Pick<CliContext, "env" | "err">): number {
  context.err(`slotcask: ${failureLine(error)}\n`);
  if (context.env("SLOTCASK_DEBUG") === "1" && error instanceof Error) context.err(`${error.stack}\n`);
  return exitCodeOf(error);
}

/** An error as one line. One that nobody foresaw says its class, and how to learn more. */
export function failureLine(error: unknown): string {
  if (error instanceof SlotcaskError) return oneLine(error.message);
  const text = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  return `Cannot go on: ${oneLine(text)} (SLOTCASK_DEBUG=1 shows where)`;
}

/** The exit code of an error: what only a person can change is a refusal. */
export function exitCodeOf(error: unknown): number {
  if (error instanceof UsageError) return ExitCode.usage;
  if (error instanceof ClosedError || !(error instanceof SlotcaskError)) return ExitCode.failed;
  const isRefusal = error.remedy === "stop" || error instanceof DamagedDirectoryError;
  return isRefusal ? ExitCode.refused : ExitCode.failed;
}
