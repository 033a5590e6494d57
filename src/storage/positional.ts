import { FileBase, type SlotFile, type SlotFileOptions } from "./slot_file.ts";
import { StagedRecords } from "./staged_records.ts";

const LOAD_BYTES = 256 << 10;

/** A slot file that keeps no record in memory but the staged ones: every other read is a pread. */
export class PositionalFile extends FileBase implements SlotFile {
  readonly kind = "positional" as const;
  readonly inMemory = false;
  readonly loadLimit: number;
  window: Uint8Array;
  view: DataView;
  readonly #record: Buffer;
  #loaded = newBuffer(0);
  #loadedFirst = 0;
  #loadedCount = 0;
  readonly #records: StagedRecords;
  readonly #heads = new Map<number, number>();
  readonly #word = newBuffer(4);

  constructor(options: SlotFileOptions) {
    super(options);
    this.#record = newBuffer(options.recordBytes);
    this.window = this.#record.bytes;
    this.view = this.#record.view;
    this.loadLimit = Math.max(1, Math.floor(LOAD_BYTES / options.recordBytes));
    this.#records = new StagedRecords(options.recordBytes);
  }

  at(record: number): number {
    if (this.#records.count > 0) {
      const place = this.#records.placeOf(record);
      if (place >= 0) return this.#show(this.#records, place);
    }
    if (record >= this.#loadedFirst && record < this.#loadedFirst + this.#loadedCount) {
      return this.#show(this.#loaded, (record - this.#loadedFirst) * this.recordBytes);
    }
    this.#read(this.#record.bytes, this.recordBytes, record);
    return this.#show(this.#record, 0);
  }

  #show({ bytes, view }: Buffer, offset: number): number {
    this.window = bytes;
    this.view = view;
    return offset;
  }

  load(first: number, count: number): number {
    const records = Math.min(count, this.loadLimit, this.recordCount - first);
    this.#loadedCount = 0;
    if (this.#loaded.bytes.length < records * this.recordBytes) this.#enlargeLoaded();
    this.#read(this.#loaded.bytes, records * this.recordBytes, first);
    this.#loadedFirst = first;
    this.#loadedCount = records;
    return records;
  }

  /** Beyond the end of a file that somebody cut there are zeros, not what was read before. */
  #read(bytes: Uint8Array, length: number, record: number): void {
    const read = this.files.read(this.file, bytes, 0, length, this.positionOf(record));
    if (read < length) bytes.fill(0, read, length);
  }

  /** For as many records as a load ever takes: fewer than its limit where the file has fewer, as 255 shards may. */
  #enlargeLoaded(): void {
    this.#loaded = newBuffer(Math.min(this.loadLimit, this.recordCount) * this.recordBytes);
  }

  stage(record: number): number {
    this.staged.addRecord(record);
    return this.#show(this.#records, this.#records.placeFor(record));
  }

  stageHead(record: number, word: number): void {
    this.staged.addHead(record);
    this.#heads.set(record, word);
    this.#records.stageWord(record, word);
  }

  flush(): void {
    if (this.staged.empty) return;
    this.#loadedCount = 0;
    this.staged.flush(this.#writeHead, this.#writeRun);
    this.#records.clear();
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
      const start = this.#records.placeOf(record);
      let records = 1;
      while (
        record + records < end &&
        this.#records.placeOf(record + records) === start + records * this.recordBytes
      ) records++;
      this.writeFile(this.#records.bytes, start, records * this.recordBytes, this.positionOf(record));
      record += records;
    }
  };
}

/** Memory, as bytes and through a view. */
interface Buffer {
  bytes: Uint8Array;
  view: DataView;
}

function newBuffer(length: number): Buffer {
  const bytes = new Uint8Array(length);
  return { bytes, view: new DataView(bytes.buffer) };
}
