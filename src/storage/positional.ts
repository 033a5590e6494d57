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
  readonly #record: Uint8Array<ArrayBuffer>;
  #loaded = new Uint8Array(0);
  #loadedFirst = 0;
  #loadedCount = 0;
  #staging: Uint8Array<ArrayBuffer>;
  readonly #places = new Map<number, number>();
  readonly #heads = new Map<number, number>();
  readonly #staged = new StagedRuns();
  readonly #word = new DataView(new ArrayBuffer(4));
  readonly #wordBytes = new Uint8Array(this.#word.buffer);

  constructor(options: SlotFileOptions) {
    super(options);
    this.#record = new Uint8Array(options.recordBytes);
    this.window = this.#record;
    this.loadLimit = Math.max(1, Math.floor(LOAD_BYTES / options.recordBytes));
    const records = Math.max(1, Math.floor(LEAST_STAGING_BYTES / options.recordBytes));
    this.#staging = new Uint8Array(records * options.recordBytes);
  }

  get unsynced(): boolean {
    return this.hasUnsyncedWrites || !this.#staged.empty;
  }

  at(record: number): number {
    if (this.#places.size > 0) {
      const place = this.#places.get(record);
      if (place !== undefined) {
        this.window = this.#staging;
        return place;
      }
    }
    if (record >= this.#loadedFirst && record < this.#loadedFirst + this.#loadedCount) {
      this.window = this.#loaded;
      return (record - this.#loadedFirst) * this.recordBytes;
    }
    this.window = this.#record;
    this.files.read(this.file, this.#record, 0, this.recordBytes, this.positionOf(record));
    return 0;
  }

  load(first: number, count: number): number {
    if (this.#loaded.length === 0) this.#loaded = new Uint8Array(this.loadLimit * this.recordBytes);
    const records = Math.min(count, this.loadLimit, this.recordCount - first);
    this.#loadedCount = 0;
    this.files.read(this.file, this.#loaded, 0, records * this.recordBytes, this.positionOf(first));
    this.#loadedFirst = first;
    this.#loadedCount = records;
    return records;
  }

  stage(record: number): number {
    this.#staged.addRecord(record);
    let place = this.#places.get(record);
    if (place === undefined) {
      place = this.#places.size * this.recordBytes;
      if (place === this.#staging.length) this.#enlargeStaging();
      this.#places.set(record, place);
    }
    this.window = this.#staging;
    return place;
  }

  stageHead(record: number, word: number): void {
    this.#staged.addHead(record);
    this.#heads.set(record, word);
    const place = this.#places.get(record);
    if (place !== undefined) new DataView(this.#staging.buffer).setUint32(place, word, true);
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
    this.#word.setUint32(0, this.#heads.get(record)!, true);
    this.writeFile(this.#wordBytes, 0, 4, this.positionOf(record));
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
      this.writeFile(this.#staging, start, records * this.recordBytes, this.positionOf(record));
      record += records;
    }
  };

  #enlargeStaging(): void {
    const larger = new Uint8Array(this.#staging.length * 2);
    larger.set(this.#staging);
    this.#staging = larger;
  }
}
