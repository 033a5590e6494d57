/** Mutated directories into open, inspect, verify, dump and get, case by case. */

import { Directory, lockForWriting } from "../../src/directory/directory.ts";
import { dumpStore } from "../../src/directory/dump.ts";
import { findKey } from "../../src/directory/find_key.ts";
import { inspectDirectory } from "../../src/directory/inspect.ts";
import { surveyDirectory } from "../../src/directory/survey.ts";
import { verifyDirectory, type VerifyReport } from "../../src/directory/verify.ts";
import { DamagedDirectoryError, ForeignDirectoryError, StorageError } from "../../src/errors.ts";
import type { Store } from "../../src/fixed/store.ts";
import type { StorageKind } from "../../src/storage/slot_file.ts";
import { TimeSlice } from "../../src/time_slice.ts";
import { AllocationWatch } from "./allocation_watch.ts";
import { PATH, sampleDirectories, type SampleDirectory } from "./directory_corpus.ts";
import { mutateDirectory } from "./directory_mutations.ts";
import type { MemoryTree } from "./memory_tree.ts";
import { Random } from "../harness/random.ts";
import { caseFault, must, Refusals } from "./refusal.ts";
import { checkServed } from "./served_check.ts";

/** What a run did. */
export interface DirectoryReport {
  /** Mutated directories. */
  directories: number;
  /** Directories that opened. */
  opened: number;
  /** Those of them with slots that were not trusted. */
  distrusted: number;
  /** Keys that were served, all of which were checked. */
  keys: number;
  /** What verify found, by kind. */
  damage: Record<string, number>;
  /** Refusals, by class. */
  refusals: Record<string, number>;
  /** The largest buffer that was asked for at once, in bytes: of every fourth directory. */
  largestAllocation: number;
  /** Bytes of all buffers that one directory asked for, at the most. */
  mostAllocated: number;
  /** ms of the longest case. */
  longestCaseMs: number;
}

/** What to run. */
export interface DirectoryRunOptions {
  /** What all else follows from. */
  seed: number;
  /** Directories to mutate. */
  directories: number;
  /** The first case. Default 0. */
  first?: number;
  /** From one case to the next: two runs of the same seed may share the cases. Default 1. */
  step?: number;
}

/** More than a window of a resident file at once is a length that was believed and should not have been. */
export const MOST_ALLOCATION = 64 << 20;
const REFUSALS = [DamagedDirectoryError, ForeignDirectoryError, StorageError];
const KINDS: StorageKind[] = ["resident", "positional"];
/** Nothing here is worth a yield: a turn of the event loop takes as long as opening a directory of ten slots. */
const SLICE = new TimeSlice(1000);

/** Runs cases until so many directories were mutated. Rejects with a Fault that names the case. */
export async function runDirectories(options: DirectoryRunOptions): Promise<DirectoryReport> {
  const { seed, directories, first = 0, step = 1 } = options;
  const samples = await sampleDirectories(new Random(seed, -3));
  const watch = new AllocationWatch(MOST_ALLOCATION);
  const run = new DirectoryRun(seed, samples, watch);
  for (let number = first; run.report.directories < directories; number += step) await run.case(number);
  return run.report;
}

class DirectoryRun {
  readonly report: DirectoryReport;
  readonly #seed: number;
  readonly #samples: SampleDirectory[];
  readonly #watch: AllocationWatch;
  readonly #refusals = new Refusals();

  constructor(seed: number, samples: SampleDirectory[], watch: AllocationWatch) {
    this.#seed = seed;
    this.#samples = samples;
    this.#watch = watch;
    this.report = {
      directories: 0,
      opened: 0,
      distrusted: 0,
      keys: 0,
      damage: {},
      refusals: this.#refusals.counts,
      largestAllocation: 0,
      mostAllocated: 0,
      longestCaseMs: 0,
    };
  }

  async case(number: number): Promise<void> {
    const { report } = this;
    const startedAt = performance.now();
    try {
      await this.#run(new Random(this.#seed, number));
    } catch (error) {
      throw caseFault(error, { what: "directories", seed: this.#seed, number });
    }
    report.directories++;
    report.longestCaseMs = Math.max(report.longestCaseMs, performance.now() - startedAt);
  }

  async #run(random: Random): Promise<void> {
    const { tree: sample, shape } = random.pick(this.#samples);
    const tree = sample.copy();
    mutateDirectory(tree, shape, random);
    const isWatched = random.oneIn(4);
    if (isWatched) this.#watch.begin();
    try {
      await this.#useAll(tree, random);
    } finally {
      this.#watch.end();
    }
    const { report } = this;
    report.largestAllocation = Math.max(report.largestAllocation, this.#watch.largest);
    report.mostAllocated = Math.max(report.mostAllocated, this.#watch.total);
  }

  async #useAll(tree: MemoryTree, random: Random): Promise<void> {
    const before = random.oneIn(16) ? tree.copy() : undefined;
    const damage = await this.#look(tree, random);
    if (before !== undefined) requireUnchanged(tree, before);
    const opened = random.oneIn(2)
      ? await this.#openToRead(tree, random)
      : await this.#openToWrite(tree, random);
    const distrusted = this.#countOpened(opened);
    must(
      damage !== 0 || distrusted === 0,
      () => `verify finds nothing, and ${distrusted} slots are not trusted`,
    );
    must(tree.openCount === 0, () => `${tree.openCount} files stay open`);
    must(tree.locked.size === 0, () => "the lock is still held");
  }

  /** What the offline commands do, none of which changes anything. Answers what verify found, if it ran. */
  async #look(tree: MemoryTree, random: Random): Promise<number | undefined> {
    await this.#attempt(() => inspectDirectory(tree.files, PATH, SLICE));
    const verified = await this.#attempt(() => verifyDirectory(tree.files, PATH, { slice: SLICE }));
    if (verified !== undefined) this.#countDamage(verified);
    await this.#attempt(async () => {
      const { shape, ...survey } = surveyDirectory(tree.files, PATH);
      if (shape === undefined) return;
      const found = await findKey(tree.files, { ...survey, shape }, random.bytes(shape.keyLength));
      must("value" in found || typeof found.unproven !== "number", () => "an answer of neither kind");
    });
    return verified?.damage.total;
  }

