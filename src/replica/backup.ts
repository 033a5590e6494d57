/**
 * A copy of a replica while it goes on following: the state of one moment over all shards, in a folder that armdb and
 * Slotcask open as one that was closed cleanly.
 *
 * **The moment** is when all folders and files are there, and no event is in the middle of being applied. Every shard
 * must be complete then, and no whole scan of it be under way: in mid-scan its slots are a mix of two moments, and
 * armdb, which does not read slotcask.json, would take them for whole. So a backup that is there is whole.
 *
 * **On disk** the slots come first, then the headers, which are zeros until then, then slotcask.json, then db.meta. What
 * a crash cut off before the headers is refused here and by armdb 0.1 ("bad magic"), and is an empty store to armdb 0.15:
 * a part is never taken for the whole.
 */

import { COMPLETENESS_FILE, encodeCompleteness } from "../directory/completeness.ts";
import { asError } from "../error_code.ts";
import { ConflictError } from "../errors.ts";
import { encodeDbMeta, FileName } from "../fixed/layout.ts";
import type { Files } from "../runtime/runtime.ts";
import { writeFileAtomicAsync } from "../storage/atomic_file.ts";
import { backupError, type ClaimedFolder, claimFolder, discardFolder } from "./backup_folder.ts";
import { type BackupPart, LocalPart, type LocalPartOptions } from "./backup_part.ts";
import type { FollowedDirectory } from "./followed_target.ts";
import type { BackupStatus } from "./status.ts";

/** What a backup is made with. */
export interface BackupOptions extends Omit<LocalPartOptions, "progress"> {
  /** Gives it up. Must be set off, and the backup awaited, before the directory is closed. */
  signal?: AbortSignal;
  /** Is kept up to date: see {@link newBackupStatus}. */
  status: BackupStatus;
}

/** The status of a backup that begins now. */
export function newBackupStatus(): BackupStatus {
  return { startedAtMs: Date.now(), endedAtMs: null, path: "", slots: 0, position: 0, bytes: 0, error: null };
}

/**
 * Copies a directory to a new folder in `parent`, as the head of this file says. Nothing of it stays where it does not
 * come to its end. The directory goes on meanwhile: no step is longer than the slice, what it reads is never changed.
 *
 * Rejects with ConflictError (a shard is incomplete, is being scanned or damaged), PermissionError, StorageError, or
 * the signal's reason.
 */
export function backupDirectory(
  directory: FollowedDirectory,
  parent: string,
  options: BackupOptions,
): Promise<void> {
  const part = new LocalPart(directory.store.shards, { ...options, progress: options.status });
  return backupParts(directory, [part], parent, options);
}

/** The same of a directory whose shards are copied in parts. */
export async function backupParts(
  directory: FollowedDirectory,
  parts: readonly BackupPart[],
  parent: string,
  options: Pick<BackupOptions, "files" | "signal" | "status">,
): Promise<void> {
  const { status } = options;
  try {
    await new Backup(directory, parts, options).run(parent);
  } catch (error) {
    status.error = asError(error).message;
    throw error;
  } finally {
    status.endedAtMs = Date.now();
  }
}

/** One backup. */
class Backup {
  readonly #directory: FollowedDirectory;
  readonly #parts: readonly BackupPart[];
  readonly #files: Files;
  readonly #signal: AbortSignal | undefined;
  readonly #status: BackupStatus;

  constructor(
    directory: FollowedDirectory,
    parts: readonly BackupPart[],
    { files, signal, status }: Pick<BackupOptions, "files" | "signal" | "status">,
  ) {
    this.#directory = directory;
    this.#parts = parts;
    this.#files = files;
    this.#signal = signal;
    this.#status = status;
  }

  async run(parent: string): Promise<void> {
    this.#signal?.throwIfAborted();
    requireWhole(this.#directory);
    const folder = claimFolder(this.#files, parent, this.#status.startedAtMs);
    this.#status.path = folder.path;
    try {
      await this.#fill(folder, parent);
    } catch (error) {
      // Before the folder goes: none of them writes to it any more.
      for (const part of this.#parts) await part.abandon();
      discardFolder(this.#files, folder);
      throw this.#signal?.aborted ? this.#signal.reason : backupError(error, folder.path, parent);
    }
    folder.release();
  }

  async #fill({ path }: ClaimedFolder, parent: string): Promise<void> {
    const files = this.#files;
    const { shape, completeness } = this.#directory;
    await this.#during(Promise.all(this.#parts.map((part) => part.prepare(path))));
    // The moment: nothing may wait from here to the last of the parts' beginnings.
    requireWhole(this.#directory);
    const scans = encodeCompleteness(completeness.state);
    for (const part of this.#parts) part.begin();

    await this.#during(Promise.all(this.#parts.map((part) => part.copy())));
    await this.#during(writeFileAtomicAsync(files, `${path}/${COMPLETENESS_FILE}`, scans));
    await this.#during(writeFileAtomicAsync(files, `${path}/${FileName.dbMeta}`, encodeDbMeta(shape)));
    await files.syncDirectoryAsync(parent);
  }

  /** Waits for something; throws the signal's reason if the backup was given up meanwhile. */
  async #during(work: Promise<unknown>): Promise<void> {
    await work;
    this.#signal?.throwIfAborted();
  }
}

/** Throws ConflictError unless every shard holds what the leader had at one moment, and can trust all of it. */
function requireWhole({ store, completeness }: FollowedDirectory): void {
  for (const { id, unverified } of store.shards) {
    if (store.isComplete(id) && !completeness.isMarked(id)) continue;
    const why = unverified.size > 0
      ? `${unverified.size} of its slots cannot be trusted`
      : completeness.isComplete(id)
      ? "a whole scan of it is under way"
      : "it has not finished a whole scan";
    throw new ConflictError(
      `Cannot back up: shard ${id} is a mix of two moments, ${why}; wait until it caught up`,
    );
  }
}
