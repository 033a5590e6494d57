import { describeShape } from "../fixed/layout.ts";
import { type DamageList, LISTED_PER_SHARD } from "../directory/damage.ts";
import { verifyDirectory, type VerifyReport } from "../directory/verify.ts";
import { parseFlags } from "./args.ts";
import { type CliContext, type Command, ExitCode } from "./command.ts";
import { onOff } from "./flags.ts";

const usage = `Usage: slotcask verify DIR [--json]

Checks an armdb fixed directory, ours or armdb's own, and changes nothing: every CRC, the sidecar against the
slots (where the clean flag is set), keys that two slots hold, keys in the wrong shard, headers against file
lengths. A directory in use is checked too: what may be a write under way is read again, and is no damage.

  --json   one JSON object instead of text

Each damage is a line: shard and slot ("-" for all of them), kind, and what was found. Kinds: missing,
unreadable, header, truncated, sidecar, status, crc, misrouted, duplicate.

Exit codes: 0 no damage, 1 damage found, 2 usage, 3 not an armdb fixed directory.

Examples:
  slotcask verify ./replica
  slotcask verify ./replica --json
`;

/** `verify DIR [--json]`. */
export const command: Command = {
  name: "verify",
  summary: "check every slot of a directory, and list the damage",
  usage,
  run,
};

async function run(args: string[], context: CliContext): Promise<number> {
  const spec = { flags: { json: onOff() }, positionals: ["DIR"] };
  const { flags, positionals: [directory] } = parseFlags(args, spec, context);
  const report = await verifyDirectory(context.runtime.files, directory);
  context.out(flags.json ? toJson(report) : toText(report));
  return report.damage.total === 0 ? ExitCode.done : ExitCode.failed;
}

function toJson({ damage, unsettled, shape, ...rest }: VerifyReport): string {
  const listOf = (list: DamageList) => ({ total: list.total, counts: list.counts, list: list.listed });
  const object = { ...rest, shape: shape ?? null, damage: listOf(damage), unsettled: listOf(unsettled) };
  return JSON.stringify(object, null, 2) + "\n";
}

function toText(report: VerifyReport): string {
  const { directory, shape, slots, occupied, live, damage, unsettled } = report;
  const what = shape === undefined ? "no shard tells its shape" : describeShape(shape);
  return `${directory}: ${what}, ${slots} slots checked, ${occupied} of them occupied${
    live ? ", live" : ""
  }\n` +
    (live ? "live: a process holds this directory and may write while it is read\n" : "") +
    listText(damage) +
    (unsettled.total === 0 ? "" : `unsettled, a write under way or damage: ${countText(unsettled)}\n`) +
    listText(unsettled) +
    (damage.total === 0 ? "no damage found\n" : `damage found: ${countText(damage)}\n`);
}

function listText({ listed, total }: DamageList): string {
  const lines = listed.map(({ shard, slot, kind, text }) =>
    `shard ${shard ?? "-"} slot ${slot ?? "-"} ${kind}: ${text}\n`
  );
  if (total > listed.length) {
    lines.push(`... and ${total - listed.length} more: ${LISTED_PER_SHARD} are listed per shard\n`);
  }
  return lines.join("");
}

function countText({ counts, total }: DamageList): string {
  return `${total} (${Object.entries(counts).map(([kind, count]) => `${count} ${kind}`).join(", ")})`;
}
