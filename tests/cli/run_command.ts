import type { Command } from "../../src/cli/command.ts";
import { detectRuntime } from "../../src/runtime/mod.ts";
import type { Files, Process } from "../../src/runtime/runtime.ts";

/** What a command came to. */
export interface CommandResult {
  code: number;
  out: string;
  err: string;
}

/** Runs a command in this process, with an empty environment. Rejects with what it throws. */
export async function runCommand(
  command: Command,
  args: string[],
  { env = {}, ...fakes }: { env?: Record<string, string>; files?: Files; process?: Process } = {},
): Promise<CommandResult> {
  const runtime = { ...detectRuntime(), ...fakes };
  let out = "", err = "";
  const code = await command.run(args, {
    runtime,
    env: (name) => env[name],
    out: (text) => void (out += text),
    err: (text) => void (err += text),
  });
  return { code, out, err };
}

/** The error that a command throws. */
export async function failureOf(command: Command, args: string[]): Promise<Error> {
  try {
    await runCommand(command, args);
  } catch (error) {
    return error as Error;
  }
  throw new Error("It did not fail");
}
