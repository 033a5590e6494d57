/** What may be found in a directory after kill -9: asked of a copy of it, by our offline commands and by armdb. */
import { cpSync, existsSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { spawn } from "node:child_process";

import { command as dumpCommand } from "../../../src/cli/dump.ts";
import { Directory } from "../../../src/directory/directory.ts";
import type { DamageKind } from "../../../src/directory/damage.ts";
import { verifyDirectory } from "../../../src/directory/verify.ts";
import { shardOfKey } from "../../../src/fixed/routing.ts";
import { detectRuntime } from "../../../src/runtime/mod.ts";
import { runCommand } from "../../cli/run_command.ts";
import { binaryPath } from "../../interop/armdb_build.ts";
import { fillKey, fillValue, type PeerVersion } from "../../interop/armdb_peer.ts";
import { dumpText, toHex } from "../../interop/equal.ts";
import type { ChurnMix, ChurnModel } from "./churn_model.ts";
import { type RawSlots, readRawSlots } from "./raw_slots.ts";

const { files } = detectRuntime();
/** A slot that was being written when the kill came; equal keys of a scan that was cut. All else is damage. */
const ALLOWED: ReadonlySet<DamageKind> = new Set(["crc", "duplicate"]);

/** What is known of the leader. */
export interface Known {
  mix: ChurnMix;
  model: ChurnModel;
  shards: number;
  /** An upper bound of the operations that were done. */
  done: number;
  /** Keys of {@linkcode STABLE_SEED} that a complete directory must hold; those behind them it may. */
  stable: number;
}

/** What a complete shard shows of the leader's operations. */
export interface ShardAge {
  shard: number;
  /** The newest operation that it shows. */
  newest: number;
  /** How many behind that the oldest is that it does not show. */
  lag: number;
  /** Slots that hold a key of another slot too. */
  duplicates: number;
  /** When its last whole scan ended. */
  wholeScanAtMs: number;
}

/** What was found. */
export interface Findings {
  raw: RawSlots;
  /** Whether each shard says that it is complete. */
  complete: boolean[];
  torn: number;
  /** Of the complete shards. */
  ages: ShardAge[];
  /** The keys and values that we serve, as {@linkcode dumpText}. */
  dump: string;
}

/** Keys that are put once and never touched. */
export const STABLE_SEED = 4242;

/**
 * Judges a directory that no process holds; undefined where its creation was not finished.
 *
 * @throws Error that says what should not be.
 */
export async function judge(dir: string, known: Known): Promise<Findings | undefined> {
  if (!existsSync(join(dir, "db.meta"))) return await requireUnfinished(dir);
  const report = await verifyDirectory(files, dir);
  const bad = report.damage.listed.filter(({ kind }) => !ALLOWED.has(kind));
  if (bad.length > 0) throw new Error(`verify found ${bad.map(({ text }) => text).slice(0, 5).join("; ")}`);
  if (report.live) throw new Error("verify says that a process holds the directory");

  const directory = await Directory.open(files, dir, { storage: "resident", readOnly: true, pid: 1 });
  if (directory === undefined) return await requireUnfinished(dir);
  const { completeness, store } = directory;
  const complete = store.shards.map(({ id }) => store.isComplete(id));
  const dump = dumpText(store.entries());
  await directory.close(1000);
  const { out } = await runCommand(dumpCommand, [dir]);
  if (out !== dump) throw new Error("the command dump shows other keys and values than the store serves");

  const raw = readRawSlots(dir);
  const torn = raw.shards.reduce((sum, shard) => sum + shard.torn, 0);
  if (torn !== (report.damage.counts.crc ?? 0)) {
    throw new Error(`verify found ${report.damage.counts.crc ?? 0} slots with a bad CRC, there are ${torn}`);
  }
  requireFromSlots(dump, raw);
  const ages = requireHistory(dump, complete, known).map((age) => ({
    ...age,
    duplicates:
      report.damage.listed.filter(({ kind, shard }) => kind === "duplicate" && shard === age.shard).length,
    wholeScanAtMs: completeness.state.shards[age.shard].wholeScanAtMs!,
  }));
  return { raw, complete, torn, ages, dump };
}

/** Without a db.meta there is nothing that could be served, and nothing that keeps it from being made again. */
async function requireUnfinished(dir: string): Promise<undefined> {
  const directory = await Directory.open(files, dir, { storage: "resident", readOnly: true, pid: 1 });
  if (directory === undefined) return undefined;
  await directory.close(1000);
  throw new Error("a directory without a db.meta was opened");
}

/** All keys of good slots are served, and only with a value of one of their slots. */
function requireFromSlots(dump: string, { values }: RawSlots): void {
  const lines = linesOf(dump);
  for (const { key, value } of lines) {
    if (!values.get(key)?.has(value)) {
      throw new Error(`key ${key} is served with a value of no slot: ${value}`);
    }
  }
  if (lines.length !== values.size) {
    throw new Error(`${lines.length} keys are served of ${values.size} in slots`);
  }
}

function requireHistory(
  dump: string,
  complete: boolean[],
  known: Known,
): Pick<ShardAge, "shard" | "newest" | "lag">[] {
  const { mix, model } = known;
  const served = new Map<number, number>();
  let stable = 0;
  for (const { key, value } of linesOf(dump)) {
    const i = model.numberOf(key);
    if (i !== undefined) served.set(i, model.roundOf(i, value, known.done));
    else if (isStable(mix, key, value)) stable++;
    else throw new Error(`the leader never had key ${key} with value ${value}`);
  }
  if (complete.every(Boolean) && stable < known.stable) {
    throw new Error(`a complete directory holds ${stable} of ${known.stable} keys that were never touched`);
  }
  const shards = churnShards(known);
  return complete.flatMap((isComplete, shard) => {
    if (!isComplete) return [];
    const rounds = shards.map((of, i) => of === shard ? served.get(i) ?? -1 : undefined);
    const { newest, lag } = model.lagOf(rounds);
    return [{ shard, newest, lag }];
  });
}

const stableKeys = new Map<string, string>();
let stableKnown = 0;

function isStable({ shape }: ChurnMix, key: string, value: string): boolean {
  // As many as are asked for: there is no way from a key back to its number.
  const most = stableKnown + 20_000;
  while (!stableKeys.has(key) && stableKnown < most && stableKnown < 200_000) {
    const i = stableKnown++;
    stableKeys.set(toHex(fillKey(shape, STABLE_SEED, i)), toHex(fillValue(shape, STABLE_SEED, i)));
  }
  return stableKeys.get(key) === value;
}

const shardsOf = new WeakMap<ChurnModel, number[]>();

/** The shard of each of the churn's keys. */
function churnShards({ mix, model, shards }: Known): number[] {
  const known = shardsOf.get(model);
  if (known !== undefined) return known;
  const [keyLength, valueLength] = mix.shape.split("x").map(Number);
  const shape = { shardCount: shards, prefixBits: 0, keyLength, valueLength };
  const found = Array.from(
    { length: mix.keyspace },
    (_, i) => shardOfKey(fillKey(mix.shape, mix.seed, i), 0, shape),
  );
  shardsOf.set(model, found);
  return found;
}

/**
 * Has armdb open and dump a copy of a directory. Of equal keys, which a cut scan leaves, it may choose another slot.
 *
 * @throws Error where it serves another key or value than we do.
 */
export async function requireSameForArmdb(
  version: PeerVersion,
  dir: string,
  { raw, dump }: Findings,
  { mix, shards }: Known,
): Promise<void> {
  const [copy, out] = [`${dir}.v${version}`, `${dir}.v${version}.dump`];
  cpSync(dir, copy, { recursive: true });
  try {
    await armdbDump(version, [copy, mix.shape, String(shards), "0", out]);
    const theirs = readFileSync(out, "utf8");
    if (theirs === dump) return;
    const ours = new Map(linesOf(dump).map(({ key, value }) => [key, value]));
    for (const { key, value } of linesOf(theirs)) {
      const isChoice = (raw.values.get(key)?.size ?? 0) > 1 && raw.values.get(key)!.has(value);
      if (ours.get(key) !== value && !isChoice) {
        throw new Error(`armdb ${version} serves key ${key} with ${value}, we with ${ours.get(key)}`);
      }
      ours.delete(key);
    }
    const [[key]] = [...ours.keys(), ""].map((missing) => [missing]);
    if (ours.size > 0) throw new Error(`armdb ${version} does not serve ${ours.size} of our keys: ${key}`);
  } finally {
    rmSync(copy, { recursive: true, force: true });
    rmSync(out, { force: true });
  }
}

function armdbDump(version: PeerVersion, args: string[]): Promise<void> {
  const child = spawn(binaryPath(version), ["dump", ...args], { stdio: ["ignore", "ignore", "pipe"] });
  let stderr = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => stderr += text);
  return new Promise((resolve, reject) => {
    child.once("error", reject).once("close", (code) => {
      if (code === 0) resolve();
      else reject(new Error(`armdb ${version} cannot open the directory: ${stderr}`));
    });
  });
}

function linesOf(dump: string): { key: string; value: string }[] {
  return dump.split("\n").slice(0, -1).map((line) => {
    const at = line.indexOf(" ");
    return { key: line.slice(0, at), value: line.slice(at + 1) };
  });
}
