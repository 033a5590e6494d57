import { Directory } from "../directory/directory.ts";
import { DUMP_FORMATS, type DumpResult, dumpStore } from "../directory/dump.ts";
import { rereadUnverified } from "../directory/reread.ts";
import { noStore, surveyDirectory } from "../directory/survey.ts";
import type { Store } from "../fixed/store.ts";
import { isLocked } from "../storage/dir_lock.ts";
import { parseFlags } from "./args.ts";
import { type CliContext, type Command, ExitCode } from "./command.ts";
import { choice, optionalText } from "./flags.ts";
import { OutputFile } from "./output_file.ts";

/** Up to here a directory is read into memory once; above it, only its keys are. */
const RESIDENT_LIMIT_BYTES = 1 << 30;

const usage = `Usage: slotcask dump DIR [--format hex|jsonl] [--out FILE]

Prints all keys and values of an armdb fixed directory, ours or armdb's own, sorted by key. Changes nothing.

  --format hex     lines "hexkey hexvalue" (default)
  --format jsonl   one JSON object a line: key, value (hex), shard, slot, version
  --out FILE       write to a file outside DIR instead of standard output; it appears when it is whole

Slots whose CRC does not match are left out, and counted on standard error.

Exit codes: 0 done, 1 failed, 2 usage, 3 not an armdb fixed directory.

Examples:
  slotcask dump ./replica > replica.txt
  slotcask dump ./replica --format jsonl --out replica.jsonl
`;

/** `dump DIR [--format hex|jsonl] [--out FILE]`. */
export const command: Command = {
  name: "dump",
  summary: "print all keys and values, sorted by key",
  usage,
  run,
};

async function run(args: string[], context: CliContext): Promise<number> {
  const spec = {
    flags: { format: choice(DUMP_FORMATS, "hex"), out: optionalText("a path outside DIR") },
    positionals: ["DIR"],
  };
  const { flags: { format, out }, positionals: [path] } = parseFlags(args, spec, context);
  const directory = await openToRead(context, path);
  try {
    const live = isLocked(context.runtime.files, path);
    if (live) await rereadUnverified(directory.store);
    const dump = (write: (chunk: Uint8Array) => void) => dumpStore(directory.store, write, { format });
    const result = out === undefined ? await dump(writeText(context)) : await dumpToFile(context, out, dump);
    if (live) context.err("live: a process holds this directory and may have written while it was read\n");
    warn(context, countUnverified(directory.store), result);
    return ExitCode.done;
  } finally {
    await directory.close(0);
  }
}

async function openToRead({ runtime }: CliContext, path: string): Promise<Directory> {
  const bytes = surveyDirectory(runtime.files, path).shards.reduce((sum, shard) => sum + shard.bytes, 0);
  const directory = await Directory.open(runtime.files, path, {
    readOnly: true,
    storage: bytes <= RESIDENT_LIMIT_BYTES ? "resident" : "positional",
    pid: runtime.process.pid,
  });
  if (directory === undefined) throw noStore(path);
  return directory;
}

function writeText(context: CliContext): (chunk: Uint8Array) => void {
  const decoder = new TextDecoder();
  return (chunk) => context.out(decoder.decode(chunk));
}

async function dumpToFile(
  { runtime }: CliContext,
  path: string,
  dump: (write: (chunk: Uint8Array) => void) => Promise<DumpResult>,
): Promise<DumpResult> {
  const file = new OutputFile(runtime.files, path);
  const release = runtime.process.onStopSignal(() => {
    file.abandon();
    runtime.process.exit(ExitCode.forced);
  });
  try {
    const result = await dump((chunk) => file.write(chunk));
    file.finish();
    return result;
  } catch (error) {
    file.abandon();
    throw error;
  } finally {
    release();
  }
}

function countUnverified(store: Store): number {
  return store.shards.reduce((sum, shard) => sum + shard.unverified.size, 0);
}

function warn(context: CliContext, untrusted: number, { changed }: DumpResult): void {
  if (untrusted > 0) {
    context.err(`${untrusted} slots whose CRC does not match are not in the dump: see verify\n`);
  }
  if (changed > 0) context.err(`${changed} keys changed while they were read, and are not in the dump\n`);
}