  #countDamage({ damage }: VerifyReport): void {
    for (const kind of Object.keys(damage.counts) as (keyof typeof damage.counts)[]) {
      this.report.damage[kind] = (this.report.damage[kind] ?? 0) + damage.counts[kind]!;
    }
  }

  /** Without a lock, and changing nothing, as the offline commands do. */
  async #openToRead(tree: MemoryTree, random: Random): Promise<Served | undefined> {
    const before = random.oneIn(16) ? tree.copy() : undefined;
    const served = await this.#serve(tree, { storage: random.pick(KINDS), readOnly: true });
    if (before !== undefined) requireUnchanged(tree, before);
    return served;
  }

  /** As a follower does; and sometimes what its close has left. */
  async #openToWrite(tree: MemoryTree, random: Random): Promise<Served | undefined> {
    const lock = await this.#attempt(() => lockForWriting(tree.files, PATH, 7));
    if (lock === undefined) return undefined;
    const first = await this.#serve(tree, { storage: random.pick(KINDS), readOnly: false });
    if (first !== undefined && random.oneIn(4)) await this.#openAgain(tree, random.pick(KINDS), first);
    lock.release();
    return first;
  }

  /** Answers the slots that were not trusted. */
  #countOpened(served: Served | undefined): number {
    if (served === undefined) return 0;
    this.report.opened++;
    this.report.keys += served.entries.size;
    if (served.unverified > 0) this.report.distrusted++;
    return served.unverified;
  }

  /** What was not closed cleanly is read slot by slot, whatever a sidecar said before. */
  async #openAgain(tree: MemoryTree, storage: StorageKind, first: Served): Promise<void> {
    const again = await this.#serve(tree, { storage, readOnly: false });
    must(again !== undefined, () => "what was closed does not open again");
    if (!first.isClean) return;
    const isSame = again!.entries.size === first.entries.size && holdsAll(again!.entries, first.entries);
    must(isSame, () => "other keys are served after a close");
  }

  /** Opens, compares what is served with the files, dumps and closes. Undefined where it does not open. */
  async #serve(tree: MemoryTree, { storage, readOnly }: Serving): Promise<Served | undefined> {
    const directory = await this.#attempt(() =>
      Directory.open(tree.files, PATH, { storage, readOnly, pid: 7, slice: SLICE })
    );
    if (directory === undefined) return undefined;
    const { store } = directory;
    const unverified = store.shards.reduce((sum, shard) => sum + shard.unverified.size, 0);
    const entries = checkServed(tree, directory);
    await checkDump(store, entries);
    const dirty = await directory.close(1000);
    return { entries, unverified, isClean: dirty.length === 0 && unverified === 0 };
  }

  /** What `act` answers, or undefined where it refuses. */
  async #attempt<T>(act: () => T | Promise<T>): Promise<T | undefined> {
    try {
      return await act();
    } catch (error) {
      // One of the runtime's own without a code is no answer of a disk: something of ours went wrong.
      if (error instanceof StorageError && error.cause instanceof Error && !("code" in error.cause)) {
        throw error.cause;
      }
      this.#refusals.take(error, REFUSALS);
      return undefined;
    }
  }
}

/** What an open directory served. */
interface Served {
  /** Values by key, as hex. */
  entries: Map<string, string>;
  /** Slots that were not trusted. */
  unverified: number;
  /** Whether it was closed cleanly, all slots trusted. */
  isClean: boolean;
}

/** How a directory is opened. */
interface Serving {
  storage: StorageKind;
  readOnly: boolean;
}

async function checkDump(store: Store, entries: Map<string, string>): Promise<void> {
  let dump = "";
  const write = (chunk: Uint8Array) => void (dump += new TextDecoder().decode(chunk));
  await dumpStore(store, write, { format: "hex", slice: SLICE });
  const sorted = [...entries].sort().map(([key, value]) => `${key} ${value}\n`).join("");
  must(dump === sorted, () => `the dump is ${dump}, and ${sorted} is served`);
}

function holdsAll(these: Map<string, string>, those: Map<string, string>): boolean {
  return [...those].every(([key, value]) => these.get(key) === value);
}

function requireUnchanged(tree: MemoryTree, before: MemoryTree): void {
  const names = (each: MemoryTree) => [...each.nodes.keys(), ...each.folders].sort().join();
  must(names(tree) === names(before), () => "looking made or removed files");
  for (const path of before.nodes.keys()) {
    const [now, then] = [tree.bytesOf(path), before.bytesOf(path)];
    must(
      now.length === then.length && now.every((byte, i) => byte === then[i]),
      () => `looking changed ${path}`,
    );
  }
}
