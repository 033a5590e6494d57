/**
 * Checks a whole directory and changes nothing: every CRC, sidecars, equal keys, routing, headers.
 *
 * In a directory that a process holds, slots change while they are read: a finding is read again, and what may
 * still be a write under way is reported as unsettled, not as damage.
 */

import { DamagedDirectoryError } from "../errors.ts";
import type { Files } from "../runtime/runtime.ts";
import type { Shape } from "../slot_events.ts";
import { isLocked } from "../storage/dir_lock.ts";
import type { SlotFile } from "../storage/slot_file.ts";
import { wrapStorageError } from "../storage/storage_error.ts";
import { TimeSlice } from "../time_slice.ts";
import { type Damage, DamageList } from "./damage.ts";
import { SlotCheck } from "./slot_check.ts";
import { eachRange, openSlots, readSidecar, type ShardFile, type Survey, surveyDirectory } from "./survey.ts";

/** How long to wait before a slot of a directory in use is read again, each time (ms). */
const REREAD_AFTER_MS = [5, 20, 80];

/** What verify found. */
export interface VerifyReport {
  /** The directory. */
  directory: string;
  /** Whether a process held it. */
  live: boolean;
  /** The shape; undefined where no shard tells it. */
  shape: Shape | undefined;
  /** Slots that were checked. */
  slots: number;
  /** OCCUPIED ones among them. */
  occupied: number;
  /** What is damaged. */
  damage: DamageList;
  /** What did not match at any reading, in a directory in use: a write under way, or damage. */
  unsettled: DamageList;
}

/** What a verification may be given. */
export interface VerifyOptions {
  /** Measures the steps. */
  slice?: TimeSlice;
  /** How long to wait before each further reading of a slot of a directory in use (ms). */
  rereadAfterMs?: readonly number[];
}

/** Checks a directory. Rejects with ForeignDirectoryError and StorageError. */
export async function verifyDirectory(
  files: Files,
  path: string,
  options: VerifyOptions = {},
): Promise<VerifyReport> {
  const report = await verify(files, path, options);
  // Somebody has opened it meanwhile: what looks like damage may be theirs.
  const wasTaken = !report.live && report.damage.total > 0 && isLocked(files, path);
  return wasTaken ? await verify(files, path, options) : report;
}

async function verify(files: Files, path: string, options: VerifyOptions): Promise<VerifyReport> {
  const report: VerifyReport = {
    directory: path,
    live: false,
    shape: undefined,
    slots: 0,
    occupied: 0,
    damage: new DamageList(),
    unsettled: new DamageList(),
  };
  const survey = trySurvey(files, path, report.damage);
  if (survey === undefined) return report;
  report.shape = survey.shape;
  report.live = isLocked(files, path);
  for (const shard of survey.shards) await new ShardCheck(files, survey, report, options).run(shard);
  return report;
}

/** Slots without a db.meta are damage, but which one it was cannot be told: there is nothing to go on with. */
function trySurvey(files: Files, path: string, damage: DamageList): Survey | undefined {
  try {
    return surveyDirectory(files, path);
  } catch (error) {
    if (!(error instanceof DamagedDirectoryError)) throw error;
    damage.add({ shard: null, slot: null, kind: "missing", text: error.message });
    return undefined;
  }
}

/** The check of one shard, whose findings go to a report. */
class ShardCheck {
  readonly #files: Files;
  readonly #shape: Shape | undefined;
  readonly #report: VerifyReport;
  readonly #slice: TimeSlice;
  readonly #rereadAfterMs: readonly number[];

  constructor(files: Files, { shape }: Survey, report: VerifyReport, options: VerifyOptions) {
    this.#files = files;
    this.#shape = shape;
    this.#report = report;
    this.#slice = options.slice ?? new TimeSlice();
    this.#rereadAfterMs = options.rereadAfterMs ?? REREAD_AFTER_MS;
  }

  /** Never rejects for a damaged shard: the others are still to be checked. */
  async run(shard: ShardFile): Promise<void> {
    const { damage } = this.#report;
    for (const problem of shard.problems) damage.add({ shard: shard.shard, slot: null, ...problem });
    if (shard.header === undefined) return;
    try {
      await this.#checkSlots(shard);
    } catch (error) {
      const text = wrapStorageError(error, "read", shard.path).message;
      damage.add({ shard: shard.shard, slot: null, kind: "unreadable", text });
    }
  }

  async #checkSlots(shard: ShardFile): Promise<void> {
    const sidecar = readSidecar(this.#files, shard);
    if (sidecar.defect !== undefined) this.#addSidecarDefect(shard, sidecar.defect);
    const file = openSlots(this.#files, shard);
    try {
      const check = new SlotCheck(shard.shard, { shape: this.#shape!, file, sidecar: sidecar.bytes });
      await eachRange(file, this.#slice, (first, end) => this.#checkRange(file, check, first, end));
      this.#report.slots += shard.slots;
      this.#report.occupied += check.occupied;
    } finally {
      file.close();
    }
  }

  #addSidecarDefect({ shard, folder }: ShardFile, defect: string): void {
    const text = `Cannot use ${folder}/fixed.versions: ${defect}`;
    this.#report.damage.add({ shard, slot: null, kind: "sidecar", text });
  }

  /** Answers a promise only where something is to be read again, which is rare. */
  #checkRange(file: SlotFile, check: SlotCheck, first: number, end: number): void | Promise<void> {
    const found: Damage[] = [];
    for (let slot = first; slot < end; slot++) check.check(slot, found);
    if (found.length === 0) return;
    if (this.#report.live) return this.#settle(file, check, { first, end, found });
    for (const damage of found) this.#report.damage.add(damage);
  }

  async #settle(
    file: SlotFile,
    check: SlotCheck,
    { first, end, found }: { first: number; end: number; found: Damage[] },
  ): Promise<void> {
    const { occupied } = check;
    for (const wait of this.#rereadAfterMs) {
      if (found.length === 0) break;
      await new Promise((resolve) => setTimeout(resolve, wait));
      file.load(first, end - first);
      const slots = new Set(found.map((damage) => damage.slot!));
      found = [];
      for (const slot of slots) check.check(slot, found);
    }
    check.occupied = occupied;
    for (const damage of found) this.#addLive(damage);
  }

  /** A status that does not exist and a key in the wrong shard are no write under way. */
  #addLive(damage: Damage): void {
    const isCertain = damage.kind === "status" || damage.kind === "misrouted";
    (isCertain ? this.#report.damage : this.#report.unsettled).add(damage);
  }
}
