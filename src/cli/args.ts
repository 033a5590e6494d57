/** Flags, their environment variables, and the arguments beside them. */

import { parseArgs } from "node:util";
import { UsageError } from "../errors.ts";
import type { CliContext } from "./command.ts";

/** How one flag is read. `fallback` stands in for a flag that is not given; without one it must be. */
export interface Flag<T> {
  /** A `switch` takes no value on the command line. */
  readonly kind: "value" | "switch";
  /** The values that are allowed, for people. */
  readonly allowed: string;
  /** The value that a text stands for; undefined where it is not allowed. */
  read(text: string): T | undefined;
  /** Answers the value of a flag that is given nowhere. */
  readonly fallback?: () => T;
}

/** The flags of a command, by name without the dashes. */
export type Flags = Record<string, Flag<unknown>>;

/** The values of flags. */
export type FlagValues<F extends Flags> = { [Name in keyof F]: F[Name] extends Flag<infer T> ? T : never };

/** What a command takes. */
export interface ArgumentSpec<F extends Flags> {
  /** The flags. */
  flags: F;
  /** The arguments beside them, all required: their names as usage prints them. */
  positionals: readonly string[];
}

/** What was given. */
export interface Arguments<F extends Flags> {
  /** Every flag's value. */
  flags: FlagValues<F>;
  /** As many as the spec names. */
  positionals: string[];
}

/**
 * Reads flags from the arguments, then from the environment (`--until-caught-up` is SLOTCASK_UNTIL_CAUGHT_UP), then
 * from their fallbacks. Throws one UsageError for all problems: flag or variable, value, and what is allowed.
 */
export function parseFlags<F extends Flags>(
  args: string[],
  spec: ArgumentSpec<F>,
  context: Pick<CliContext, "env">,
): Arguments<F> {
  const problems: string[] = [];
  const { given, positionals } = readTokens(args, spec, problems);
  checkPositionals(positionals, spec.positionals, problems);
  const flags: Record<string, unknown> = {};
  for (const [name, flag] of Object.entries(spec.flags)) {
    flags[name] = flagValue(name, flag, { given, context, problems });
  }
  if (problems.length > 0) throw new UsageError(problems.join("; "));
  return { flags: flags as FlagValues<F>, positionals };
}

/** The environment variable of a flag. */
export function variableOf(flag: string): string {
  return `SLOTCASK_${flag.toUpperCase().replaceAll("-", "_")}`;
}

/** Splits by `node:util`, not strictly: its own messages would name neither the value nor what is allowed. */
function readTokens(
  args: string[],
  { flags }: ArgumentSpec<Flags>,
  problems: string[],
): { given: Map<string, string>; positionals: string[] } {
  const options = Object.fromEntries(
    Object.entries(flags).map(([name, { kind }]) => [name, { type: typeOf(kind) }]),
  );
  const { tokens } = parseArgs({ args, options, strict: false, allowPositionals: true, tokens: true });
  const given = new Map<string, string>();
  const positionals: string[] = [];
  for (const token of tokens) {
    if (token.kind === "positional") positionals.push(token.value);
    if (token.kind !== "option") continue;
    const flag = Object.hasOwn(flags, token.name) ? flags[token.name] : undefined;
    const problem = problemOf(token, flag, Object.keys(flags));
    if (problem === undefined) given.set(token.name, token.value ?? "true");
    else problems.push(problem);
  }
  return { given, positionals };
}

function typeOf(kind: Flag<unknown>["kind"]): "boolean" | "string" {
  return kind === "switch" ? "boolean" : "string";
}

/** An option as `parseArgs` found it. */
interface OptionToken {
  rawName: string;
  value?: string;
  inlineValue?: boolean;
}

function problemOf(
  { rawName, value, inlineValue }: OptionToken,
  flag: Flag<unknown> | undefined,
  names: string[],
): string | undefined {
  if (flag === undefined) {
    const known = names.map((name) => `--${name}`).join(", ");
    return `Cannot use ${rawName}: there is no such flag, allowed are ${known || "none"}`;
  }
  if (flag.kind === "switch") {
    return value === undefined ? undefined : `Cannot use ${rawName}=${value}: it takes no value`;
  }
  const looksLikeFlag = value !== undefined && !inlineValue && /^--?[a-z]/i.test(value);
  return value === undefined || looksLikeFlag
    ? `Cannot use ${rawName}: its value is missing, allowed is ${flag.allowed}`
    : undefined;
}

function checkPositionals(given: string[], wanted: readonly string[], problems: string[]): void {
  if (given.length < wanted.length) problems.push(`Cannot go on: ${wanted[given.length]} is missing`);
  if (given.length > wanted.length) {
    const usage = wanted.length === 0 ? "none" : wanted.join(" ");
    problems.push(`Cannot use the argument "${given[wanted.length]}": the arguments are ${usage}`);
  }
}

function flagValue(
  name: string,
  flag: Flag<unknown>,
  { given, context, problems }: {
    given: Map<string, string>;
    context: Pick<CliContext, "env">;
    problems: string[];
  },
): unknown {
  const variable = variableOf(name);
  const fromFlag = given.get(name);
  // An empty variable is how scripts and compose files say "not set".
  const text = fromFlag ?? (context.env(variable) || undefined);
  const source = fromFlag === undefined ? variable : `--${name}`;
  if (text === undefined) {
    if (flag.fallback !== undefined) return flag.fallback();
    if (!problems.some((problem) => problem.startsWith(`Cannot use --${name}:`))) {
      problems.push(`Cannot go on: --${name} is missing, allowed is ${flag.allowed}`);
    }
    return undefined;
  }
  const value = flag.read(text);
  if (value === undefined) problems.push(`Cannot use ${source}=${text}: allowed is ${flag.allowed}`);
  return value;
}
