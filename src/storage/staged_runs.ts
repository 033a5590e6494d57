/**
 * In writes of this size a byte costs half of what it does in writes of 8 KiB. Larger ones gain a little more, but have
 * ext4 keep the file in folios so large that each later write of one record takes it half as long again.
 */
const GATHER_BYTES = 64 << 10;
/** A run is kept as one number, `first * MOST_COUNT + count`: exact below 2^53, and sorted as such. */
const MOST_COUNT = 2 ** 22;

/**
 * The records that were staged since the last flush, and their order on the way to the file.
 *
 * Heads go first: where a record moved from one place to another, a crash between the two writes must not
 * leave the old place as the only, or the preferred, one. That holds too for a record that was staged whole and
 * got its head afterwards. A head that a whole record followed is not written: beside the record's old bytes it
 * would be a torn slot. Whole records come as runs of neighbours, since one write of 256 records costs little more
 * than one write of one.
 */
export class StagedRuns {
  /** Heads that no whole record followed, in the order of staging. */
  readonly #heads = new Set<number>();
  /** The runs before the one that is open, as they were staged. */
  #runs = new Float64Array(256);
  #runCount = 0;
  /** The last run, which grows while it is open and neighbours come. */
  #first = 0;
  #end = 0;
  #isOpen = false;
  #ascending = true;
  #records = 0;

  /** Whether nothing is staged. */
  get empty(): boolean {
    return this.#heads.size === 0 && this.#records === 0;
  }

  /** Whether a flush is better made later, of records of a size. Heads wait for nothing: they are written one by one. */
  gathers(recordBytes: number): boolean {
    return this.#heads.size === 0 && this.#records * recordBytes < GATHER_BYTES;
  }

  /** Notes a record whose first 4 bytes changed. */
  addHead(record: number): void {
    this.#heads.add(record);
  }

  /** Notes a record that changed as a whole. */
  addRecord(record: number): void {
    if (this.#heads.size > 0) this.#heads.delete(record);
    if (this.#isOpen && record === this.#end - 1) return;
    this.#records++;
    if (this.#isOpen && record === this.#end && record - this.#first < MOST_COUNT - 1) this.#end++;
    else this.#open(record);
  }

  /**
   * Calls `writeHead` for each head, then `writeRun` for each run of neighbouring records, ascending. Forgets all
   * of them only when every call has returned.
   */
  flush(writeHead: (record: number) => void, writeRun: (first: number, count: number) => void): void {
    for (const record of this.#heads) writeHead(record);
    this.#close();
    if (!this.#ascending) this.#sort();
    this.#eachRun(writeRun);
    this.clear();
  }

  /** Forgets all. */
  clear(): void {
    this.#heads.clear();
    this.#records = this.#runCount = 0;
    this.#first = this.#end = 0;
    this.#isOpen = false;
    this.#ascending = true;
  }

  #open(record: number): void {
    this.#close();
    if (record < this.#first) this.#ascending = false;
    this.#first = record;
    this.#end = record + 1;
    this.#isOpen = true;
  }

  #close(): void {
    if (!this.#isOpen) return;
    if (this.#runCount === this.#runs.length) this.#runs = doubled(this.#runs);
    this.#runs[this.#runCount++] = this.#first * MOST_COUNT + this.#end - this.#first;
    this.#isOpen = false;
  }

  #sort(): void {
    this.#runs.subarray(0, this.#runCount).sort();
    this.#first = Math.floor(this.#runs[this.#runCount - 1] / MOST_COUNT);
    this.#ascending = true;
  }

  /** Runs that touch or overlap are one. */
  #eachRun(writeRun: (first: number, count: number) => void): void {
    let first = 0;
    let end = 0;
    for (let i = 0; i < this.#runCount; i++) {
      const run = this.#runs[i];
      const runFirst = Math.floor(run / MOST_COUNT);
      const runEnd = runFirst + run % MOST_COUNT;
      if (runFirst > end || end === 0) {
        if (end > 0) writeRun(first, end - first);
        first = runFirst;
      }
      if (runEnd > end) end = runEnd;
    }
    if (end > 0) writeRun(first, end - first);
  }
}

function doubled(array: Float64Array<ArrayBuffer>): Float64Array<ArrayBuffer> {
  const larger = new Float64Array(array.length * 2);
  larger.set(array);
  return larger;
}
