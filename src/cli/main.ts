/** The program `slotcask`: finds the command, and turns errors into one line and an exit code. */

import { UsageError } from "../errors.ts";
import { detectRuntime, type Runtime } from "../runtime/mod.ts";
import { type CliContext, ExitCode } from "./command.ts";
import { commands } from "./commands.ts";
import { failureLine, reportFailure } from "./failure.ts";
import { programHelp } from "./help.ts";
import { VERSION } from "../version.ts";

/** Runs the program with the process's arguments and ends the process. */
export async function main(): Promise<void> {
  const runtime = runtimeOrNone();
  if (runtime === undefined) return;
  const { process } = runtime;
  const code = await run(process.args, {
    runtime,
    env: (name) => process.env(name),
    out: (text) => process.writeOut(text),
    err: (text) => process.writeErr(text),
  });
  process.exit(code);
}

/** The runtime; where this is none of ours (Node), says so and leaves it to end by itself. */
function runtimeOrNone(): Runtime | undefined {
  try {
    return detectRuntime();
  } catch (error) {
    console.error(`slotcask: ${failureLine(error)}`);
    const { process } = globalThis as { process?: { exitCode?: number } };
    if (process !== undefined) process.exitCode = ExitCode.refused;
    return undefined;
  }
}

/** Runs the program with these arguments; answers the exit code. */
export async function run(args: string[], context: CliContext): Promise<number> {
  try {
    return await dispatch(args, context);
  } catch (error) {
    return reportFailure(error, context);
  }
}

async function dispatch([name, ...args]: string[], context: CliContext): Promise<number> {
  if (name === "--version") {
    return print(`slotcask ${VERSION} (${context.runtime.name} ${context.runtime.version})\n`);
  }
  if (name === "--help" || name === "-h") return print(programHelp(commands));
  if (name === "help") return print(args.length === 0 ? programHelp(commands) : find(args[0]).usage);
  if (name === undefined) throw new UsageError(`Cannot go on: COMMAND is missing, allowed are ${names()}`);
  const command = find(name);
  return asksForHelp(args) ? print(command.usage) : await command.run(args, context);

  function print(text: string): number {
    context.out(text);
    return ExitCode.done;
  }
}

function find(name: string) {
  const command = commands.find((command) => command.name === name);
  if (command !== undefined) return command;
  throw new UsageError(`Cannot use the command "${name}": allowed are ${names()}; see slotcask --help`);
}

function names(): string {
  return commands.map(({ name }) => name).join(", ");
}

/** Anywhere before `--`, whatever else is wrong. */
function asksForHelp(args: string[]): boolean {
  const end = args.indexOf("--");
  return args.slice(0, end < 0 ? args.length : end).some((arg) => arg === "--help" || arg === "-h");
}
