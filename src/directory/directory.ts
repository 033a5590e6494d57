/**
 * An armdb fixed directory in use: locked, recovered, and closed so that armdb or the next process can trust it.
 */

import { ClosedError, ForeignDirectoryError } from "../errors.ts";
import {
  CLEAN_FLAG_AT,
  type DataHeader,
  FileName,
  HEADER_BYTES,
  requireSameShape,
  shardFolder,
  SLOT_COUNT_AT,
  slotSize,
} from "../fixed/layout.ts";
import { recoverShard } from "../fixed/recover.ts";
import { Shard } from "../fixed/shard.ts";
import { Store } from "../fixed/store.ts";
import type { Files } from "../runtime/runtime.ts";
import type { Shape } from "../slot_events.ts";
import { writeFileAtomicAsync } from "../storage/atomic_file.ts";
import { type DirectoryLock, lockDirectory } from "../storage/dir_lock.ts";
import { openSlotFile } from "../storage/open_slot_file.ts";
import type { StorageKind } from "../storage/slot_file.ts";
import { wrapStorageError } from "../storage/storage_error.ts";
import { TimeSlice } from "../time_slice.ts";
import { Completeness, COMPLETENESS_FILE, readCompleteness } from "./completeness.ts";
import { createDataFile, createStoreFiles, syncParents } from "./create.ts";
import { requireInTime, within } from "./deadline.ts";
import { examineDirectory, type FoundDirectory } from "./layout_check.ts";
import { encodeSidecar, loadSidecar } from "./sidecar.ts";

/** The least that a file grows by, in slots; a larger file grows by an eighth. */
const LEAST_GROWTH_SLOTS = 4096;

/** How a directory is opened. */
export interface DirectoryOptions {
  /** How slots are kept. */
  storage: StorageKind;
  /** Opens without lock and writes nothing: for offline commands. */
  readOnly?: boolean;
  /** The process id that goes into the lock file. */
  pid: number;
  /** Measures the steps of opening, growing and closing. */
  slice?: TimeSlice;
}

/** How a directory is closed. */
export interface CloseOptions {
  /** Work by shard that has to end first; none of it may reject. */
  work?: ReadonlyMap<number, Promise<void>>;
}

/**
 * Takes the directory's lock, making the directory if need be; what is not ours is refused before anything is put
 * into it. Throws LockedError, ForeignDirectoryError, DamagedDirectoryError, StorageError.
 */
export function lockForWriting(files: Files, path: string, pid: number): DirectoryLock {
  examine(files, path);
  try {
    files.makeDirectory(path);
  } catch (error) {
    throw wrapStorageError(error, "create", path);
  }
  return lockDirectory(files, path, pid);
}

/** An open directory. */
export class Directory {
  /** What is known of how far each shard can be trusted. */
  readonly completeness: Completeness;
  /** The shards and the reads over them. */
  readonly store: Store;
  readonly #files: Files;
  readonly #readOnly: boolean;
  readonly #slice: TimeSlice;
  /** Growths under way: metas, file and header are of one length only when they have ended. */
  readonly #growths = new Map<number, Promise<unknown>>();
  #isClosed = false;

  private constructor(
    files: Files,
    readonly path: string,
    readonly shape: Shape,
    parts: { shards: Shard[]; completeness: Completeness; readOnly?: boolean; slice: TimeSlice },
  ) {
    this.#files = files;
    this.#readOnly = parts.readOnly ?? false;
    this.#slice = parts.slice;
    this.completeness = parts.completeness;
    this.store = new Store(shape, parts.shards, (shard) => this.completeness.isComplete(shard));
  }

  /**
   * Opens what stands at `path`, which the caller has locked unless it is read only. Undefined where there is no
   * store yet. Throws ForeignDirectoryError, DamagedDirectoryError, StorageError.
   */
  static async open(files: Files, path: string, options: DirectoryOptions): Promise<Directory | undefined> {
    const found = examine(files, path);
    if (found?.shape === undefined) return undefined;
    return await Directory.#open(files, path, { ...found, shape: found.shape }, options);
  }

  /** Creates the store, of a shape, in a locked directory that holds none, and opens it. */
  static async create(
    files: Files,
    path: string,
    shape: Shape,
    options: DirectoryOptions,
  ): Promise<Directory> {
    const found = examine(files, path);
    if (found !== undefined) requireSameCounts(found, shape, path);
    await syncParents(files, path);
    createStoreFiles(files, path, shape);
    return (await Directory.open(files, path, options))!;
  }

