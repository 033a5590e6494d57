import { inspectDirectory, type Inspection, type ShardInspection } from "../directory/inspect.ts";
import { describeShape } from "../fixed/layout.ts";
import { parseFlags } from "./args.ts";
import { type CliContext, type Command, ExitCode } from "./command.ts";
import { onOff } from "./flags.ts";

const usage = `Usage: slotcask inspect DIR [--json]

Prints what an armdb fixed directory holds, ours or armdb's own: shape, slots by status, highest version, cursor,
whether it was closed cleanly, how far a replica is complete, and whether a process holds it. Changes nothing.

  --json   one JSON object instead of text; times are Unix ms

Exit codes: 0 done, 2 usage, 3 not an armdb fixed directory.

Examples:
  slotcask inspect ./replica
  slotcask inspect ./replica --json
`;

/** `inspect DIR [--json]`. */
export const command: Command = {
  name: "inspect",
  summary: "show what a directory holds: shape, slots, versions, cursor",
  usage,
  run,
};

async function run(args: string[], context: CliContext): Promise<number> {
  const spec = { flags: { json: onOff() }, positionals: ["DIR"] };
  const { flags, positionals: [directory] } = parseFlags(args, spec, context);
  const inspection = await inspectDirectory(context.runtime.files, directory);
  context.out(flags.json ? JSON.stringify(inspection, null, 2) + "\n" : toText(inspection));
  return ExitCode.done;
}

function toText(inspection: Inspection): string {
  const { directory, shape, slotBytes, slots, shards } = inspection;
  const facts = [
    ["directory", directory],
    ["shape", shape === null ? "no shard tells it" : `${describeShape(shape)}, slots of ${slotBytes} bytes`],
    ["slots", `${slots.total}: ${slots.occupied} occupied, ${slots.deleted} deleted, ${slots.free} free`],
    ["highest version", `${inspection.highestVersion}`],
    ["clean", inspection.clean ? "yes" : "no: slots are scanned when it is opened"],
    ["complete", completeText(inspection)],
    ["live", liveText(inspection)],
    ["bytes", `${inspection.bytes}`],
  ];
  if (slots.invalid > 0) facts.splice(3, 0, ["invalid slots", `${slots.invalid} with status 3: see verify`]);
  if (inspection.leader !== null) {
    facts.push(["leader", `${inspection.leader}, protocol ${inspection.protocol ?? "unknown"}`]);
  }
  const problems = shards.flatMap((shard) =>
    shard.problems.map((text) => `problem in shard ${shard.shard}: ${text}\n`)
  );
  const head = facts.map(([label, text]) => `${label.padEnd(17)}${text}\n`);
  return [...head, "\n", table(shards), ...(problems.length > 0 ? ["\n", ...problems] : [])].join("");
}

function completeText({ complete, shards }: Inspection): string {
  if (complete === null) return "not a replica (no slotcask.json)";
  if (complete) return "yes";
  const names = shards.filter((shard) => !shard.replica!.complete).map((shard) => shard.shard);
  return `no: shard ${names.join(", ")} without a finished whole scan`;
}

function liveText({ live, holder }: Inspection): string {
  if (!live) return "no";
  return holder === null ? "yes, a process holds it" : `yes, process ${holder} holds it`;
}

const COLUMNS: [string, (shard: ShardInspection) => string][] = [
  ["shard", (shard) => `${shard.shard}`],
  ["slots", (shard) => `${shard.slots.total}`],
  ["occupied", (shard) => `${shard.slots.occupied}`],
  ["deleted", (shard) => `${shard.slots.deleted}`],
  ["free", (shard) => `${shard.slots.free}`],
  ["highest version", (shard) => `${shard.highestVersion}`],
  ["clean", (shard) => shard.clean ? "yes" : "no"],
  ["bytes", (shard) => `${shard.bytes}`],
  ["applied", (shard) => `${shard.cursor?.applied ?? "-"}`],
  ["cursor version", (shard) => `${shard.cursor?.version ?? "-"}`],
  ["last ack", (shard) => timeText(shard.cursor?.lastAckMs)],
  ["whole scan", (shard) => timeText(shard.replica?.wholeScanAtMs)],
];

function table(shards: ShardInspection[]): string {
  const rows = [
    COLUMNS.map(([title]) => title),
    ...shards.map((shard) => COLUMNS.map(([, cell]) => cell(shard))),
  ];
  const widths = COLUMNS.map((_, column) => Math.max(...rows.map((row) => row[column].length)));
  return rows.map((row) => row.map((cell, column) => cell.padStart(widths[column])).join("  ") + "\n").join(
    "",
  );
}

function timeText(unixMs: number | null | undefined): string {
  if (unixMs === null || unixMs === undefined || unixMs === 0) return "-";
  const date = new Date(unixMs);
  return Number.isNaN(date.getTime()) ? "-" : date.toISOString();
}
