/**
 * A slot file that the system maps into memory: for data larger than that, and as fast where it is there.
 *
 * **What would kill the process.** To touch a page that the disk cannot give is SIGBUS, which no runtime
 * catches. So no record behind the last one is ever touched, and every page has its blocks before it is: `extend`
 * allocates them, and the constructor does for files with holes, as armdb makes them. A full disk is ENOSPC there.
 * What remains: an unreadable disk; a file that somebody else shortens; file systems that copy on write, which
 * promise no block to a later write; and a hole in a file that is only read, on a full tmpfs.
 *
 * **What a kill leaves.** A store reaches the file as it is made, so all wait for `flush` in memory of their own,
 * as those of a positional file do: heads first, each stored in one piece; then records, long runs of them by a write,
 * which takes no fault for each page. One record may be torn, if the kill comes in the middle of it: its CRC tells,
 * and the next scan brings it again.
 *
 * **Windows** lie at fixed places of the file, beyond its end too: growth maps nothing again, and unmaps nothing.
 * A mapping goes when no view of it is left (mmap_deno.ts, mmap_bun.ts), so that one which somebody still holds
 * after `close` stays good.
 *
 * ns per record of 32 bytes, staged and flushed, of 1 M (Deno / Bun, two busy cores, medians of 7 rounds):
 *
 * | | resident | positional | mapped |
 * |---|---|---|---|
 * | 256 at random places | 1268 / 1425 | 1204 / 1527 | 115 / 162 |
 * | one at a random place | 1723 / 2098 | 1638 / 2051 | 323 / 310 |
 * | the same, its page's first after a sync | 3327 / 4803 | 5286 / 3521 | 3734 / 4848 |
 * | one head | 2410 / 1963 | 2110 / 1987 | 271 / 532 |
 * | a read of one, in memory | 64 / 64 | 1078 / 839 | 67 / 60 |
 */

import { DamagedDirectoryError } from "../errors.ts";
import { errorWithCode } from "../error_code.ts";
import { MappedWindow } from "./mapped_window.ts";
import { FileBase, type SlotFile, type SlotFileOptions } from "./slot_file.ts";
import { StagedRecords } from "./staged_records.ts";

/**
 * A window holds at most this many bytes, and as many records as a power of two can have within that.
 *
 * Large, since each costs Deno a garbage collection (2 to 5 ms, whatever the size), as the buffer counts as
 * memory: 16 GiB in windows of 64 MiB take 614 ms to map, in windows of 1 GiB 68. In Bun 8 and 6.
 */
export const WINDOW_BYTES = 2 ** 30;
const LOAD_BYTES = 256 << 10;
const AHEAD_BYTES = 1 << 20;
/**
 * Neighbours of so many bytes are written, not stored: where nobody has touched their pages yet, as in a first copy,
 * 8 KiB take 4 us instead of 11, and where somebody has, 1.4 to 1.8 instead of 0.4. They read back the same.
 */
const WRITE_BYTES = 8 << 10;

/** See the head of this file. */
export class MappedFile extends FileBase implements SlotFile {
  readonly kind = "mapped" as const;
  /** What the system has dropped from memory it reads again, and who knows what comes back: nothing stays checked. */
  readonly inMemory = false;
  readonly loadLimit: number;
  window: Uint8Array;
  view: DataView;
  readonly #path: string;
  readonly #isWritable: boolean;
  readonly #shift: number;
  readonly #mask: number;
  readonly #windows: MappedWindow[] = [];
  /** Records that have a place in the file: to touch one behind them would kill the process. */
  #end = 0;
  readonly #records: StagedRecords;
  readonly #heads = new Map<number, number>();

  constructor(options: SlotFileOptions) {
    super(options);
    this.#path = options.path;
    this.#isWritable = !options.readOnly;
    this.loadLimit = Math.max(1, Math.floor(LOAD_BYTES / options.recordBytes));
    this.#shift = Math.floor(Math.log2(WINDOW_BYTES / options.recordBytes));
    this.#mask = 2 ** this.#shift - 1;
    this.#records = new StagedRecords(options.recordBytes);
    this.window = this.#records.bytes;
    this.view = this.#records.view;
    try {
      this.#mapAll();
    } catch (error) {
      super.close();
      throw error;
    }
  }

  /** Nobody would live to ask. */
  protected override get isCut(): boolean {
    return false;
  }

