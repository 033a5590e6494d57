import type { FileDescriptor, Files } from "../runtime/runtime.ts";
import { StorageError } from "../errors.ts";
import { nextTurn } from "../time_slice.ts";
import { StagedRuns } from "./staged_runs.ts";
import { type ByteRange, UnsyncedBlocks } from "./unsynced_blocks.ts";

/** How a slot file keeps its records: see resident.ts, positional.ts, mapped.ts. */
export type StorageKind = "resident" | "positional" | "mapped";

/** The kinds that can be asked for. */
export const STORAGE_KINDS: readonly StorageKind[] = ["resident", "positional", "mapped"];

/**
 * Bytes at offsets: a header, then equal records. It knows nothing of what a record means.
 *
 * Reading and writing go through a {@link window} and its `view`: `at` and `stage` choose them and answer an offset
 * in them, so that neither allocates. Offset and window hold until the next call of any method.
 *
 * Changes are staged first, and reach the file in {@link flush}: heads, then whole records in runs. After a
 * failed flush they stay staged, so the next one writes them.
 */
export interface SlotFile {
  /** How the records are kept. */
  readonly kind: StorageKind;
  /** Whether reading a record again costs no I/O and finds the same bytes: what was checked once stays checked. */
  readonly inMemory: boolean;
  /** Bytes of a record. */
  readonly recordBytes: number;
  /** Records that can be read and staged. */
  readonly recordCount: number;
  /** The bytes that the last `at` or `stage` answered an offset for. */
  readonly window: Uint8Array;
  /** The same bytes, for words. */
  readonly view: DataView;
  /** Whether anything is staged: it is served, and would not survive the process. */
  readonly hasStaged: boolean;
  /** Whether who need not flush at once should stage more before: a byte costs less in a large write. */
  readonly gathers: boolean;
  /** Whether the file holds writes that no sync has covered, or anything is staged. */
  readonly unsynced: boolean;

  /** Offset in `window` of a record, staged changes included (a staged head may be missing). */
  at(record: number): number;
  /** Fetches consecutive records, so that `at` finds them without further I/O. Returns how many it took. */
  load(first: number, count: number): number;
  /** Most records that one `load` takes. */
  readonly loadLimit: number;
  /** Offset in `window` at which the caller must now write the whole record. */
  stage(record: number): number;
  /** Stages new first 4 bytes (a little-endian u32) of a record, and nothing else of it. */
  stageHead(record: number, word: number): void;
  /** Writes what is staged. Throws the runtime's error; what was not written stays staged. */
  flush(): void;
  /** Writes into the header, now. */
  writeHeader(at: number, bytes: Uint8Array): void;
  /** Fetches a piece of the memory that `extend` to this length will want; false while there is more to fetch. */
  reserve(recordCount: number): boolean;
  /** Makes the file, and what `at` and `stage` accept, `recordCount` records long. Never shorter. */
  extend(recordCount: number): void;
  /**
   * Makes durable what was flushed before the call. Where a sync before failed, what that covered is written again
   * first, from memory; records that are not in memory are told to `onLost` as soon as it fails.
   */
  sync(): Promise<void>;
  /** The same, blocking: for open and close. */
  syncNow(): void;
  /** Notes that a process before may have written without a sync: the next sync is one, whatever was written since. */
  assumeUnsynced(): void;
  /**
   * Is told of consecutive records whose bytes in the file may be anything, old ones too, since a sync failed and they
   * are not in memory. Resolves once none of them is trusted any more.
   */
  onLost: ((first: number, count: number) => Promise<void>) | undefined;
  /** Whether there are such records, and `onLost` has not resolved for them: the file must not be called clean. */
  readonly hasLost: boolean;
  /** Closes the file; staged changes are lost. */
  close(): void;
}

/** What a slot file is opened with. */
export interface SlotFileOptions {
  /** The runtime's files. */
  files: Files;
  /** Path of the file, which must exist. */
  path: string;
  /** Whether nothing will be written: opens it for reading only. */
  readOnly?: boolean;
  /** Bytes before the first record. */
  headerBytes: number;
  /** Bytes of a record. */
  recordBytes: number;
  /** Records in the file. */
  recordCount: number;
}

