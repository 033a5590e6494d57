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
import type { Directory } from "../directory/directory.ts";
import { asError } from "../error_code.ts";
import { ConflictError } from "../errors.ts";
import { encodeDbMeta, FileName, shardFolder, slotSize } from "../fixed/layout.ts";
import type { Shard } from "../fixed/shard.ts";
import type { FileDescriptor, Files } from "../runtime/runtime.ts";
import { writeFileAtomicAsync } from "../storage/atomic_file.ts";
import type { TimeSlice } from "../time_slice.ts";
import { backupError, type ClaimedFolder, claimFolder, discardFolder } from "./backup_folder.ts";
import { KeptSlots } from "./kept_slots.ts";
import { PieceBuffer, ShardCopy } from "./shard_copy.ts";
import type { BackupStatus } from "./status.ts";

/** So much is written before it is synced: the sync at the end is then no flood that the replica's own waits for. */
const SYNC_BYTES = 16 << 20;

/** What a backup is made with. */
export interface BackupOptions {
  /** The runtime's files. */
  files: Files;
  /** Measures the steps. */
  slice: TimeSlice;
  /** Gives it up. Must be set off, and the backup awaited, before the directory is closed. */
  signal?: AbortSignal;
  /** Is kept up to date: see {@link newBackupStatus}. */
  status: BackupStatus;
  /** Slots that memory may hold until their turn comes. Only tests choose. */
  mostKept?: number;
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
export async function backupDirectory(
  directory: Directory,
  parent: string,
  options: BackupOptions,
): Promise<void> {
  const { status } = options;
  try {
    await new Backup(directory, parent, options).run();
  } catch (error) {
    status.error = asError(error).message;
    throw error;
  } finally {
    status.endedAtMs = Date.now();
  }
}

/** The files of a shard's copy. */
interface OpenCopy {
  shard: Shard;
  data: FileDescriptor;
  sidecar: FileDescriptor;
}

/** One backup. */
class Backup {
  readonly #directory: Directory;
  readonly #parent: string;
  readonly #options: BackupOptions;
  readonly #open: FileDescriptor[] = [];
  #copies: ShardCopy[] = [];
  #memory: KeptSlots | undefined;
  #unsyncedBytes = 0;

  constructor(directory: Directory, parent: string, options: BackupOptions) {
    this.#directory = directory;
    this.#parent = parent;
    this.#options = options;
  }

  async run(): Promise<void> {
    const { files, signal, status } = this.#options;
    signal?.throwIfAborted();
    requireWhole(this.#directory);
    const folder = claimFolder(files, this.#parent, status.startedAtMs);
    status.path = folder.path;
    try {
      await this.#fill(folder);
    } catch (error) {
      for (const copy of this.#copies) copy.end();
      await discardFolder(files, folder, this.#open);
      throw signal?.aborted ? signal.reason : backupError(error, folder.path, this.#parent);
    }
    folder.release();
  }

  async #fill({ path }: ClaimedFolder): Promise<void> {
    const { files } = this.#options;
    const { store, shape, completeness } = this.#directory;
    const opened = await this.#makeFiles(path);
    const memory = this.#memory = new KeptSlots(slotSize(shape), this.#options.mostKept);
    // The moment: nothing may wait from here to the last of the copies' beginnings.
    requireWhole(this.#directory);
    const scans = encodeCompleteness(completeness.state);
    for (const each of opened) this.#copies.push(new ShardCopy(each.shard, { files, ...each }, memory));
    this.#options.status.slots = this.#copies.reduce((sum, copy) => sum + copy.slots, 0);

    const buffer = new PieceBuffer(slotSize(shape));
    for (const [i, copy] of this.#copies.entries()) await this.#copy(copy, buffer, opened[i]);
    for (const { data } of opened) await this.#during(files.sync(data));
    for (const [i, copy] of this.#copies.entries()) await this.#seal(copy, opened[i]);
    for (const { id } of store.shards) {
      await this.#during(files.syncDirectoryAsync(`${path}/${shardFolder(id)}`));
    }
    await this.#during(writeFileAtomicAsync(files, `${path}/${COMPLETENESS_FILE}`, scans));
    while (this.#open.length > 0) files.close(this.#open.pop()!);
    await this.#during(writeFileAtomicAsync(files, `${path}/${FileName.dbMeta}`, encodeDbMeta(shape)));
    await files.syncDirectoryAsync(this.#parent);
  }

  async #makeFiles(path: string): Promise<OpenCopy[]> {
    const { files, slice } = this.#options;
    const opened: OpenCopy[] = [];
    slice.begin();
    for (const shard of this.#directory.store.shards) {
      const folder = `${path}/${shardFolder(shard.id)}`;
      files.makeDirectory(folder);
      const data = this.#make(`${folder}/${FileName.data}`);
      const sidecar = this.#make(`${folder}/${FileName.sidecar}`);
      opened.push({ shard, data, sidecar });
      if (slice.isOver) await this.#during(slice.yield());
    }
    return opened;
  }

  #make(path: string): FileDescriptor {
    const file = this.#options.files.open(path, "create");
    this.#open.push(file);
    return file;
  }

  async #copy(copy: ShardCopy, buffer: PieceBuffer, { data }: OpenCopy): Promise<void> {
    const { slice, status, files } = this.#options;
    slice.begin();
    while (!copy.isDone) {
      if (this.#memory!.isFilling) this.#spill();
      const before = copy.position;
      const bytes = copy.step(buffer);
      status.position += copy.position - before;
      status.bytes += bytes;
      this.#unsyncedBytes += bytes;
      if (this.#unsyncedBytes >= SYNC_BYTES) await this.#sync(files.sync(data));
      else if (slice.isOver) await this.#during(slice.yield());
    }
    copy.end();
  }

  /** Those of all shards: the ones whose turn is far off keep most. */
  #spill(): void {
    for (const copy of this.#copies) copy.spill();
  }

  async #seal(copy: ShardCopy, { data, sidecar }: OpenCopy): Promise<void> {
    const { files, status } = this.#options;
    status.bytes += copy.seal();
    await this.#during(files.sync(sidecar));
    await this.#during(files.sync(data));
  }

  async #sync(work: Promise<void>): Promise<void> {
    this.#unsyncedBytes = 0;
    await this.#during(work);
    this.#options.slice.begin();
  }

  /** Waits for something; throws the signal's reason if the backup was given up meanwhile. */
  async #during(work: Promise<unknown>): Promise<void> {
    await work;
    this.#options.signal?.throwIfAborted();
  }
}

/** Throws ConflictError unless every shard holds what the leader had at one moment, and can trust all of it. */
function requireWhole({ store, completeness }: Directory): void {
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
