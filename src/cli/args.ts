/** Flags, their environment variables, and the arguments beside them. */

import { UsageError } from "../errors.ts";
import type { CliContext } from "./command.ts";
import type { ConfigFields } from "./config_file.ts";
import { readTokens } from "./command_line.ts";

/** How one flag is read. `fallback` stands in for a flag that is not given; without one it must be. */
export interface Flag<T> {
  /** A `switch` takes no value on the command line. */
  readonly kind: "value" | "switch";
  /** The values that are allowed, for people. */
  readonly allowed: string;
  /** The value that a text stands for; undefined where it is not allowed. Throws UsageError where that says more. */
  read(text: string): T | undefined;
  /** The value that a number of a config file stands for; without this, a number is none that is allowed. */
  readNumber?(value: number): T | undefined;
  /** Whether the value stays out of every message. */
  readonly secret?: true;
  /** Another flag that says the same: where that comes from a source that beats this one's, this one is not given. */
  readonly alternative?: string;
  /** Answers the value of a flag that is given nowhere. */
  readonly fallback?: () => T;
}

/** The flags of a command, by name without the dashes. */
export type Flags = Record<string, Flag<unknown>>;

/** The values of flags. */
export type FlagValues<F extends Flags> = { [Name in keyof F]: F[Name] extends Flag<infer T> ? T : never };

/** Where a value comes from; each beats those before it. */
const SOURCES = ["default", "file", "environment", "flag"] as const;
type Source = typeof SOURCES[number];

/** What a command takes. */
export interface ArgumentSpec<F extends Flags> {
  /** The flags. */
  flags: F;
  /** The arguments beside them, all required: their names as usage prints them. */
  positionals: readonly string[];
  /** Reads the file that `--config` names: its fields are those of `flags`, and of `positionals` in small letters. */
  config?(path: string): ConfigFields;
  /** Looks for problems between values; answers each as a sentence. */
  check?(given: Given<F>): string[];
}

/** What was given. */
export interface Arguments<F extends Flags> {
  /** Every flag's value. */
  flags: FlagValues<F>;
  /** As many as the spec names. */
  positionals: string[];
}

/** What was given, before it is known to be without problems. */
export interface Given<F extends Flags> {
  /** The values; undefined where one cannot be used. */
  flags: Partial<FlagValues<F>>;
  /** As many as there are. */
  positionals: string[];
  /** Whether the config file could not be read: it may hold what is missing. */
  isPartial: boolean;
}

/**
 * Reads flags from the arguments, then from the environment (`--until-caught-up` is SLOTCASK_UNTIL_CAUGHT_UP), then
 * from the config file, then from their fallbacks. Throws one UsageError for all problems: flag, variable or field,
 * value, and what is allowed.
 */
export function parseFlags<F extends Flags>(
  args: string[],
  spec: ArgumentSpec<F>,
  context: Pick<CliContext, "env">,
): Arguments<F> {
  const problems: string[] = [];
  const { given, positionals } = readTokens(args, spec.flags, problems);
  const config = readConfig(spec, { given, context, problems });
  const isPartial = config === "unreadable";
  const inputs: Inputs = { given, context, config: isPartial ? undefined : config, problems };
  const flags: Record<string, unknown> = {};
  for (const [name, flag] of Object.entries(spec.flags)) flags[name] = flagValue(name, flag, inputs);
  const all = withConfigured(positionals, spec.positionals, inputs);
  if (!isPartial || all.length > spec.positionals.length) checkPositionals(all, spec.positionals, problems);
  problems.push(...spec.check?.({ flags, positionals: all, isPartial } as Given<F>) ?? []);
  if (problems.length > 0) throw new UsageError(problems.join("; "));
  return { flags: flags as FlagValues<F>, positionals: all };
}

/** The environment variable of a flag. */
export function variableOf(flag: string): string {
  return `SLOTCASK_${flag.toUpperCase().replaceAll("-", "_")}`;
}

function checkPositionals(given: string[], wanted: readonly string[], problems: string[]): void {
  if (given.length < wanted.length) problems.push(`Cannot go on: ${wanted[given.length]} is missing`);
  if (given.length > wanted.length) {
    const usage = wanted.length === 0 ? "none" : wanted.join(" ");
    problems.push(`Cannot use the argument "${given[wanted.length]}": the arguments are ${usage}`);
  }
}

/** All that values are read from, and where problems go. */
interface Inputs {
  given: Map<string, string>;
  context: Pick<CliContext, "env">;
  config: ConfigFields | undefined;
  problems: string[];
}

function readConfig<F extends Flags>(
  { flags, positionals, config }: ArgumentSpec<F>,
  { given, context, problems }: Omit<Inputs, "config">,
): ConfigFields | "unreadable" | undefined {
  const path = given.get("config") ?? (context.env(variableOf("config")) || undefined);
  if (config === undefined || !path) return undefined;
  try {
    const file = config(path);
    problems.push(...file.unknownFields([...positionals.map(fieldOf), ...Object.keys(flags)]));
    return file;
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    problems.push(error.message);
    return "unreadable";
  }
}

/** The field of a config file that stands for an argument: `leader` for LEADER. */
function fieldOf(positional: string): string {
  return positional.toLowerCase();
}

/** Takes arguments that were not given from the config file. */
function withConfigured(
  given: string[],
  wanted: readonly string[],
  { config, problems }: Inputs,
): string[] {
  const all = [...given];
  for (const name of wanted.slice(given.length)) {
    const value = config?.text(fieldOf(name), problems);
    if (value === undefined) break;
    all.push(value);
  }
  return all;
}

/** An empty variable is how scripts and compose files say "not set". */
function sourceOf(name: string, { given, context, config }: Inputs): Source {
  if (given.has(name)) return "flag";
  if (context.env(variableOf(name))) return "environment";
  return config?.has(name) ? "file" : "default";
}

/** Whether a flag's alternative comes from a source that beats the flag's own. */
function isBeaten({ alternative }: Flag<unknown>, source: Source, inputs: Inputs): boolean {
  if (alternative === undefined) return false;
  return SOURCES.indexOf(sourceOf(alternative, inputs)) > SOURCES.indexOf(source);
}

function flagValue(name: string, flag: Flag<unknown>, inputs: Inputs): unknown {
  const source = sourceOf(name, inputs);
  if (source === "default" || isBeaten(flag, source, inputs)) return fallbackOf(name, flag, inputs.problems);
  try {
    return source === "file"
      ? inputs.config!.value(name, flag, inputs.problems)
      : textValue(name, flag, { ...inputs, source });
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    inputs.problems.push(error.message);
    return undefined;
  }
}

function textValue(
  name: string,
  flag: Flag<unknown>,
  { source, given, context, problems }: Inputs & { source: Source },
): unknown {
  const variable = variableOf(name);
  const text = source === "flag" ? given.get(name)! : context.env(variable)!;
  const value = flag.read(text);
  if (value === undefined) {
    const shown = `${source === "flag" ? `--${name}` : variable}${flag.secret ? "" : `=${text}`}`;
    problems.push(`Cannot use ${shown}: allowed is ${flag.allowed}`);
  }
  return value;
}

function fallbackOf(name: string, flag: Flag<unknown>, problems: string[]): unknown {
  if (flag.fallback !== undefined) return flag.fallback();
  if (!problems.some((problem) => problem.startsWith(`Cannot use --${name}:`))) {
    problems.push(`Cannot go on: --${name} is missing, allowed is ${flag.allowed}`);
  }
  return undefined;
}
