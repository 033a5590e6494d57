/** The program's help. */

import type { Command } from "./command.ts";

/** What `slotcask --help` prints. */
export function programHelp(commands: readonly Command[]): string {
  const width = Math.max(...commands.map(({ name }) => name.length));
  const lines = commands.map(({ name, summary }) => `  ${name.padEnd(width)}  ${summary}`);
  return `Slotcask: a read replica that follows an armdb leader.

Usage: slotcask COMMAND [arguments] [flags]

${lines.join("\n")}

  --help     this text; slotcask COMMAND --help tells a command's flags
  --version  the version

Examples:
  slotcask demo
  slotcask follow leader:9100
  slotcask status --watch
  slotcask inspect ./replica

Exit codes: 0 done or stopped, 1 failed, 2 usage, 3 refused, 130 ended at once by a second signal.
`;
}