  static async #open(
    files: Files,
    path: string,
    found: FoundDirectory & { shape: Shape },
    options: DirectoryOptions,
  ): Promise<Directory> {
    const shards: Shard[] = [];
    const { shape } = found;
    const { readOnly, slice = new TimeSlice() } = options;
    try {
      const completeness = openCompleteness(files, path, found, readOnly);
      for (const [id, { header }] of found.shards.entries()) {
        if (header === undefined && !readOnly) createDataFile(files, path, id, shape);
        shards.push(await openShard(files, path, id, { shape, header, ...options, slice }));
      }
      const directory = new Directory(files, path, shape, { shards, completeness, readOnly, slice });
      if (!readOnly) await directory.#clearCleanFlags(found);
      return directory;
    } catch (error) {
      for (const shard of shards) shard.file.close();
      throw wrapStorageError(error, "open", path);
    }
  }

  /** A sidecar of a file in use would be believed: the flag goes, durably, before the first write. */
  async #clearCleanFlags(found: FoundDirectory): Promise<void> {
    await Promise.all(this.store.shards.map(async ({ id, file }) => {
      if (!found.shards[id].header?.clean) return;
      file.writeHeader(CLEAN_FLAG_AT, Uint8Array.of(0));
      await file.sync();
    }));
  }

  /** Path of a file in a shard's folder. */
  shardPath(shard: number, name: string): string {
    return `${this.path}/${shardFolder(shard)}/${name}`;
  }

  /** Makes room for `slotCount` slots or more; durable before any of them is used. Throws StorageError. */
  grow(id: number, slotCount: number, exactly = false): Promise<void> {
    // One after the other: of two at once, each would write its own number of slots into the header.
    const growth = (this.#growths.get(id) ?? Promise.resolve()).then(() =>
      this.#grow(id, slotCount, exactly)
    );
    this.#growths.set(id, Promise.allSettled([growth]));
    return growth;
  }

  async #grow(id: number, slotCount: number, exactly: boolean): Promise<void> {
    const shard = this.store.shards[id];
    if (slotCount <= shard.slotCount) return;
    const count = exactly ? slotCount : Math.max(slotCount, grownCount(shard.slotCount));
    await this.#reserve(shard, count);
    try {
      shard.file.extend(count);
      await shard.file.sync();
      // Whoever closed it may have given the directory up to somebody else by now.
      this.#requireOpen();
      this.#writeSlotCount(shard, count);
      await shard.file.sync();
    } catch (error) {
      throw wrapStorageError(error, "grow", this.shardPath(id, FileName.data));
    }
    shard.metas.grow(count);
  }

  /** Memory for so many slots, in steps, before the file promises them. */
  async #reserve({ file, metas }: Shard, slotCount: number): Promise<void> {
    this.#slice.begin();
    while (!file.reserve(slotCount) || !metas.reserve(slotCount)) {
      if (this.#slice.isOver) await this.#slice.yield();
    }
    this.#requireOpen();
  }

  #requireOpen(): void {
    if (this.#isClosed) throw new ClosedError(`Cannot grow ${this.path}: it is closed`);
  }

  /** The same, blocking: for a writer that cannot wait. */
  growNow(id: number, slotCount: number): void {
    const shard = this.store.shards[id];
    const count = Math.max(slotCount, grownCount(shard.slotCount));
    try {
      shard.file.extend(count);
      shard.file.syncNow();
      this.#writeSlotCount(shard, count);
      shard.file.syncNow();
    } catch (error) {
      throw wrapStorageError(error, "grow", this.shardPath(id, FileName.data));
    }
    shard.metas.grow(count);
  }

  /**
   * Says in the header how long the file is by now, durably: a power cut may keep a header and lose a length, and
   * nobody opens a file that is shorter than it says. The new slots are used once the header is durable too: else a
   * cut could leave them behind its end, for a later growth to bring them back.
   */
  #writeSlotCount({ file }: Shard, slotCount: number): void {
    const bytes = new Uint8Array(4);
    new DataView(bytes.buffer).setUint32(0, slotCount, true);
    file.writeHeader(SLOT_COUNT_AT, bytes);
  }

  /**
   * Closes all shards: flushed, synced, and with sidecar and flag where every slot can be trusted. Shards that are
   * not done within `limitMs` stay dirty and are opened by a full scan next time. Answers those left dirty.
   */
  async close(limitMs: number, { work }: CloseOptions = {}): Promise<number[]> {
    const deadline = performance.now() + limitMs;
    const dirty: number[] = [];
    this.#isClosed = true;
    this.store.close();
    await Promise.all(this.store.shards.map(async (shard) => {
      if (this.#readOnly) return shard.file.close();
      const isClean = await this.#closeShard(shard, deadline, work?.get(shard.id)).catch(() => false);
      if (!isClean) dirty.push(shard.id);
    }));
    return dirty;
  }

  /** Whether the shard was closed cleanly. One whose work does not end in time is not written to any more. */
  async #closeShard(shard: Shard, deadline: number, work: Promise<void> | undefined): Promise<boolean> {
    const ended = Promise.all([work, this.#growths.get(shard.id)]);
    try {
      await within(deadline, ended);
    } catch {
      // The number of a closed file may soon be another file's: it is the work's for as long as that goes on.
      ended.then(() => shard.file.close());
      return false;
    }
    return await this.#closeIdle(shard, deadline);
  }

  /** Whether the shard was closed cleanly. A clean flag on a shard with torn slots would make armdb trust them. */
  async #closeIdle(shard: Shard, deadline: number): Promise<boolean> {
    try {
      shard.file.flush();
      await within(deadline, shard.file.sync());
      if (shard.unverified.size > 0 || shard.file.hasLost) return false;
      const sidecar = this.shardPath(shard.id, FileName.sidecar);
      const metas = await encodeSidecar(shard.metas, this.#slice, deadline);
      const requireTime = () => requireInTime(deadline);
      await within(deadline, writeFileAtomicAsync(this.#files, sidecar, metas, requireTime));
      shard.file.writeHeader(CLEAN_FLAG_AT, Uint8Array.of(1));
      await within(deadline, shard.file.sync());
      return true;
    } finally {
      shard.file.close();
    }
  }
}

function examine(files: Files, path: string): FoundDirectory | undefined {
  try {
    return examineDirectory(files, path);
  } catch (error) {
    throw wrapStorageError(error, "open", path);
  }
}

async function openShard(
  files: Files,
  path: string,
  id: number,
  options: DirectoryOptions & { shape: Shape; header: DataHeader | undefined; slice: TimeSlice },
): Promise<Shard> {
  const folder = `${path}/${shardFolder(id)}`;
  const slotCount = options.header?.slotCount ?? 0;
  const file = openSlotFile(options.storage, {
    files,
    path: `${folder}/${FileName.data}`,
    readOnly: options.readOnly,
    headerBytes: HEADER_BYTES,
    recordBytes: slotSize(options.shape),
    recordCount: slotCount,
  });
  try {
    const shard = new Shard(id, options.shape, file);
    const { slice } = options;
    const sidecar = options.header?.clean
      ? await loadSidecar(files, `${folder}/${FileName.sidecar}`, { slotCount, slice })
      : undefined;
    await recoverShard(shard, slotCount, { sidecar, slice });
    // What was written before a kill is in the system's memory, and is gone with the power: it is not what is promised.
    if (options.header !== undefined && !options.header.clean && !options.readOnly) file.assumeUnsynced();
    return shard;
  } catch (error) {
    file.close();
    throw error;
  }
}

/** What is known of the scans. Of a shard whose data file is made afresh that is nothing, and it says so first. */
function openCompleteness(
  files: Files,
  path: string,
  { shape, shards }: FoundDirectory & { shape: Shape },
  readOnly = false,
): Completeness {
  const file = `${path}/${COMPLETENESS_FILE}`;
  const completeness = new Completeness(files, file, readCompleteness(files, file, shape.shardCount));
  const fresh = [...shards.keys()].filter((shard) => shards[shard].header === undefined);
  completeness.forget(fresh, { inMemory: readOnly });
  return completeness;
}

function requireSameCounts(found: FoundDirectory, shape: Shape, path: string): void {
  if (found.shape !== undefined) {
    throw new ForeignDirectoryError(`Cannot create a store in ${path}: it holds one already`);
  }
  const ours = { ...shape, ...found.dbMeta };
  requireSameShape(ours, shape, { ours: path, theirs: "the leader" });
}

function grownCount(slotCount: number): number {
  return slotCount + Math.max(LEAST_GROWTH_SLOTS, slotCount >>> 3);
}