/** Bytes that are written again in one turn of the event loop. */
const REWRITE_BYTES = 256 << 10;

/** What all kinds share: the open file, its length and what of it is durable. */
export abstract class FileBase {
  onLost: ((first: number, count: number) => Promise<void>) | undefined = undefined;
  readonly recordBytes: number;
  recordCount: number;
  protected readonly files: Files;
  protected readonly file: FileDescriptor;
  protected readonly headerBytes: number;
  protected readonly staged = new StagedRuns();
  #writes = 0;
  #durableWrites = 0;
  #syncing: Promise<void> | undefined;
  readonly #path: string;
  readonly #blocks = new UnsyncedBlocks();
  /** Whether what the blocks hold must be written again before a sync can be believed. */
  #mustRewrite = false;
  /** Ranges of lost records that are still trusted. */
  #losses = 0;
  /** The last sync that failed and left nothing to write again, one object for each. */
  #loss: { error: unknown } | undefined;
  /** The header, once anything was written into it. */
  #header: Uint8Array | undefined;

  constructor(options: SlotFileOptions) {
    this.files = options.files;
    this.#path = options.path;
    this.headerBytes = options.headerBytes;
    this.recordBytes = options.recordBytes;
    this.recordCount = options.recordCount;
    this.file = options.files.open(options.path, options.readOnly ? "read" : "write");
  }

  /** See {@link SlotFile}. */
  get hasLost(): boolean {
    return this.#losses > 0;
  }

  /** See {@link SlotFile}. */
  get hasStaged(): boolean {
    return !this.staged.empty;
  }

  /** See {@link SlotFile}. */
  get gathers(): boolean {
    return this.staged.gathers(this.recordBytes);
  }

  /** See {@link SlotFile}. */
  get unsynced(): boolean {
    return this.#hasUnsyncedWrites || this.hasStaged;
  }

