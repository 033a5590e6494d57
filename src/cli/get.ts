import { findKey } from "../directory/find_key.ts";
import { noStore, surveyDirectory } from "../directory/survey.ts";
import { UsageError } from "../errors.ts";
import { parseFlags } from "./args.ts";
import { type CliContext, type Command, ExitCode } from "./command.ts";

const usage = `Usage: slotcask get DIR HEXKEY

Prints the value of a key in an armdb fixed directory, ours or armdb's own, as hex. Changes nothing.

Exit codes: 0 found, 1 absent, 2 usage (a key that is not hex, or not as long as the keys of DIR), 3 not an
armdb fixed directory.

Examples:
  slotcask get ./replica 00000000000004d2
  slotcask get ./replica 00000000000004d2 | xxd -r -p
`;

/** `get DIR HEXKEY`. */
export const command: Command = { name: "get", summary: "print one key's value as hex", usage, run };

async function run(args: string[], context: CliContext): Promise<number> {
  const spec = { flags: {}, positionals: ["DIR", "HEXKEY"] };
  const { positionals: [directory, hexKey] } = parseFlags(args, spec, context);
  const { files } = context.runtime;
  const key = parseHex(hexKey);
  const survey = surveyDirectory(files, directory);
  const { shape } = survey;
  if (shape === undefined) throw noStore(directory);
  requireLength(key, shape.keyLength, directory);
  const found = await findKey(files, { ...survey, shape }, key);
  if ("value" in found) {
    context.out(found.value.toHex() + "\n");
    return ExitCode.done;
  }
  const doubt = found.unproven === undefined ? "" : `; that does not prove its absence: ${found.unproven}`;
  context.err(`Cannot find ${hexKey}: no slot of ${directory} serves it${doubt}\n`);
  return ExitCode.failed;
}

function parseHex(text: string): Uint8Array {
  if (/^(?:[0-9a-f]{2})+$/i.test(text)) return Uint8Array.fromHex(text);
  const odd = /^[0-9a-f]*$/i.test(text) ? `, it has ${text.length}` : "";
  throw new UsageError(
    `Cannot use HEXKEY "${text}": a key is an even number of hex digits, 0-9 and a-f${odd}`,
  );
}

function requireLength(key: Uint8Array, keyLength: number, directory: string): void {
  if (key.length === keyLength) return;
  throw new UsageError(
    `Cannot use HEXKEY: it has ${key.length} bytes (${2 * key.length} hex digits), ` +
      `keys of ${directory} have ${keyLength} (${2 * keyLength} hex digits)`,
  );
}
