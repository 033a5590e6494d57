/** Contenders that follow a leader from a child process: Slotcask, and the least that a follower can do. */
import { join } from "node:path";
import { STORAGE_KINDS, type StorageKind } from "../src/storage/slot_file.ts";
import type { Contender, Figures, RuntimeName } from "./bench.ts";
import { runChild } from "./child.ts";
import type { BenchLeader } from "./real_leader.ts";
import type { AckOnlyReport, CatchUpReport } from "./reports.ts";
import { withDirectory } from "./rounds.ts";

/** What runs as a follower: the product in one runtime, with one kind of storage. */
export interface Contestant {
  /** The runtime. */
  runtime: RuntimeName;
  /** The kind of storage. */
  storage: StorageKind;
}

/** Every kind of storage that this version has, in every runtime. */
export function eachStorage(runtimes: readonly RuntimeName[]): Contestant[] {
  return STORAGE_KINDS.flatMap((storage) => runtimes.map((runtime) => ({ runtime, storage })));
}

/** What a contender is called: the default storage is the product as such. */
export function slotcaskName(runtime: RuntimeName, storage: StorageKind = "resident"): string {
  return `${storage === "resident" ? "slotcask" : storage} ${runtime}`;
}

/** Slotcask in a fresh directory. */
export function slotcaskFollower(
  dir: string,
  leader: BenchLeader,
  { runtime, storage }: Contestant,
): Contender {
  const name = slotcaskName(runtime, storage);
  const run = () =>
    withDirectory(join(dir, name), (path) => catchUp(runtime, leader, { dir: path, storage }));
  return { name, measure: async () => catchUpFigures(await leader.measure(run), leader.filling.slots) };
}

/** One catch-up in a child process. */
export function catchUp(
  runtime: RuntimeName,
  { address, filling }: BenchLeader,
  { dir, storage = "resident", keep = false }: { dir: string; storage?: StorageKind; keep?: boolean },
): Promise<CatchUpReport> {
  const args = [address, dir, storage, String(filling.slots), ...(keep ? ["keep"] : [])];
  return runChild(runtime, "catch_up.ts", args) as Promise<CatchUpReport>;
}

/** A report as figures, the most important first. */
export function catchUpFigures(report: CatchUpReport, slots: number): Figures {
  return {
    "M slots/s": slots / report.inPlaceMs / 1000,
    "scan M/s": slots / report.scanMs / 1000,
    "caughtUp() s": report.caughtUpMs / 1000,
    "slice ms": report.longestSliceMs,
    "loop p99 ms": report.delayP99Ms,
    "rss MB": report.rssMb,
    "peak MB": report.peakMb,
    "cpu s": report.cpuMs / 1000,
  };
}

/** The least that a follower can do: it acknowledges, and decodes nothing. */
export function ackOnly(leader: BenchLeader, runtime: RuntimeName): Contender {
  return {
    name: `ack-only ${runtime}`,
    measure: async () => ackOnlyFigures(await leader.measure(() => scanOnly(leader, runtime)), leader),
  };
}

/** How long one scan takes it, in ms from the ShardInfo. */
export async function ackOnlyScan(leader: BenchLeader, runtime: RuntimeName): Promise<number> {
  return (await scanOnly(leader, runtime)).scanMs;
}

function scanOnly({ address }: BenchLeader, runtime: RuntimeName): Promise<AckOnlyReport> {
  return runChild(runtime, "ack_only.ts", [address]) as Promise<AckOnlyReport>;
}

function ackOnlyFigures(report: AckOnlyReport, { filling: { slots } }: BenchLeader): Figures {
  if (report.scanned !== slots) throw new Error(`The leader sent ${report.scanned} events, not ${slots}`);
  return {
    "M slots/s": slots / report.inPlaceMs / 1000,
    "scan M/s": slots / report.scanMs / 1000,
    "rss MB": report.rssMb,
    "peak MB": report.peakMb,
    "cpu s": report.cpuMs / 1000,
  };
}
