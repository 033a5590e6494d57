/** A command line as flags with their texts, and the arguments beside them. */

import { parseArgs } from "node:util";
import type { Flag, Flags } from "./args.ts";

/** Splits by `node:util`, not strictly: its own messages would name neither the value nor what is allowed. */
export function readTokens(
  args: string[],
  flags: Flags,
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
