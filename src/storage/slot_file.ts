import type { FileDescriptor, Files } from "../runtime/runtime.ts";

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
  /** Makes durable what was flushed before the call. */
  sync(): Promise<void>;
  /** The same, blocking: for open and close. */
  syncNow(): void;
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

/** What all kinds share: the open file, its length and what of it is durable. */
export abstract class FileBase {
  readonly recordBytes: number;
  recordCount: number;
  protected readonly files: Files;
  protected readonly file: FileDescriptor;
  protected readonly headerBytes: number;
  #writes = 0;
  #durableWrites = 0;
  #syncing: Promise<void> | undefined;

  constructor(options: SlotFileOptions) {
    this.files = options.files;
    this.headerBytes = options.headerBytes;
    this.recordBytes = options.recordBytes;
    this.recordCount = options.recordCount;
    this.file = options.files.open(options.path, options.readOnly ? "read" : "write");
  }

  /** Whether writes have reached the file that no sync has covered. */
  protected get hasUnsyncedWrites(): boolean {
    return this.#writes !== this.#durableWrites;
  }

  protected positionOf(record: number): number {
    return this.headerBytes + record * this.recordBytes;
  }

  /** Must be called before bytes reach the file by a way other than those below. */
  protected noteWrite(): void {
    this.#writes++;
  }

  protected writeFile(bytes: Uint8Array, at: number, length: number, position: number): void {
    this.#writes++;
    this.files.write(this.file, bytes, at, length, position);
  }

  writeHeader(at: number, bytes: Uint8Array): void {
    this.writeFile(bytes, 0, bytes.length, at);
  }

  /** A file that keeps no record in memory wants none. */
  reserve(_recordCount: number): boolean {
    return true;
  }

  protected extendFile(recordCount: number): void {
    const bytes = this.positionOf(recordCount);
    if (this.files.size(this.file) < bytes) {
      this.#writes++;
      this.files.truncate(this.file, bytes);
    }
    this.recordCount = recordCount;
  }

  async sync(): Promise<void> {
    while (this.#syncing !== undefined) await this.#syncing.catch(() => {});
    const writes = this.#writes;
    if (writes === this.#durableWrites) return;
    this.#syncing = this.files.sync(this.file);
    try {
      await this.#syncing;
      this.#durableWrites = writes;
    } finally {
      this.#syncing = undefined;
    }
  }

  syncNow(): void {
    const writes = this.#writes;
    if (writes === this.#durableWrites) return;
    this.files.syncNow(this.file);
    this.#durableWrites = writes;
  }

  close(): void {
    this.files.close(this.file);
  }
}