  at(record: number): number {
    if (this.#records.count > 0) {
      const place = this.#records.placeOf(record);
      if (place >= 0) {
        this.window = this.#records.bytes;
        this.view = this.#records.view;
        return place;
      }
    }
    if (record >= this.#end) throw this.#noRecord(record);
    const window = this.#windows[record >>> this.#shift];
    this.window = window.bytes;
    this.view = window.view;
    return (record & this.#mask) * this.recordBytes;
  }

  /**
   * The system is told what comes, since else it reads by the page: 48 MB/s in order, with this 200 to 900. (To let it
   * guess costs more: it read 500 to 700 KiB for each record at a random place, in 600 us instead of 70.)
   */
  load(first: number, count: number): number {
    const inWindow = this.#mask + 1 - (first & this.#mask);
    const records = Math.min(count, inWindow, this.loadLimit, this.recordCount - first);
    const ahead = count > records ? AHEAD_BYTES : 0;
    this.files.readAhead(this.file, this.positionOf(first), records * this.recordBytes + ahead);
    return records;
  }

  stage(record: number): number {
    if (record >= this.#end) throw this.#noRecord(record);
    this.staged.addRecord(record);
    const place = this.#records.placeFor(record);
    this.window = this.#records.bytes;
    this.view = this.#records.view;
    return place;
  }

  stageHead(record: number, word: number): void {
    if (record >= this.#end) throw this.#noRecord(record);
    this.staged.addHead(record);
    this.#heads.set(record, word);
    this.#records.stageWord(record, word);
  }

  flush(): void {
    if (this.staged.empty) return;
    if (!this.#isWritable || this.#end === 0) {
      throw errorWithCode(`${this.#path} is not open for writing`, "EBADF");
    }
    this.staged.flush(this.#storeHead, this.#storeRun);
    this.#records.clear();
    this.#heads.clear();
  }

  override reserve(recordCount: number): boolean {
    if (this.#hasWindows(recordCount)) return true;
    const first = this.#windows.length * (this.#mask + 1);
    const bytes = this.files.map(this.file, {
      position: this.positionOf(first),
      length: (this.#mask + 1) * this.recordBytes,
      writable: this.#isWritable,
    });
    this.#windows.push(new MappedWindow(bytes, this.recordBytes));
    return this.#hasWindows(recordCount);
  }

  extend(recordCount: number): void {
    if (recordCount <= this.recordCount) return;
    while (!this.reserve(recordCount));
    this.#allocate(this.positionOf(this.recordCount), this.positionOf(recordCount));
    this.recordCount = this.#end = recordCount;
  }

  /** The mapping itself goes when nobody holds a window any more. */
  override close(): void {
    this.#end = 0;
    this.#windows.length = 0;
    this.window = new Uint8Array(0);
    this.view = new DataView(this.window.buffer);
    super.close();
  }

  #mapAll(): void {
    if (this.recordCount === 0) return;
    const bytes = this.positionOf(this.recordCount);
    const size = this.files.size(this.file);
    if (size < bytes) {
      throw new DamagedDirectoryError(
        `Cannot map ${this.#path}: it has ${size} bytes, ${this.recordCount} records end at ${bytes}`,
      );
    }
    // armdb makes its files longer without giving them blocks.
    if (this.#isWritable) this.files.allocate(this.file, 0, bytes);
    while (!this.reserve(this.recordCount));
    this.#end = this.recordCount;
  }

  #hasWindows(recordCount: number): boolean {
    return this.#windows.length * (this.#mask + 1) >= recordCount;
  }

  /** On a full disk it gives back what it got, so that cursor and sidecar can still be written. */
  #allocate(start: number, end: number): void {
    const size = this.files.size(this.file);
    // The header's block stands for the file's length.
    this.noteWrite(0, 1);
    try {
      this.files.allocate(this.file, start, end - start);
    } catch (error) {
      this.files.truncate(this.file, size);
      throw error;
    }
  }

  #storeHead = (record: number): void => {
    const offset = (record & this.#mask) * this.recordBytes;
    this.noteWrite(this.positionOf(record), 4);
    this.#windows[record >>> this.#shift].storeWord(offset, this.#heads.get(record)!);
  };

  /** Staged records lie in the order of staging, and windows end, so a run of the file may be several pieces. */
  #storeRun = (first: number, count: number): void => {
    const { recordBytes } = this;
    const end = first + count;
    for (let record = first; record < end;) {
      const start = this.#records.placeOf(record);
      const most = Math.min(end, (record | this.#mask) + 1);
      let next = record + 1;
      while (next < most && this.#records.placeOf(next) === start + (next - record) * recordBytes) next++;
      const offset = (record & this.#mask) * recordBytes;
      const length = (next - record) * recordBytes;
      this.#storePiece(record, offset, start, length);
      record = next;
    }
  };

  #storePiece(record: number, offset: number, start: number, length: number): void {
    const position = this.positionOf(record);
    if (length >= WRITE_BYTES) return this.writeFile(this.#records.bytes, start, length, position);
    this.noteWrite(position, length);
    this.#windows[record >>> this.#shift].store(offset, this.#records, start, length);
  }

  #noRecord(record: number): RangeError {
    return new RangeError(
      `Cannot reach record ${record} of ${this.#path}: it has ${this.#end} that are open`,
    );
  }
}
