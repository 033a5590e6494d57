/** A backup's copies of some shards: those of this thread. */

import { FileName, shardFolder } from "../fixed/layout.ts";
import type { Shard } from "../fixed/shard.ts";
import type { FileDescriptor, Files } from "../runtime/runtime.ts";
import type { TimeSlice } from "../time_slice.ts";
import { closeEmptied } from "./backup_folder.ts";
import { KeptSlots } from "./kept_slots.ts";
import { PieceBuffer, ShardCopy } from "./shard_copy.ts";
import type { BackupStatus } from "./status.ts";

/** So much is written before it is synced: the sync at the end is then no flood that the replica's own waits for. */
const SYNC_BYTES = 16 << 20;

/** How far copies are. */
export type CopyProgress = Pick<BackupStatus, "slots" | "position" | "bytes">;

/** Copies of some shards, in this thread or in another. */
export interface BackupPart {
  /** Makes the files, in a backup's folder. */
  prepare(path: string): Promise<void>;
  /** The moment that is copied. */
  begin(): void;
  /** Copies; all of it is on disk, and its files are closed, when it resolves. */
  copy(): Promise<void>;
  /** Ends copies that came to nothing: empties and closes their files. Never rejects. */
  abandon(): Promise<void>;
}

/** What the copies of this thread are made with. */
export interface LocalPartOptions {
  files: Files;
  /** Measures the steps. */
  slice: TimeSlice;
  /** Gives them up. */
  signal?: AbortSignal;
  /** Is kept up to date. */
  progress: CopyProgress;
  /** Slots that memory may hold until their turn comes. Only tests choose. */
  mostKept?: number;
}

/** The files of a shard's copy. */
interface OpenCopy {
  shard: Shard;
  data: FileDescriptor;
  sidecar: FileDescriptor;
}

/** The copies of shards that this thread has. */
export class LocalPart implements BackupPart {
  readonly #shards: readonly Shard[];
  readonly #options: LocalPartOptions;
  readonly #open: FileDescriptor[] = [];
  readonly #opened: OpenCopy[] = [];
  readonly #copies: ShardCopy[] = [];
  readonly #memory: KeptSlots;
  #path = "";
  #unsyncedBytes = 0;

  /** Copies that begin with {@link prepare}, of shards of one shape. */
  constructor(shards: readonly Shard[], options: LocalPartOptions) {
    this.#shards = shards;
    this.#options = options;
    this.#memory = new KeptSlots(this.#recordBytes, options.mostKept);
  }

  get #recordBytes(): number {
    return this.#shards[0].file.recordBytes;
  }

  async prepare(path: string): Promise<void> {
    const { files, slice } = this.#options;
    this.#path = path;
    slice.begin();
    for (const shard of this.#shards) {
      const folder = `${path}/${shardFolder(shard.id)}`;
      files.makeDirectory(folder);
      const data = this.#make(`${folder}/${FileName.data}`);
      const sidecar = this.#make(`${folder}/${FileName.sidecar}`);
      this.#opened.push({ shard, data, sidecar });
      if (slice.isOver) await this.#during(slice.yield());
    }
  }

  #make(path: string): FileDescriptor {
    const file = this.#options.files.open(path, "create");
    this.#open.push(file);
    return file;
  }

  begin(): void {
    const { files, progress } = this.#options;
    for (const each of this.#opened) {
      this.#copies.push(new ShardCopy(each.shard, { files, ...each }, this.#memory));
    }
    progress.slots = this.#copies.reduce((sum, copy) => sum + copy.slots, 0);
  }

  async copy(): Promise<void> {
    const { files } = this.#options;
    const buffer = new PieceBuffer(this.#recordBytes);
    for (const [i, copy] of this.#copies.entries()) await this.#copy(copy, buffer, this.#opened[i]);
    for (const { data } of this.#opened) await this.#during(files.sync(data));
    for (const [i, copy] of this.#copies.entries()) await this.#seal(copy, this.#opened[i]);
    for (const { id } of this.#shards) {
      await this.#during(files.syncDirectoryAsync(`${this.#path}/${shardFolder(id)}`));
    }
    while (this.#open.length > 0) files.close(this.#open.pop()!);
  }

  async abandon(): Promise<void> {
    for (const copy of this.#copies) copy.end();
    await closeEmptied(this.#options.files, this.#open.splice(0));
  }

  async #copy(copy: ShardCopy, buffer: PieceBuffer, { data }: OpenCopy): Promise<void> {
    const { slice, progress, files } = this.#options;
    slice.begin();
    while (!copy.isDone) {
      if (this.#memory.isFilling) this.#spill();
      const before = copy.position;
      const bytes = copy.step(buffer);
      progress.position += copy.position - before;
      progress.bytes += bytes;
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
    const { files, progress } = this.#options;
    progress.bytes += copy.seal();
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
