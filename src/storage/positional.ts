import { FileBase, type SlotFile, type SlotFileOptions } from "./slot_file.ts";
import { StagedRuns } from "./staged_runs.ts";

const LOAD_BYTES = 256 << 10;
/** Staging begins with this many bytes and grows with the largest batch. */
const LEAST_STAGING_BYTES = 64 << 10;

/** A slot file that keeps no record in memory but the staged ones: every other read is a pread. */
export class PositionalFile extends FileBase implements SlotFile {
  readonly kind = "positional" as const;
  readonly inMemory = false;
  readonly loadLimit: number;
  window: Uint8Array<ArrayBuffer>;
  view: DataView<ArrayBuffer>;
  readonly #record: Buffer;
  #loaded = newBuffer(0);
  #loadedFirst = 0;
  #loadedCount = 0;
  #staging: Buffer;
  readonly #places = new Map<number, number>();
  readonly #heads = new Map<number, number>();
  readonly #staged = new StagedRuns();
  readonly #word = newBuffer(4);

  constructor(options: SlotFileOptions) {
    super(options);
    this.#record = newBuffer(options.recordBytes);
    this.window = this.#record.bytes;
    this.view = this.#record.view;
    this.loadLimit = Math.max(1, Math.floor(LOAD_BYTES / options.recordBytes));
    const records = Math.max(1, Math.floor(LEAST_STAGING_BYTES / options.recordBytes));
    this.#staging = newBuffer(records * options.recordBytes);
  }

  get unsynced(): boolean {
    return this.hasUnsyncedWrites || !this.#staged.empty;
  }

  at(record: number): number {
    if (this.#places.size > 0) {
      const place = this.#places.get(record);
      if (place !== undefined) return this.#show(this.#staging, place);
    }
    if (record >= this.#loadedFirst && record < this.#loadedFirst + this.#loadedCount) {
      return this.#show(this.#loaded, (record - this.#loadedFirst) * this.recordBytes);
    }
    this.files.read(this.file, this.#record.bytes, 0, this.recordBytes, this.positionOf(record));
    return this.#show(this.#record, 0);
  }

  #show({ bytes, view }: Buffer, offset: number): number {
    this.window = bytes;
    this.view = view;
    return offset;
  }

  load(first: number, count: number): number {
    if (this.#loaded.bytes.length === 0) this.#loaded = newBuffer(this.loadLimit * this.recordBytes);
    const records = Math.min(count, this.loadLimit, this.recordCount - first);
    this.#loadedCount = 0;
    this.files.read(this.file, this.#loaded.bytes, 0, records * this.recordBytes, this.positionOf(first));
    this.#loadedFirst = first;
    this.#loadedCount = records;
    return records;
  }

  stage(record: number): number {
    this.#staged.addRecord(record);
    let place = this.#places.get(record);
    if (place === undefined) {
      place = this.#places.size * this.recordBytes;
      if (place === this.#staging.bytes.length) this.#enlargeStaging();
      this.#places.set(record, place);
    }
    return this.#show(this.#staging, place);
  }

  stageHead(record: number, word: number): void {
    this.#staged.addHead(record);
    this.#heads.set(record, word);
    const place = this.#places.get(record);
    if (place !== undefined) this.#staging.view.setUint32(place, word, true);
  }

  flush(): void {
    if (this.#staged.empty) return;
    this.#loadedCount = 0;
    this.#staged.flush(this.#writeHead, this.#writeRun);
    this.#places.clear();
    this.#heads.clear();
  }

  extend(recordCount: number): void {
    if (recordCount > this.recordCount) this.extendFile(recordCount);
  }

  #writeHead = (record: number): void => {
    this.#word.view.setUint32(0, this.#heads.get(record)!, true);
    this.writeFile(this.#word.bytes, 0, 4, this.positionOf(record));
  };

  /** Staged records lie in the order of staging, so a run of the file may be several pieces of staging. */
  #writeRun = (first: number, count: number): void => {
    let record = first;
    const end = first + count;
    while (record < end) {
      const start = this.#places.get(record)!;
      let records = 1;
      while (
        record + records < end && this.#places.get(record + records) === start + records * this.recordBytes
      ) records++;
      this.writeFile(this.#staging.bytes, start, records * this.recordBytes, this.positionOf(record));
      record += records;
    }
  };

  #enlargeStaging(): void {
    const larger = newBuffer(this.#staging.bytes.length * 2);
    larger.bytes.set(this.#staging.bytes);
    this.#staging = larger;
  }
}

/** Memory, as bytes and through a view. */
interface Buffer {
  bytes: Uint8Array<ArrayBuffer>;
  view: DataView<ArrayBuffer>;
}

function newBuffer(length: number): Buffer {
  const bytes = new Uint8Array(length);
  return { bytes, view: new DataView(bytes.buffer) };
}