  get #hasUnsyncedWrites(): boolean {
    return this.#writes !== this.#durableWrites;
  }

  protected positionOf(record: number): number {
    return this.headerBytes + record * this.recordBytes;
  }

  /** See {@link SlotFile}. */
  abstract readonly inMemory: boolean;

  /** Writes these records to the file as they are in memory: asked only of a file that holds them there. */
  protected rewrite(_first: number, _count: number): void {
    throw new Error(`Cannot rewrite: ${this.constructor.name} holds no records in memory`);
  }

  assumeUnsynced(): void {
    // As it is read now: should the sync fail, the system may show an older one.
    this.#header ??= this.#readHeader();
    this.#writes++;
    this.#blocks.addAll(this.positionOf(this.recordCount));
  }

  /** Must be called before bytes reach the file by a way other than those below. */
  protected noteWrite(position: number, length: number): void {
    this.#writes++;
    this.#blocks.add(position, length);
  }

  protected writeFile(bytes: Uint8Array, at: number, length: number, position: number): void {
    this.noteWrite(position, length);
    this.files.write(this.file, bytes, at, length, position);
  }

  writeHeader(at: number, bytes: Uint8Array): void {
    this.#header ??= this.#readHeader();
    this.#header.set(bytes, at);
    this.writeFile(bytes, 0, bytes.length, at);
  }

  #readHeader(): Uint8Array {
    const header = new Uint8Array(this.headerBytes);
    this.files.read(this.file, header, 0, header.length, 0);
    return header;
  }

  /** A file that keeps no record in memory wants none. */
  reserve(_recordCount: number): boolean {
    return true;
  }

  protected extendFile(recordCount: number): void {
    const bytes = this.positionOf(recordCount);
    if (this.files.size(this.file) < bytes) {
      // The header's block stands for the file's length.
      this.noteWrite(0, 1);
      this.files.truncate(this.file, bytes);
    }
    this.recordCount = recordCount;
  }

  async sync(): Promise<void> {
    const before = this.#loss;
    while (this.#syncing !== undefined) await this.#syncing.catch(() => {});
    // What was written before this call, and is lost: the next sync says nothing of it.
    if (this.#loss !== before) throw this.#loss!.error;
    if (this.isCut) this.#restore();
    if (!this.#hasUnsyncedWrites) return;
    this.#syncing = this.#makeDurable();
    try {
      await this.#syncing;
    } finally {
      this.#syncing = undefined;
    }
  }

  /** Whether somebody else has made the file shorter than its records. */
  protected get isCut(): boolean {
    return this.files.size(this.file) < this.positionOf(this.recordCount);
  }

  async #makeDurable(): Promise<void> {
    if (this.#mustRewrite) {
      for (const _step of this.#rewriting()) await nextTurn();
    }
    const writes = this.#beginSync();
    try {
      await this.files.sync(this.file);
    } catch (error) {
      this.#syncFailed(error);
      throw error;
    }
    this.#durableWrites = writes;
  }

  /**
   * All is written again from memory; else it is lost, and the sync has failed. All, since a write behind the cut has
   * made the file longer again.
   */
  #restore(): void {
    const size = this.files.size(this.file);
    const end = this.positionOf(this.recordCount);
    this.noteWrite(0, end);
    this.#mustRewrite = true;
    if (this.inMemory) return;
    // Heads reach to within a record of the end.
    if (end - size < this.recordBytes) return this.files.truncate(this.file, end);
    const error = new StorageError(
      `Cannot sync ${this.#path}: it was cut to ${size} bytes, its records end at ${end}`,
    );
    this.#beginSync();
    this.#syncFailed(error);
    throw error;
  }

  #beginSync(): number {
    this.#blocks.begin();
    return this.#writes;
  }

  #syncFailed(error: unknown): void {
    this.#blocks.failed();
    this.#mustRewrite = true;
    // Another sync beside this one may have succeeded, since the system tells of lost pages once.
    this.#durableWrites = -1;
    if (this.inMemory) return;
    const lost = [...this.#blocks.ranges()].map((range) => this.#recordsIn(range));
    this.#blocks.clear();
    for (const { first, count } of lost) {
      if (count === 0) continue;
      this.#loss = { error };
      void this.#lose(first, count);
    }
  }

  async #lose(first: number, count: number): Promise<void> {
    this.#losses++;
    if (this.onLost === undefined) return;
    // Those that could not be taken out of service keep the file from being called clean.
    await this.onLost(first, count).then(() => this.#losses--, () => {});
  }

  /** Writes again what is in memory, a piece at a step: the header, and the records of all blocks. */
  *#rewriting(): Generator<void> {
    if (this.#header !== undefined) this.writeFile(this.#header, 0, this.#header.length, 0);
    const most = Math.max(1, Math.floor(REWRITE_BYTES / this.recordBytes));
    for (const range of this.inMemory ? this.#blocks.ranges() : []) {
      const { first, count } = this.#recordsIn(range);
      for (let done = 0; done < count; done += most) {
        this.rewrite(first + done, Math.min(most, count - done));
        yield;
      }
    }
    this.#mustRewrite = false;
  }

  /** The records that a range touches. */
  #recordsIn({ start, end }: ByteRange): { first: number; count: number } {
    const first = Math.max(0, Math.floor((start - this.headerBytes) / this.recordBytes));
    const last = Math.min(this.recordCount, Math.ceil((end - this.headerBytes) / this.recordBytes));
    return { first, count: Math.max(0, last - first) };
  }

  syncNow(): void {
    if (this.isCut) this.#restore();
    if (!this.#hasUnsyncedWrites) return;
    if (this.#mustRewrite) [...this.#rewriting()];
    // Beside a sync that goes on, which may still tell of lost pages: what that one covers stays covered by it.
    const writes = this.#syncing === undefined ? this.#beginSync() : this.#writes;
    try {
      this.files.syncNow(this.file);
    } catch (error) {
      this.#syncFailed(error);
      throw error;
    }
    this.#durableWrites = writes;
  }

  close(): void {
    this.files.close(this.file);
  }
}
