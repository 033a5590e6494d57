import { FileBase, type SlotFile, type SlotFileOptions } from "./slot_file.ts";

/** A window holds at most this many bytes, in whole records. Bun refuses buffers over 4 GiB. */
export const WINDOW_BYTES = 64 << 20;
/**
 * A window holds at least this many records, so that a growing file does not end in a thousand windows; and this many
 * bytes: below, Deno takes them from memory that it clears, and so a window costs what it has room for before anything
 * is in it.
 */
const LEAST_WINDOW_RECORDS = 4096, LEAST_WINDOW_BYTES = 512 << 10;
const LOAD_BYTES = 256 << 10;

/**
 * A slot file with all records in memory: reads cost no I/O, writes go to memory first and to the file in runs.
 *
 * Memory comes in windows of equal size that are added as the file is loaded or grows, and never copied. The first
 * growth of an empty file chooses the size.
 */
export class ResidentFile extends FileBase implements SlotFile {
  readonly kind = "resident" as const;
  readonly inMemory = true;
  readonly loadLimit: number;
  window: Uint8Array;
  view: DataView;
  #shift = 0;
  #mask = 0;
  readonly #windows: Uint8Array[] = [];
  readonly #views: DataView[] = [];

  constructor(options: SlotFileOptions) {
    super(options);
    this.loadLimit = Math.max(1, Math.floor(LOAD_BYTES / options.recordBytes));
    this.reserve(this.recordCount);
    this.window = this.#windows[0] ?? new Uint8Array(0);
    this.view = this.#views[0] ?? new DataView(this.window.buffer);
  }

  at(record: number): number {
    const window = record >>> this.#shift;
    this.window = this.#windows[window];
    this.view = this.#views[window];
    return (record & this.#mask) * this.recordBytes;
  }

  load(first: number, count: number): number {
    const inWindow = this.#mask + 1 - (first & this.#mask);
    const records = Math.min(count, inWindow, this.loadLimit, this.recordCount - first);
    while (!this.#hasWindows(first + 1)) this.#addWindow();
    const offset = this.at(first);
    this.files.read(this.file, this.window, offset, records * this.recordBytes, this.positionOf(first));
    return records;
  }

  stage(record: number): number {
    this.staged.addRecord(record);
    return this.at(record);
  }

  stageHead(record: number, word: number): void {
    this.staged.addHead(record);
    this.#views[record >>> this.#shift].setUint32((record & this.#mask) * this.recordBytes, word, true);
  }

  flush(): void {
    if (!this.staged.empty) this.staged.flush(this.#writeHead, this.#writeRun);
  }

  override reserve(recordCount: number): boolean {
    if (this.#windows.length === 0) this.#chooseSize(recordCount);
    if (this.#hasWindows(recordCount)) return true;
    this.#addWindow();
    return this.#hasWindows(recordCount);
  }

  extend(recordCount: number): void {
    if (recordCount <= this.recordCount) return;
    while (!this.reserve(recordCount));
    this.extendFile(recordCount);
  }

  /** What is staged goes along, a little before its time. */
  protected override rewrite(first: number, count: number): void {
    this.#writeRun(first, count);
  }

  #chooseSize(recordCount: number): void {
    this.#shift = windowShift(recordCount, this.recordBytes);
    this.#mask = 2 ** this.#shift - 1;
  }

  /** Shared memory, as it is not counted towards the next garbage collection: 16 windows cost V8 five, of 4 ms. */
  #addWindow(): void {
    const bytes = new SharedArrayBuffer((this.#mask + 1) * this.recordBytes);
    this.#windows.push(new Uint8Array(bytes));
    this.#views.push(new DataView(bytes));
  }

  #hasWindows(recordCount: number): boolean {
    return this.#windows.length * (this.#mask + 1) >= recordCount;
  }

  #writeHead = (record: number): void => {
    const offset = this.at(record);
    this.writeFile(this.window, offset, 4, this.positionOf(record));
  };

  #writeRun = (first: number, count: number): void => {
    while (count > 0) {
      const offset = this.at(first);
      const records = Math.min(count, this.#mask + 1 - (first & this.#mask));
      this.writeFile(this.window, offset, records * this.recordBytes, this.positionOf(first));
      first += records;
      count -= records;
    }
  };
}

/** log2 of the records of a window: enough for the whole file, within the bounds above. */
function windowShift(recordCount: number, recordBytes: number): number {
  const most = Math.floor(Math.log2(WINDOW_BYTES / recordBytes));
  const least = Math.max(LEAST_WINDOW_RECORDS, LEAST_WINDOW_BYTES / recordBytes);
  const wanted = Math.ceil(Math.log2(Math.max(least, recordCount)));
  return Math.min(wanted, most);
}
